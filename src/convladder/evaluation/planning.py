"""What a climb would find, by its numbers of seeds and of test images, before anything is trained.

Without results, two guesses stand for them: the accuracy, and how much seeds differ. How many
images two networks answer differently follows from the accuracy, as it did in real climbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convladder.core import defaults
from convladder.evaluation import fold_prospects
from convladder.evaluation.fold_prospects import Folded
from convladder.evaluation.moderation import LEAST_RUNGS
from convladder.evaluation.multiplicity import ALPHA, PLANNED
from convladder.evaluation.prospects import Variance

# Variances over those of an answer that is right by chance alone, accuracy * (1 - accuracy).
# Between seeds of one network 0.37 (digits) and 0.46 (CIFAR-10) of it were measured.
RESIDUAL = 0.4
OWN = 0.08  # which images a rung finds hard that others do not
SHARED_DEGREES = 4.0  # that the rungs of a ladder add to what a rung says of its seeds' spread


def guess(accuracy: float, spread: float, images: int) -> Variance:
    """Return how a difference of two rungs varies with one seed each.

    Parameters
    ----------
    accuracy
        Of both, from 0 to 1.
    spread
        The standard deviation of the accuracies of a rung's seeds, from 0 to 1, that is not of the
        finite test set.
    images
        The number of test images.
    """
    of_answer = accuracy * (1 - accuracy) / images
    residual = 2 * RESIDUAL * of_answer
    return Variance(2 * OWN * of_answer, 2 * spread**2 + residual, residual, images, 1)


def typical(variances: Sequence[Variance]) -> Variance:
    """Return the one in the middle of those that a climb had, with as many seeds for each."""
    return sorted(variances, key=lambda each: each.at(defaults.SEEDS))[len(variances) // 2]


def detectable(variance: Variance, seeds: int, images: int, rungs: int, family: int) -> float:
    """Return the smallest true difference that would be found in four climbs of five.

    Parameters
    ----------
    variance
        How a difference varies.
    seeds, images
        Of the climb: seeds of each rung, two or more, and test images.
    rungs
        Five or more inform each other about how much seeds differ.
    family
        How many comparisons there are.
    """
    return _of_ladder(variance, rungs).detectable(seeds, images, level(family))


def detectable_in_folds(variance: Variance, folded: Folded, family: int) -> float:
    """Do what `detectable` does for folds, in which rungs say nothing of each other."""
    return fold_prospects.detectable(variance, folded, level(family))


def equal_within(variance: Variance, seeds: int, images: int, rungs: int, family: int) -> float:
    """Return the smallest margin within which equal rungs are called equal, in four climbs of five.

    Parameters as of `detectable`.
    """
    return _of_ladder(variance, rungs).equal_within(seeds, images, level(family))


def equal_within_in_folds(variance: Variance, folded: Folded, family: int) -> float:
    """Do what `equal_within` does for folds."""
    return fold_prospects.equal_within(variance, folded, level(family))


def level(family: int) -> float:
    """Return what p-values are called below in so many comparisons, at a single look."""
    return PLANNED * ALPHA / max(family, 1)  # a climb of one rung asks nothing


def _of_ladder(variance: Variance, rungs: int) -> Variance:
    """Return it as so many rungs know of it, five or more of which inform each other."""
    shared = variance.shared
    if rungs < LEAST_RUNGS:
        shared = None
    elif shared is None:
        shared = SHARED_DEGREES
    return replace(variance, shared=shared)
