"""Logits of networks that are too sure by a temperature that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax


def plant(
    temperature: float, images: int = 4000, seed: int = 0
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return logits that are too sure by a temperature, and labels drawn from the true
    probabilities.
    """
    draw = np.random.default_rng(seed)
    true = 1.5 * draw.normal(size=(images, 5))
    labels = (softmax(true, axis=1).cumsum(axis=1) < draw.random((images, 1))).sum(axis=1)
    return true * temperature, labels
