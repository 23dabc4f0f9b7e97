"""What folds would show of a difference, as seeds on one test split foresee it.

Folds test every image once, so the images' part of the variance falls to that of all images. What
seeds differ by beyond their test images stays, and is what folds differ by beyond theirs. Folds
also differ by their training images, which one split does not show: that is left out.
`benchmarks/claims/folds_or_seeds.py` trains in both ways, and counts how often folds find what is
foreseen here.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from convladder.core.defaults import FOLDS
from convladder.evaluation.cross_validation import training_part
from convladder.evaluation.mixture import SeedPart, chi_square_nodes, of_parts
from convladder.evaluation.prospects import POWER, Variance

MOST_SEEDS = 10  # in each fold, that are told of as needed
PRECISION = 1e-6  # of a difference that is looked for

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Folded:
    """A cross-validation as it could be: two folds or more, seeds in each, and images in all."""

    folds: int
    seeds: int
    images: int

    @property
    def trainings(self) -> int:
        """How often each rung is trained."""
        return self.folds * self.seeds


def detectable(variance: Variance, folded: Folded, level: float) -> float:
    """Return the smallest true difference that folds call in four climbs of five.

    Parameters
    ----------
    variance
        How it varies on one test split.
    level
        What p-values are called below.
    """
    distances, weights, deviation = _needed(variance, folded, level / 2)
    return _least(lambda size: float(ndtr((size - distances) / deviation) @ weights), variance.most)


def equal_within(variance: Variance, folded: Folded, level: float) -> float:
    """Return the smallest margin within which equal rungs are called equal, in four climbs of five.

    level : what the p-value of each side is called below; the rest is as in `detectable`.
    """
    distances, weights, deviation = _needed(variance, folded, level)

    def power(margin: float) -> float:
        inside = 2 * ndtr((margin - distances) / deviation) - 1
        return float(np.maximum(inside, 0.0) @ weights)

    return _least(power, variance.most)


def seeds_for(variance: Variance, images: int, difference: float, level: float) -> int | None:
    """Return with how many seeds in each of five folds a true difference is found.

    In four climbs of five, of so many images in all. None where no number that anyone would train
    is enough.
    """
    numbers = range(1, MOST_SEEDS + 1)
    at = bisect_left(
        numbers,
        True,
        key=lambda seeds: (
            detectable(variance, Folded(FOLDS, seeds, images), level) <= abs(difference)
        ),
    )
    return numbers[at] if at < len(numbers) else None


@lru_cache(maxsize=1024)
def _needed(variance: Variance, folded: Folded, tail: float) -> tuple[Floats, Floats, float]:
    """Return how far out a difference must be to have so small a tail beyond it.

    That hangs on how much the folds happen to differ: `(nodes,)`, with their weights. The last is
    the standard deviation of the difference about its truth.
    """
    smaller = variance.images / folded.images
    of_images = (variance.of_images + variance.residual / folded.seeds) * smaller
    of_training = max(variance.of_seed - variance.residual, 0.0) / folded.seeds
    between = folded.folds * of_images + of_training
    expected = training_part(between, folded.folds, of_images)
    ratios, weights = chi_square_nodes(expected.degrees)
    distances = [
        of_parts(of_images, SeedPart(seen, expected.degrees, expected.residual)).reach(tail)
        for seen in expected.variance * ratios
    ]
    own = expected.variance * of_training / between if between else 0.0
    deviation = max(math.sqrt(of_images + own), PRECISION)
    return np.array(distances), weights, deviation


def _least(power: Callable[[float], float], most: float) -> float:
    """Return the smallest difference that has the power; the largest there is where none has."""
    high = 1.0
    while power(high) <= POWER:
        high *= 2
        if high > most:
            return most
    return float(brentq(lambda size: power(size) - POWER, 0.0, high, xtol=PRECISION))
