"""What accuracies over seeds and a finite test set allow one to say.

The data of a rung is a table of zeros and ones, `(seeds, images)`: was this image right with this seed?
Both axes are samples: other seeds would have been as good, and so would other test images. Seeds and
images cross, so an interval must carry both; that is the two-way random-effects model of reader studies
(readers are seeds, cases are images):

- Gallas 2006, "One-shot estimate of MRMC variance: AUC", Academic Radiology 13.
- Hillis 2007, "A comparison of denominator degrees of freedom methods for multiple observer ROC
  analysis", Statistics in Medicine 26: degrees of freedom by Satterthwaite, none negative.
- Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks", MLSys: why seeds.

All rungs are tested on the same images, so a difference is taken image by image. Their seeds are
independent draws and treated so, also where two rungs share the number of a seed: were they positively
correlated, this would err on the side of caution. The measured correlation is reported, nothing is
claimed from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
ALPHA = 1 - LEVEL
POWER = 0.8

Correct = NDArray[np.bool_]
Verdict = Literal["better", "worse", "no detectable difference", "no comparison"]


@dataclass(frozen=True)
class Estimate:
    """A mean accuracy with its interval. `covers_seeds` is false where there was one seed only."""

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
    family that it was asked in. `detectable` is the least true difference that would have been called in four of
    five such climbs. All but `difference` are None where seeds are too few. `seed_correlation` is
    between the accuracies of equal seeds, where both rungs have the same three or more.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_corrected: float | None = None
    detectable: float | None = None
    seed_correlation: float | None = None
    verdict: Verdict = "no comparison"


@dataclass(frozen=True)
class _Variance:
    """The variance of a mean, with its degrees of freedom."""

    value: float
    degrees: float


def estimate_accuracy(correct: Correct) -> Estimate:
    """Estimate the mean accuracy of a rung from `(seeds, images)`, with a 95 % interval.

    With two seeds or more the interval covers seeds and test images; with one, the test images alone.
    It is Wilson's interval at the effective number of images, mean (1 - mean) / variance, with Student's
    quantile (Dean and Pagano 2015, "Evaluating confidence interval methods for binomial proportions in
    clustered surveys", Journal of Survey Statistics and Methodology 3); so it is sound near 0 and 1 too.
    """
    seeds, images = correct.shape
    mean = float(correct.mean())
    variance = _variance(_components(correct))
    spread = mean * (1 - mean)
    # all right, or all wrong: the seeds agree, and the images alone count
    effective = spread / variance.value if spread > 0 and variance.value > 0 else float(images)
    low, high = _wilson(mean, effective, _quantile(1 - ALPHA / 2, variance.degrees))
    return Estimate(mean, low, high, seeds, images, covers_seeds=seeds > 1)


def compare(
    pairs: Sequence[tuple[Correct, Correct]], seeds: Sequence[tuple[Sequence[int], Sequence[int]]] | None = None
) -> list[Difference]:
    """Compare the first with the second of each pair: one family of questions, corrected by Holm.

    Parameters
    ----------
    pairs
        Tables `(seeds, images)` over the same images in the same order; the numbers of seeds may differ.
    seeds
        Which seeds the rows of each pair's tables are, for the seed correlation.

    The variance of a difference is that of both rungs' seeds plus that of the images' differences; its
    degrees of freedom are Satterthwaite's. To the images, two are added on which one rung is right and the other
    wrong, once either way (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data", Journal of Educational and Behavioral Statistics 37): two
    rungs that agree on every image of a small test set are then not called equal for certain.
    Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Raises
    ------
    ValueError
        The tables of a pair are not over equally many images.
    """
    raw = [_raw_difference(left, right, len(pairs)) for left, right in pairs]
    tested = [position for position, result in enumerate(raw) if result.p_value is not None]
    corrected = holm([raw[position].p_value or 0.0 for position in tested])
    by_position = dict(zip(tested, corrected, strict=True))
    return [
        _concluded(result, by_position.get(position), _seed_correlation(*pairs[position], seeds[position] if seeds else None))
        for position, result in enumerate(raw)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected by Holm's step-down procedure, in the given order.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        corrected[position] = highest
    return corrected


def _components(correct: Correct) -> list[tuple[float, float]]:
    """Return the parts of the variance of the grand mean as (value, degrees of freedom).

    With mean squares of the two-way layout without replication, `MS_seed`, `MS_image` and `MS_rest`, the
    variance is `(MS_seed + MS_image - MS_rest) / (seeds * images)`.
    """
    seeds, images = correct.shape
    by_image = correct.mean(axis=0)
    image_part = float(by_image.var(ddof=1)) / images if images > 1 else 0.0
    parts = [(image_part, images - 1.0)]
    if seeds > 1:
        parts.append((_seed_part(correct), seeds - 1.0))
    return parts


def _seed_part(correct: Correct) -> float:
    """Return the variance that the choice of seeds adds to a rung's mean, beyond what the images explain."""
    seeds, images = correct.shape
    by_seed, by_image = correct.mean(axis=1), correct.mean(axis=0)
    of_seeds = float(by_seed.var(ddof=1)) / seeds
    # residual mean square from sums of squares; for zeros and ones the sum of squares is the sum
    total = float(correct.mean())
    squares = total - float((by_seed**2).mean()) - float((by_image**2).mean()) + total**2
    rest = max(0.0, squares) * seeds * images / ((seeds - 1) * max(1, images - 1))
    return max(0.0, of_seeds - rest / (seeds * images))


def _variance(parts: Sequence[tuple[float, float]]) -> _Variance:
    """Add the parts up, with Satterthwaite's degrees of freedom."""
    total = sum(value for value, _ in parts)
    weight = sum(value**2 / degrees for value, degrees in parts if degrees > 0)
    return _Variance(total, total**2 / weight if weight > 0 else math.inf)


def _raw_difference(left: Correct, right: Correct, family: int) -> Difference:
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"the rungs were tested on {left.shape[1]} and on {right.shape[1]} images")
    difference = float(left.mean() - right.mean())
    if min(len(left), len(right)) < 2:
        return Difference(difference)
    by_image = np.concatenate([left.mean(axis=0) - right.mean(axis=0), [1.0, -1.0]])
    parts = [(float(by_image.var(ddof=1)) / len(by_image), len(by_image) - 1.0)]
    parts += [(_seed_part(rung), len(rung) - 1.0) for rung in (left, right)]
    variance = _variance(parts)
    error = math.sqrt(variance.value)
    reach = error * _quantile(1 - ALPHA / 2, variance.degrees)
    p_value = 2 * float(stats.t.sf(abs(difference) / error, variance.degrees))
    strict = _quantile(1 - ALPHA / (2 * family), variance.degrees)
    return Difference(
        difference,
        max(-1.0, difference - reach),
        min(1.0, difference + reach),
        p_value,
        detectable=min(1.0, error * (strict + _quantile(POWER, variance.degrees))),
    )


def _concluded(result: Difference, p_corrected: float | None, correlation: float | None) -> Difference:
    verdict: Verdict = "no comparison"
    if p_corrected is not None:
        verdict = "no detectable difference"
        if p_corrected < ALPHA:
            verdict = "better" if result.difference > 0 else "worse"
    values = vars(result) | {"p_corrected": p_corrected, "seed_correlation": correlation, "verdict": verdict}
    return Difference(**values)


def _seed_correlation(
    left: Correct, right: Correct, seeds: tuple[Sequence[int], Sequence[int]] | None
) -> float | None:
    if seeds is None or len(left) < 3 or list(seeds[0]) != list(seeds[1]):
        return None
    accuracies = left.mean(axis=1), right.mean(axis=1)
    if min(values.std() for values in accuracies) == 0:
        return None
    return float(np.corrcoef(*accuracies)[0, 1])


def _wilson(mean: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22."""
    shrink = 1 + quantile**2 / size
    centre = (mean + quantile**2 / (2 * size)) / shrink
    reach = quantile / shrink * math.sqrt(mean * (1 - mean) / size + quantile**2 / (4 * size**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def _quantile(probability: float, degrees: float) -> float:
    return float(stats.norm.ppf(probability) if math.isinf(degrees) else stats.t.ppf(probability, degrees))
