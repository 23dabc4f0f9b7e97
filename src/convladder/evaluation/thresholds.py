"""From which confidence on is a network as accurate as wanted? Two ways to choose a threshold.

*Guaranteed*: a test on the validation images shows it. *As seen on validation*: the least
confidence that reached it there, with no margin for chance.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from convladder.evaluation.intervals import LEVEL

Basis = Literal["guaranteed", "as-seen"]

FEWEST = 10  # validation images that must be kept for a threshold to be trusted
STEPS = 10  # coverages that are tested
SPARED = 2  # mistakes that the first of them may have, if there are images enough
MOST = 10**9  # validation images that anybody could have

Floats = NDArray[np.float64]


# docs/decisions/095-a-threshold-holds-in-95-of-100-networks.md
def choose_threshold(confidence: Floats, correct: NDArray[np.bool_], wanted: float) -> float | None:
    """Return a confidence above which the accuracy is as wanted, in 95 of 100 networks.

    Ten coverages are tested in a fixed order, the most confident images first, each with an exact
    binomial test at 5 %. The first test that fails ends it, so nothing has to be corrected
    (Angelopoulos et al. 2021, "Learn then test: Calibrating predictive algorithms to achieve risk
    control"; Geifman and El-Yaniv 2017, "Selective classification for deep neural networks").
    Where testing begins depends on the number of images alone.

    In simulations with 270 to 5,000 images (`benchmarks/claims/threshold_claims.py`), the accuracy
    was below the wanted one in 0 to 2.8 % of networks, and in up to 6.6 % where the best of 20
    epochs was chosen on the same images. With a Bonferroni correction in the place of the order,
    34 % of the images were answered, in the place of 39 %.

    Parameters
    ----------
    confidence
        Those of validation images, `(N,)`, from 0 to 1.
    correct
        Whether each is predicted correctly, `(N,)`.
    wanted
        The accuracy, from 0 to 1.

    Returns
    -------
    float or None
        The least confidence; None if the images do not show any.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, wrong = confidence[order], np.cumsum(~correct[order])
    sizes = _sizes(len(ordered), wanted)
    if not len(sizes):
        return None
    ends = np.searchsorted(-ordered, -ordered[sizes - 1], side="right")  # equals stay together
    shown = bdtr(wrong[ends - 1], ends, 1 - wanted) <= 1 - LEVEL
    passed = len(shown) if shown.all() else int(shown.argmin())
    return float(ordered[ends[passed - 1] - 1]) if passed else None


def threshold_as_seen(
    confidence: Floats, correct: NDArray[np.bool_], wanted: float
) -> float | None:
    """Return the least confidence above which the share of correct predictions is as wanted.

    It is the best of many, so on new images the accuracy is below the wanted one about every
    second time: in 49 to 83 % of simulated networks. None where no threshold that keeps at least
    ten images reaches it.
    """
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    ends = np.append(np.diff(confidence[order]) != 0, True)  # equal confidences stay together
    reached = np.flatnonzero(ends & (accuracy >= wanted) & (np.arange(1, len(order) + 1) >= FEWEST))
    return float(confidence[order][reached[-1]]) if len(reached) else None


def fewest_images(wanted: float, mistakes: int = 0) -> int | None:
    """Return how many images show an accuracy if so many of them are predicted wrongly.

    None where no number does.

    >>> fewest_images(0.95), fewest_images(0.99), fewest_images(1.0)
    (59, 299, None)
    """
    low, high = mistakes, 2 * mistakes + 2
    while not _shows(high, mistakes, wanted):
        if high > MOST:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _shows(middle, mistakes, wanted) else (middle, high)
    return high


def _shows(images: int, mistakes: int, wanted: float) -> bool:
    return bool(bdtr(mistakes, images, 1 - wanted) <= 1 - LEVEL)


def _sizes(images: int, wanted: float) -> NDArray[np.integer[Any]]:
    """Return how many of the most confident images each test takes, in the order of the tests."""
    starts = (fewest_images(wanted, mistakes) for mistakes in range(SPARED, -1, -1))
    start = next((each for each in starts if each is not None and each <= images), images + 1)
    start = max(start, FEWEST, math.ceil(images / STEPS))
    if start > images:
        return np.zeros(0, np.int64)
    return np.unique(np.linspace(start, images, STEPS).round().astype(np.int64))
