"""What accuracies over seeds and a finite test set allow one to say.

The data of a rung is a table of zeros and ones, `(seeds, images)`: was this image right with this
seed? Both axes are samples: other seeds would have been as good, and so would other test images.
Seeds and images cross, so the variance of a mean has a part for each, as in reader studies (readers
are seeds, cases are images): Gallas 2006, "One-shot estimate of MRMC variance: AUC", Academic
Radiology 13. Why seeds at all: Bouthillier et al. 2021, "Accounting for variance in machine
learning benchmarks", MLSys.

**Images.** All rungs are tested on the same images, so a difference is taken image by image, and
its part of the variance is that of the images' mean differences.

**Seeds.** Two rungs' seeds are independent draws and treated so, also where they share a number;
were they positively correlated, this errs on the side of caution. The measured correlation is
reported, and nothing is claimed from it. Their part of the variance is each rung's own, and the
degrees of freedom are those of Welch's test on the accuracies of the seeds (Welch 1947, "The
generalization of Student's problem when several different population variances are involved",
Biometrika 34). The images, being many, would add degrees of freedom; but three seeds say too little
of their own variance to weigh it against that of the images. Nor is the variance pooled over the
rungs of a climb: one unsteady rung would hide the effects of all others.
`benchmarks/claims/false_claims.py` compares these ways on ladders without any effect.

The residual of the two-way layout (what is neither the image's nor the seed's) is in both parts and
not subtracted from either. That is cautious where seeds hardly differ, and a small difference of
two estimates would be a poor estimate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from convladder.evaluation.intervals import LEVEL, wilson

ALPHA = 1 - LEVEL
POWER = 0.8

Correct = NDArray[np.bool_] | NDArray[np.float64]  # right or not, or how often of several times
Verdict = Literal["better", "worse", "no detectable difference", "no comparison"]


@dataclass(frozen=True)
class Estimate:
    """A mean accuracy with its interval; `covers_seeds` is false where it is of one network."""

    mean: float
    low: float
    high: float
    seeds: int
    images: int
    covers_seeds: bool


@dataclass(frozen=True)
class Difference:
    """One rung less another, in accuracy.

    `low`, `high` and `p_value` stand for this comparison alone; `p_corrected` and `verdict` for the
    family that it was asked in. `detectable` is the smallest true difference that four of five such
    climbs would have found. All but `difference` are None where seeds (or folds) are too few.
    `seed_correlation` is between the accuracies of equal seeds, where both rungs have the same
    three or more.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_corrected: float | None = None
    detectable: float | None = None
    seed_correlation: float | None = None
    verdict: Verdict = "no comparison"


# docs/decisions/006-an-interval-covers-seeds-and-test-images.md
def estimate(rung: Correct) -> Estimate:
    """Estimate the mean accuracy of a rung from `(seeds, images)`, with a 95 % interval.

    With two seeds or more the interval covers seeds and test images; with one, the test images
    alone. It is Wilson's interval at the effective number of images, mean (1 - mean) / variance,
    with Student's quantile (Dean and Pagano 2015, "Evaluating confidence interval methods for
    binomial proportions in clustered surveys", Journal of Survey Statistics and Methodology 3).
    Where every seed is right (or wrong) on every image there is no spread to estimate: it is
    Wilson's interval for the images.
    """
    seeds, images = rung.shape
    mean = float(rung.mean())
    effective, degrees = float(images), math.inf
    # then it is a plain share of images
    if 0 < mean < 1 and not (seeds == 1 and rung.dtype == np.bool_):
        variance = _image_variance(rung.mean(axis=0))
        if seeds > 1:
            variance, degrees = variance + _seed_variance(rung), seeds - 1.0
        effective = mean * (1 - mean) / variance if variance > 0 else effective
    low, high = wilson(mean, effective, quantile(1 - ALPHA / 2, degrees))
    return Estimate(mean, low, high, seeds, images, covers_seeds=seeds > 1)


def compare(
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
    family: int | None = None,
) -> list[Difference]:
    """Compare the first rung with the second of each question; the questions are one family.

    Parameters
    ----------
    rungs
        For each rung of the climb its table `(seeds, images)`, over the same images in the same
        order.
    seeds
        For each rung, which seeds its rows are.
    family
        How many questions were to be asked, where not all of them can be: p-values are corrected
        for so many, so that they do not hang on which trials failed.

    A t-test of the mean difference (see the module for its variance). To the images two are added
    on which one rung is right and the other wrong, once either way: two rungs that agree on every
    image of a small test set are then not called equal for certain (Bonett and Price 2012,
    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", Journal of Educational and Behavioral Statistics 37). P-values are corrected by Holm.

    Raises
    ------
    ValueError
        Two rungs are not over equally many images.
    """
    family = family or len(questions)
    found = [_difference(rungs[left], rungs[right], family) for left, right in questions]
    return correlate_seeds(judge(found, family), rungs, questions, seeds)


