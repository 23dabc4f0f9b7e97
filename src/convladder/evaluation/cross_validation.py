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

**Images count once.** Those of disjoint folds are independent. Their part of the variance between
folds is therefore not scaled, only what training adds; the true size of that is integrated over
(`mixture`). With more than five folds the shared luck is the larger part, and hides: there the
images count once more. The variance is never less than what the images leave uncertain.

**Seeds are meant first.** The folds vary the training images and, as each is trained anew, the
initial weights: one seed is enough. More seeds make the networks' part of the variance between
folds smaller, not the images'.

`benchmarks/claims/fold_claims.py` trains ladders without any effect. On 300 images 0 to 5 % of 150
climbs had a false claim at five folds, 0 to 4 % at ten and 3 % at twenty (Student's test over the
folds: 3 to 32 %). Intervals of an accuracy covered it in 93 to 100 %. The price is power: a gain
that Student's test found in 37 % of climbs was found in 24 at five folds.

**What this cannot see.** Luck that all folds share does not show between them. The steady learner's
false claims grow with the images, as their own part of the variance shrinks. An earlier test, which
scaled the images' part too, had 6 % of them at ten folds on 3,000 images and 12 % on 10,000, at
five folds 1 and 5 %. So with many images take five folds, or a test set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from convladder.evaluation import statistics
from convladder.evaluation.components import (
    SHARE,
    Components,
    Correct,
    Scale,
    components,
    image_variance,
    paired_image_variance,
)
from convladder.evaluation.differences import Difference, Finding, find, judge
from convladder.evaluation.mixture import SeedPart, of_parts
from convladder.evaluation.statistics import Estimate

LEAST_RATIO = 1 / 9  # of test to training images, that of ten folds
MOST_FOLDS = 5  # between which shared luck still shows

Folds = NDArray[np.int64]


def estimate(
    rung: Correct, folds: Folds, scale: Scale = SHARE, wrong: float | None = None
) -> Estimate:
    """Estimate the mean accuracy of a rung from `(seeds, images)`, with a 95 % interval.

    It is for networks trained on so many images as K - 1 folds have, and covers other training
    images, initial weights and test images. As in `statistics.estimate` it is Wilson's interval at
    the effective number of images, mean (1 - mean) / variance; that number is never more than there
    are images. One fold is no cross-validation, and `statistics.estimate` answers, which says what
    `scale` and `wrong` are.

    Raises
    ------
    ValueError
        There are not as many folds named as images were tested.
    """
    _check(rung, folds)
    own = components(rung, scale)
    by_fold = _fold_means(own.by_image, folds)
    if len(by_fold) < 2:
        return statistics.estimate(rung, scale=scale, wrong=wrong)
    of_images = image_variance(own.by_image)
    training = _training_part(by_fold, of_images)
    low, high = statistics.interval_of(own, of_parts(of_images, training), own.images)
    if wrong is not None:
        low = min(low, statistics.worse_end(own, wrong, [training]))
    return Estimate(own.mean, low, high, own.seeds, own.images, covers_seeds=True)


def compare(
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
    family: int | None = None,
    margin: float | None = None,
    *,
    folds: Folds | Mapping[str, Folds],
) -> list[Difference]:
    """Compare as `statistics.compare` does, by the differences of the folds.

    With one fold nothing can be claimed; with two hardly anything, as one degree of freedom asks
    for a difference of 13 times its standard error, and for more in a family.

    `folds` are of each image; where not all rungs were tested on the same, for each of its own.

    Raises
    ------
    ValueError
        There are not as many folds named as images were tested.
    """
    judged = judge(find_each(rungs, questions, folds), family or len(questions), margin)
    return statistics.correlate_seeds(judged, rungs, questions, seeds)


def find_each(
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    folds: Folds | Mapping[str, Folds],
    scale: Scale = SHARE,
) -> list[Finding | Difference]:
    """Return what is found about each question, before its family is known.

    scale : of the metric, if it is not accuracy.

    Raises
    ------
    ValueError
        There are not as many folds named as images were tested.
    """
    for name in {name for question in questions for name in question}:
        _check(rungs[name], folds[name] if isinstance(folds, Mapping) else folds)
    parts = {name: components(rung, scale) for name, rung in rungs.items()}
    return [
        _find(parts[left], parts[right], folds[left] if isinstance(folds, Mapping) else folds)
        for left, right in questions
    ]


def _find(left: Components, right: Components, folds: Folds) -> Finding | Difference:
    by_image = left.by_image - right.by_image
    by_fold = _fold_means(by_image, folds)
    difference, seeds = left.mean - right.mean, min(left.seeds, right.seeds)
    if len(by_fold) < 2:
        return Difference(difference, seeds=seeds)
    training = _training_part(by_fold, image_variance(by_image))
    scatter = of_parts(paired_image_variance(left, right), training)
    for_equality = statistics.scatter_for_equality(left, right, [training])
    return replace(find(difference, scatter, left.scale.most, for_equality), seeds=seeds)


def _training_part(by_fold: NDArray[np.float64], of_images: float) -> SeedPart:
    return training_part(float(by_fold.var(ddof=1)), len(by_fold), of_images)


# docs/decisions/027-cross-validation-is-compared-over-folds.md
def training_part(between_folds: float, count: int, of_images: float) -> SeedPart:
    """Return what training adds to the images' variance of a mean over folds.

    Images of disjoint folds are independent, and count once. What is left of the variance between
    so many folds is scaled for the training images that they share. With more than five folds luck
    that all share is the larger part, and does not show between them: then images count twice.
    """
    scale = 1 / count + max(1 / (count - 1), LEAST_RATIO)
    residual = scale * count * of_images if count <= MOST_FOLDS else 0.0
    return SeedPart(scale * between_folds, count - 1, residual)


def _fold_means(by_image: NDArray[np.float64], folds: Folds) -> NDArray[np.float64]:
    """Return `(K,)`, the mean of each fold's images."""
    _, numbers = np.unique(folds, return_inverse=True)
    means: NDArray[np.float64] = np.bincount(numbers, weights=by_image) / np.bincount(numbers)
    return means


def _check(rung: Correct, folds: Folds) -> None:
    if len(folds) != rung.shape[1]:
        raise ValueError(
            f"the rung was tested on {rung.shape[1]:,} images, but folds names the folds of "
            f"{len(folds):,}"
        )
