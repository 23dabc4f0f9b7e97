"""What accuracies over seeds and a finite test set allow one to say.

The data of a rung is a table of zeros and ones, `(seeds, images)`: was this image right with this
seed? Both axes are samples: other seeds would have been as good, and so would other test images.
Why seeds at all: Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks",
MLSys.

**Images.** All rungs are tested on the same images, so a difference is taken image by image
(`components`).

**Seeds.** Two rungs' seeds are independent draws and treated so, also where they share a number;
were they positively correlated, this errs on the side of caution. The measured correlation is
reported, and nothing is claimed from it. A few seeds say little of their own variance. So its true
value is integrated over (`mixture`), and five rungs or more inform each other (`moderation`).

**The residual** of the two-way layout (what is neither the image's nor the seed's) is in both parts
and is counted once.

The training images and their split are the same for all seeds: nothing is said about others. Folds
vary them (`cross_validation`). `benchmarks/claims/false_claims.py` compares ways to judge on
ladders without any effect, and what they find where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from convladder.evaluation import moderation, multiplicity
from convladder.evaluation.components import (
    Components,
    Correct,
    components,
    image_variance,
    paired_image_variance,
)
from convladder.evaluation.intervals import NORMAL, wilson
from convladder.evaluation.mixture import Mixture, of_parts, welch
from convladder.evaluation.moderation import Spread, seed_part
from convladder.evaluation.multiplicity import ALPHA, InFamily, Interval, Margin

POWER = 0.8

Verdict = Literal["better", "worse", "equal", "undecided", "no comparison"]


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

    `low`, `high` and `p_value` stand for this comparison alone; `p_corrected`, `verdict`,
    `family_low` and `family_high` for the family that it was asked in: all intervals of a family
    hold at once in 95 of 100. `detectable` is the smallest true difference that would have been
    called in four of five such climbs. `p_equal` is that of a true difference of at least `margin`,
    either way, corrected for the family; both are None where no margin was asked for. All but
    `difference` are None where seeds (or folds) are too few. `seed_correlation` is between the
    accuracies of equal seeds, where both rungs have the same three or more.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_corrected: float | None = None
    family_low: float | None = None
    family_high: float | None = None
    detectable: float | None = None
    margin: float | None = None
    p_equal: float | None = None
    seed_correlation: float | None = None
    verdict: Verdict = "no comparison"


@dataclass(frozen=True)
class Finding:
    """A difference before its family is known.

    interval : its interval by how often that may miss.
    p_equal : the p-value of a true difference of at least a margin, either way.
    detectable : the smallest that is found in four of five, by the size of the family, if known.
    """

    difference: float
    p_value: float
    interval: Interval
    p_equal: Callable[[float], float]
    detectable: Callable[[int], float] | None = None


# docs/decisions/006-an-interval-covers-seeds-and-test-images.md
def estimate(rung: Correct, spread: Spread | None = None) -> Estimate:
    """Estimate the mean accuracy of a rung from `(seeds, images)`, with a 95 % interval.

    With two seeds or more the interval covers seeds and test images; with one, the test images
    alone. It is Wilson's interval at the effective number of images, mean (1 - mean) / variance
    (Dean and Pagano 2015, "Evaluating confidence interval methods for binomial proportions in
    clustered surveys", Journal of Survey Statistics and Methodology 3). Where every seed is right
    (or wrong) on every image there is no spread to estimate: it is Wilson's interval for the
    images.

    spread : the rung's of `moderation.spreads`; without it, its own.
    """
    own = components(rung)
    parts = []
    if own.seeds > 1:
        spread = spread or Spread(own.between_seeds, own.seeds - 1, moderated=False)
        parts = [seed_part(own, spread)]
    # one network's is a plain share of images
    plain = own.seeds == 1 and rung.dtype == np.bool_
    scatter = None if plain else of_parts(image_variance(own.by_image), *parts)
    # seeds that err on other images by chance seem to be surer than all of their answers are
    low, high = interval_of(own, scatter, own.images * own.seeds)
    return Estimate(own.mean, low, high, own.seeds, own.images, covers_seeds=own.seeds > 1)


def interval_of(rung: Components, scatter: Mixture | None, most: int) -> tuple[float, float]:
    """Return Wilson's interval at the effective number of images.

    scatter : of the mean about its truth; None for a plain share of the images. most : as how many
        images the mean may count at the most.
    """
    spread = rung.mean * (1 - rung.mean)
    effective = float(rung.images)
    if scatter is not None and spread > 0:
        error = scatter.reach(ALPHA / 2) / NORMAL
        effective = spread / max(error, math.sqrt(spread / most)) ** 2
    return wilson(rung.mean, effective, NORMAL)


def compare(
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
    family: int | None = None,
    margin: float | None = None,
) -> list[Difference]:
    """Compare the first rung with the second of each question; the questions are one family.

    Parameters
    ----------
    rungs
        For each rung of the climb its table `(seeds, images)`, over the same images in the same
        order. Five or more inform each other about how much seeds differ.
    seeds
        For each rung, which seeds its rows are.
    family
        How many questions were to be asked, where not all of them can be: p-values are corrected
        for so many, so that they do not hang on which trials failed.
    margin
        How small a difference in accuracy counts for nothing, such as 0.01. With it, differences
        may be called equal, by two one-sided tests (Schuirmann 1987, "A comparison of the two
        one-sided tests procedure and the power approach for assessing the equivalence of average
        bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15).

    Returns
    -------
    list
        A `Difference` a question, in order. P-values are corrected by Holm.

    Raises
    ------
    ValueError
        Two rungs are not over equally many images.
    """
    parts = {name: components(rung) for name, rung in rungs.items()}
    known = moderation.spreads(parts)
    found = [_find(parts[left], parts[right], known, (left, right)) for left, right in questions]
    judged = judge(found, family or len(questions), margin)
    return correlate_seeds(judged, rungs, questions, seeds)


def judge(
    found: Sequence[Finding | Difference], family: int, margin: float | None = None
) -> list[Difference]:
    """Return the differences with verdicts, p-values and intervals of their family.

    Those that nothing could be found about are returned as they are.
    """
    tested = [each for each in found if isinstance(each, Finding)]
    in_family = iter(
        multiplicity.judge(
            [each.difference for each in tested],
            [each.p_value for each in tested],
            [each.interval for each in tested],
            family,
            Margin(margin, [each.p_equal(margin) for each in tested]) if margin else None,
        )
    )
    return [
        each if isinstance(each, Difference) else _judged(each, next(in_family), family, margin)
        for each in found
    ]


def _judged(found: Finding, judged: InFamily, family: int, margin: float | None) -> Difference:
    low, high = found.interval(ALPHA)
    return Difference(
        found.difference,
        low,
        high,
        found.p_value,
        judged.p_corrected,
        judged.low,
        judged.high,
        found.detectable(family) if found.detectable else None,
        margin,
        judged.p_equal,
        verdict=_verdict(found.difference, judged),
    )


def _verdict(difference: float, judged: InFamily) -> Verdict:
    if judged.decided:
        return "better" if difference > 0 else "worse"
    return "equal" if judged.equal else "undecided"


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


def find(difference: float, spread: Mixture) -> Finding:
    """Return what a difference shows that scatters so about the truth."""
    return Finding(
        difference,
        spread.p_value(difference),
        partial(_interval, difference, spread),
        partial(_p_equal, difference, spread),
        partial(_detectable, spread),
    )


def _find(
    left: Components, right: Components, known: Mapping[str, Spread], question: tuple[str, str]
) -> Finding | Difference:
    if left.images != right.images:
        raise ValueError(f"the rungs were tested on {left.images} and on {right.images} images")
    difference = left.mean - right.mean
    if min(left.seeds, right.seeds) < 2:
        return Difference(difference)
    first, second = (known[name] for name in question)
    parts = [seed_part(left, first), seed_part(right, second)]
    # docs/decisions/005-what-seeds-may-vary-by-is-integrated-over.md
    seeds = parts if first.moderated and second.moderated else [welch(parts)]
    return find(difference, of_parts(paired_image_variance(left, right), *seeds))


def _interval(difference: float, spread: Mixture, misses: float) -> tuple[float, float]:
    reach = spread.reach(misses / 2)
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def _p_equal(difference: float, spread: Mixture, margin: float) -> float:
    """Return the larger p-value of two one-sided tests."""
    return spread.tail(margin - abs(difference))


def _detectable(spread: Mixture, family: int) -> float:
    return min(1.0, spread.reach(ALPHA / (2 * family)) + spread.reach(1 - POWER))


def _seed_correlation(left: Correct, right: Correct) -> float | None:
    first, second = left.mean(axis=1), right.mean(axis=1)
    if len(left) < 3 or min(first.std(), second.std()) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])
