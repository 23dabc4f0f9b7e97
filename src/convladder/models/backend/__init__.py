"""What networks ask of the library that Keras computes with; its module is chosen here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import keras

from convladder.core.backend import JAX


class Backend(Protocol):
    """What each of the two modules offers."""

    BatchNormalization: type[keras.layers.BatchNormalization]
    gradient: Callable[[Callable[[Any], Any], Any], Any]


def _chosen() -> Backend:
    if keras.backend.backend() == JAX:
        from convladder.models.backend import jax

        return cast(Backend, jax)
    from convladder.models.backend import tensorflow

    return cast(Backend, tensorflow)


_backend = _chosen()
BatchNormalization, gradient = _backend.BatchNormalization, _backend.gradient
