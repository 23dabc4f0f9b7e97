"""Differences between two rungs: what is found about each, and what their family makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from convladder.evaluation import multiplicity
from convladder.evaluation.mixture import Mixture
from convladder.evaluation.multiplicity import ALPHA, InFamily, Interval, Margin
from convladder.evaluation.prospects import POWER, Variance

Verdict = Literal["better", "worse", "equal", "undecided", "no comparison"]


@dataclass(frozen=True)
class Difference:
    """One rung less another, in accuracy or another metric.

    `low`, `high` and `p_value` stand for this comparison alone; `p_corrected`, `verdict`,
    `family_low` and `family_high` for the family that it was asked in: all intervals of a family
    hold at once in 95 of 100. `detectable` is the smallest true difference that would have been
    called in four of five such climbs. `p_equal` is that of a true difference of at least `margin`,
    either way, corrected for the family; both are None where no margin was asked for. All but
    `difference` are None where seeds (or folds) are too few. `seeds` is of how many seeds of each
    rung it is made: the fewer, where they are not equally many. `seed_correlation` is between the
    accuracies of equal seeds, where both rungs have the same three or more. If an undecided
    difference is as large as it looks, `seeds_needed` or `images_needed` would show it in four of
    five climbs; None where no number, or none that anyone could train or collect, is enough. In the
    place of `seeds_needed` stands `fold_seeds_needed`, seeds in each of five folds, where folds are
    possible and take no more trainings than the seeds that are lacking.
    `chance_better` and `chance_worse` are how probable it is that the true difference is larger
    than the margin (or zero), either way, if all differences were as likely beforehand (as Benavoli
    et al. 2017, "Time for a change: a tutorial for comparing multiple classifiers through Bayesian
    analysis", JMLR 18).
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
    seeds: int | None = None
    seeds_needed: int | None = None
    images_needed: int | None = None
    fold_seeds_needed: int | None = None
    chance_better: float | None = None
    chance_worse: float | None = None
    seed_correlation: float | None = None
    verdict: Verdict = "no comparison"

    @property
    def is_called(self) -> bool:
        """Whether it is shown not to be zero."""
        return self.verdict in ("better", "worse")

    def turned(self) -> Difference:
        """Return it for a metric of which less is better; what is better stays better."""
        return replace(
            self,
            difference=-self.difference,
            low=_minus(self.high),
            high=_minus(self.low),
            family_low=_minus(self.family_high),
            family_high=_minus(self.family_low),
        )


def _minus(number: float | None) -> float | None:
    return None if number is None else 0.0 - number


@dataclass(frozen=True)
class Finding:
    """A difference before its family is known.

    interval : its interval by how often that may miss.
    p_equal : the p-value of a true difference of at least a margin, either way.
    detectable : the smallest that is found in four of five, by how often one that is not there may
        be called; None where it is not known.
    seeds : of how many of each rung it is made. variance : what its variance would be with other
        numbers of seeds and images; None where that is not known. alone : the interval that holds
        in 95 of 100, where that is not the one of `interval`. exceeds : how probable it is that the
        true difference is larger than a bound, if all were as likely beforehand.
    """

    difference: float
    p_value: float
    interval: Interval
    p_equal: Callable[[float], float]
    detectable: Callable[[float], float | None] = lambda misses: None
    seeds: int | None = None
    variance: Variance | None = None
    alone: tuple[float, float] | None = None
    exceeds: Callable[[float], float] | None = None


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
            Margin(margin, [_p_equal_within(each, margin) for each in tested]) if margin else None,
        )
    )
    return [
        each if isinstance(each, Difference) else _judged(each, next(in_family), family, margin)
        for each in found
    ]


def _p_equal_within(found: Finding, margin: float) -> float:
    """Return the p-value of no equality; what looks larger than the margin now is not equal."""
    return found.p_equal(margin) if abs(found.difference) < margin else 1.0


def _judged(found: Finding, judged: InFamily, family: int, margin: float | None) -> Difference:
    verdict = _verdict(found.difference, judged)
    alone = found.alone if family > 1 else None
    low, high = alone or found.interval(ALPHA)
    if judged.decided:
        low, high = (max(low, 0.0), high) if found.difference > 0 else (low, min(high, 0.0))
    return Difference(
        found.difference,
        low,
        high,
        found.p_value,
        judged.p_corrected,
        judged.low,
        judged.high,
        found.detectable(ALPHA / family),
        margin,
        judged.p_equal,
        found.seeds,
        chance_better=found.exceeds(margin or 0.0) if found.exceeds else None,
        chance_worse=1 - found.exceeds(-(margin or 0.0)) if found.exceeds else None,
        verdict=verdict,
    )


def _verdict(difference: float, judged: InFamily) -> Verdict:
    if judged.decided:
        return "better" if difference > 0 else "worse"
    return "equal" if judged.equal else "undecided"


def find(
    difference: float, spread: Mixture, most: float = 1.0, for_equality: Mixture | None = None
) -> Finding:
    """Return what a difference shows that scatters so about the truth.

    most : the largest difference that there can be. for_equality : how it may scatter, where more
        care is due to call it small.
    """
    return Finding(
        difference,
        spread.p_value(difference),
        partial(_interval, difference, spread, most),
        partial(_p_equal, difference, for_equality or spread),
        partial(_detectable, spread, most),
        exceeds=partial(_exceeds, difference, spread),
    )


def _interval(
    difference: float, spread: Mixture, most: float, misses: float
) -> tuple[float, float]:
    reach = spread.reach(misses / 2)
    return max(-most, difference - reach), min(most, difference + reach)


def _p_equal(difference: float, spread: Mixture, margin: float) -> float:
    """Return the larger p-value of two one-sided tests."""
    return spread.tail(margin - abs(difference))


def _exceeds(difference: float, spread: Mixture, bound: float) -> float:
    return spread.tail(bound - difference)


def _detectable(spread: Mixture, most: float, misses: float) -> float:
    return min(most, spread.reach(misses / 2) + spread.reach(1 - POWER))
