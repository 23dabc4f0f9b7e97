"""What networks ask of JAX by name: gradients. Its compiler fuses batch normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import keras

BatchNormalization = keras.layers.BatchNormalization


def gradient(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the gradient of what a function makes of values, summed, at these values."""
    return jax.grad(lambda at: function(at).sum())(values)
