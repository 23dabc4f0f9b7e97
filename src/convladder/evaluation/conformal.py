"""Which classes can an image be of? Sets of classes that hold the true one as often as promised.

Split conformal prediction with the score 1 - probability of the true class (Sadinle, Lei and
Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error levels", JASA 114;
Angelopoulos and Bates 2021, "A gentle introduction to conformal prediction and distribution-free
uncertainty quantification"). Needs NumPy alone, as bundles do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import ExperimentError

COVERAGE = 0.95  # of the sets that are shown


# docs/decisions/096-a-prediction-set-holds-the-true-class.md
def least_probability(of_true_class: NDArray[np.float64], coverage: float) -> float | None:
    """Return the probability from which on a class belongs to the set of an image.

    The score of an image is 1 less the probability of its true class. The quantile of these is the
    ceil((n + 1) * coverage)-th smallest of n. Sets that are made with it hold the true class of new
    images like these with a chance of at least `coverage`, averaged over networks and images.

    Parameters
    ----------
    of_true_class
        The probability of the true class of each validation image, `(N,)`, from 0 to 1.
    coverage
        The share of images whose set should hold the true class, above 0 and below 1.

    Returns
    -------
    float or None
        From 0 to 1; None where there are fewer images than `fewest_images`.

    >>> least_probability(np.linspace(0.01, 0.99, 99), 0.95)
    0.05
    """
    images = len(of_true_class)
    held = _images_held(images, coverage)
    return float(np.sort(of_true_class)[images - held]) if held <= images else None


def check_coverage(coverage: float) -> None:
    """Raise ExperimentError where a coverage is no share that sets can have."""
    if not 0 < coverage < 1:
        raise ExperimentError(
            "the coverage of prediction sets must be above 0 and below 1, such as 0.95; got "
            f"{coverage:g}"
        )


def fewest_images(coverage: float) -> int:
    """Return how many validation images it takes at least to promise a coverage.

    >>> fewest_images(0.9), fewest_images(0.95), fewest_images(0.99)
    (9, 19, 99)
    """
    share = _exact(coverage)
    return math.ceil(share / (1 - share))


def members(probabilities: NDArray[Any], least: float) -> NDArray[np.bool_]:
    """Return which classes are in the set of each image, `(N, classes)`.

    The likeliest class is always among them: no set is empty, which can only raise the coverage.
    """
    belongs: NDArray[np.bool_] = probabilities >= least
    belongs[np.arange(len(belongs)), probabilities.argmax(axis=1)] = True
    return belongs


def possible_classes(
    probabilities: NDArray[Any], class_names: Sequence[str], least: float
) -> list[tuple[str, ...]]:
    """Return the set of each image by the names of its classes, the likeliest first.

    >>> possible_classes(np.array([[0.3, 0.6, 0.1], [0.1, 0.1, 0.8]]), "abc", 0.2)
    [('b', 'a'), ('c',)]
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sizes = members(probabilities, least).sum(axis=1)
    return [
        tuple(class_names[place] for place in places[:size])
        for places, size in zip(order, sizes, strict=True)
    ]


def _images_held(images: int, coverage: float) -> int:
    """Return how many of the validation images, and perhaps more than all, the sets must hold."""
    return math.ceil((images + 1) * _exact(coverage))


def _exact(coverage: float) -> Fraction:
    """Return a share as it is written: 20 * 0.95 is 19, and not a little more or less."""
    return Fraction(str(coverage))