def judge(found: Sequence[Difference], family: int) -> list[Difference]:
    """Return the differences with verdicts and p-values corrected by Holm, if they have any."""
    judged = list(found)
    tested = [position for position, each in enumerate(found) if each.p_value is not None]
    corrected = holm([found[position].p_value or 0.0 for position in tested], family)
    for position, p_corrected in zip(tested, corrected, strict=True):
        called = verdict(found[position].difference, p_corrected)
        judged[position] = replace(found[position], p_corrected=p_corrected, verdict=called)
    return judged


def correlate_seeds(
    found: Sequence[Difference],
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
) -> list[Difference]:
    """Return the differences with the correlation of seeds, where both rungs have the same."""
    return [
        replace(each, seed_correlation=_seed_correlation(rungs[left], rungs[right]))
        if list(seeds[left]) == list(seeds[right])
        else each
        for each, (left, right) in zip(found, questions, strict=True)
    ]


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Return the p-values corrected by Holm's step-down procedure, in the given order.

    A `family` larger than the number of p-values stands for questions without an answer: their p is
    1.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, ((family or len(p_values)) - rank) * p_values[position]))
        corrected[position] = highest
    return corrected


def _image_variance(by_image: NDArray[np.float64]) -> float:
    return float(by_image.var(ddof=1)) / len(by_image) if len(by_image) > 1 else 0.0


def paired_image_variance(left: Correct, right: Correct) -> float:
    """Return the part of the images in a difference's variance, by Bonett and Price."""
    by_image = np.concatenate([left.mean(axis=0) - right.mean(axis=0), [1.0, -1.0]])
    return _image_variance(by_image)


def _seed_variance(rung: Correct) -> float:
    """Return the part of the seeds in the variance of the mean of `(seeds, images)`."""
    return float(rung.mean(axis=1).var(ddof=1)) / len(rung)


# docs/decisions/005-seeds-are-compared-as-in-welchs-test.md
def _welch_degrees(left: Correct, right: Correct) -> float:
    parts = _seed_variance(left), _seed_variance(right)
    weight = parts[0] ** 2 / (len(left) - 1) + parts[1] ** 2 / (len(right) - 1)
    return sum(parts) ** 2 / weight if weight > 0 else len(left) + len(right) - 2.0


def _difference(left: Correct, right: Correct, family: int) -> Difference:
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"the rungs were tested on {left.shape[1]} and on {right.shape[1]} images")
    difference = float(left.mean() - right.mean())
    if min(len(left), len(right)) < 2:
        return Difference(difference)
    variance = paired_image_variance(left, right) + _seed_variance(left) + _seed_variance(right)
    return t_test(difference, variance, _welch_degrees(left, right), family)


def t_test(difference: float, variance: float, degrees: float, family: int) -> Difference:
    """Test a difference whose variance has so many degrees of freedom, not yet corrected."""
    error = math.sqrt(variance)
    reach = error * quantile(1 - ALPHA / 2, degrees)
    strict = quantile(1 - ALPHA / (2 * family), degrees)
    return Difference(
        difference,
        max(-1.0, difference - reach),
        min(1.0, difference + reach),
        p_value=2 * float(stdtr(degrees, -abs(difference) / error)),
        detectable=min(1.0, error * (strict + quantile(POWER, degrees))),
    )


def verdict(difference: float, p_corrected: float) -> Verdict:
    """Return what a difference with this corrected p-value may be called, at 5 %."""
    if p_corrected >= ALPHA:
        return "no detectable difference"
    return "better" if difference > 0 else "worse"


def _seed_correlation(left: Correct, right: Correct) -> float | None:
    first, second = left.mean(axis=1), right.mean(axis=1)
    if len(left) < 3 or min(first.std(), second.std()) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def quantile(probability: float, degrees: float) -> float:
    """Return Student's quantile; with infinite degrees of freedom, the normal one."""
    return float(ndtri(probability) if math.isinf(degrees) else stdtrit(degrees, probability))
