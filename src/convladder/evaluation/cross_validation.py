"""What K-fold cross-validation allows one to say.

Each rung is trained once for every fold (and seed) on the other folds, and the predictions of the K
networks of a seed test every image once. So a rung has its table `(seeds, images)` as in
`statistics`, and `folds`, `(images,)`, says in which fold an image was tested, alike for all rungs
and seeds. The folds are taken to be of similar size.

**Folds are not independent.** Two folds share most of their training images, so what luck a rung
has with them is shared too, and no unbiased estimator of the variance of their mean exists (Bengio
and Grandvalet 2004, "No unbiased estimator of the variance of k-fold cross-validation", JMLR 5).
The variance between folds is therefore scaled by 1 / K + n_test / n_train in the place of 1 / K,
with K - 1 degrees of freedom (Nadeau and Bengio 2003, "Inference for the generalization error",
Machine Learning 52; for folds Bouckaert and Frank 2004, "Evaluating the replicability of
significance tests for comparing learning algorithms", PAKDD).

**More than ten folds count as ten in n_test / n_train.** That ratio, 1 / (K - 1), falls with K, but
luck that is shared does not: with twenty folds of 300 to 3,000 images the published variance led to
a false claim in 8 to 15 % of climbs with a learner that picks the same features in most folds, and
the ratio of ten folds in 3 to 5 %.

**Images are a floor.** Few folds may agree by chance, and their variance then says nothing. It is
never taken to be less than what so many images would leave uncertain.

**Seeds are meant first.** The folds vary the training images and, as each is trained anew, the
initial weights: one seed is enough. More seeds make the networks' part of the variance between
folds smaller, not the images'.

`benchmarks/claims/fold_claims.py` trains ladders without any effect. On 300 images 0 to 3 % of
climbs had a false claim with unsteady learners, and with that steady one 1 % at five folds and 5 %
at ten (Student's test over the folds: 3 to 25 %). Intervals of an accuracy covered it in 95 to
100 % (Wilson's for the images: 80 to 94 %). The price is power: a gain that Student's test found in
37 % of climbs was found in 14.

**What this cannot see.** Luck that all folds share does not show between them. The steady learner's
false claims grow with the images, as their own part of the variance shrinks: at ten folds 6 % on
3,000 and 12 % on 10,000, at five 1 and 5 %; intervals covered the accuracy in 92 and 83 %, at five
folds in 98 and 93 %. So with many images take five folds, or a test set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convladder.evaluation import statistics
from convladder.evaluation.intervals import wilson
from convladder.evaluation.statistics import ALPHA, Correct, Difference, Estimate

LEAST_RATIO = 1 / 9  # of test to training images, that of ten folds

Folds = NDArray[np.int64]


def estimate(rung: Correct, folds: Folds) -> Estimate:
    """Estimate the mean accuracy of a rung from `(seeds, images)`, with a 95 % interval.

    It is for networks trained on so many images as K - 1 folds have, and covers other training
    images, initial weights and test images. As in `statistics.estimate` it is Wilson's interval at
    the effective number of images, mean (1 - mean) / variance, with Student's quantile; that number
    is never more than there are images. One fold is no cross-validation, and `statistics.estimate`
    answers.

    Raises
    ------
    ValueError
        There are not as many folds named as images were tested.
    """
    _check(rung, folds)
    by_fold = _fold_means(rung.mean(axis=0), folds)
    if len(by_fold) < 2:
        return statistics.estimate(rung)
    seeds, images = rung.shape
    mean = float(rung.mean())
    variance = _corrected_variance(by_fold)
    effective = min(images, mean * (1 - mean) / variance) if variance > 0 else images
    quantile = statistics.quantile(1 - ALPHA / 2, len(by_fold) - 1)
    low, high = wilson(mean, effective, quantile)
    return Estimate(mean, low, high, seeds, images, covers_seeds=True)


def compare(
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
    family: int | None = None,
    *,
    folds: Folds | Mapping[str, Folds],
) -> list[Difference]:
    """Compare as `statistics.compare` does, by the differences of the folds.

    A t-test of the mean difference over all images (see the module for its variance). The floor of
    the variance is that of the images' differences with Bonett and Price's two images, so that
    neither rungs that agree on every image nor folds that tie are certain. With one fold nothing
    can be claimed; with two hardly anything, as one degree of freedom asks for a difference of 13
    times its standard error, and for more in a family.

    `folds` are of each image; where not all rungs were tested on the same, for each of its own.

    Raises
    ------
    ValueError
        There are not as many folds named as images were tested.
    """
    family = family or len(questions)
    found = [
        _difference(
            rungs[left], rungs[right], folds[left] if isinstance(folds, Mapping) else folds, family
        )
        for left, right in questions
    ]
    return statistics.correlate_seeds(statistics.judge(found, family), rungs, questions, seeds)


def _difference(left: Correct, right: Correct, folds: Folds, family: int) -> Difference:
    _check(left, folds)
    _check(right, folds)
    difference = float(left.mean() - right.mean())
    by_fold = _fold_means(left.mean(axis=0) - right.mean(axis=0), folds)
    if len(by_fold) < 2:
        return Difference(difference)
    variance = max(_corrected_variance(by_fold), statistics.paired_image_variance(left, right))
    return statistics.t_test(difference, variance, len(by_fold) - 1, family)


def _fold_means(by_image: NDArray[np.float64], folds: Folds) -> NDArray[np.float64]:
    """Return `(K,)`, the mean of each fold's images."""
    _, numbers = np.unique(folds, return_inverse=True)
    means: NDArray[np.float64] = np.bincount(numbers, weights=by_image) / np.bincount(numbers)
    return means


# docs/decisions/027-cross-validation-is-compared-over-folds.md
def _corrected_variance(by_fold: NDArray[np.float64]) -> float:
    """Return the variance of the mean of `(K,)`, corrected for what folds share in training."""
    count = len(by_fold)
    ratio = max(1 / (count - 1), LEAST_RATIO)
    return (1 / count + ratio) * float(by_fold.var(ddof=1))


def _check(rung: Correct, folds: Folds) -> None:
    if len(folds) != rung.shape[1]:
        raise ValueError(
            f"the rung was tested on {rung.shape[1]:,} images, but folds names the folds of "
            f"{len(folds):,}"
        )
