"""Several questions at once: verdicts, p-values and intervals of a family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convladder.evaluation.intervals import LEVEL

ALPHA = 1 - LEVEL
PLANNED = 0.85  # of it, for looks that are planned; the rest is for those that nobody planned

Interval = Callable[[float], tuple[float, float]]  # by how often it may miss, such as 0.05


@dataclass(frozen=True)
class InFamily:
    """What a family makes of one of its questions.

    decided : whether the difference is called. equal : whether it is called smaller than a margin,
    either way; a called difference may be, too. The interval is one of several that all hold in 95
    of 100 such families.
    """

    p_corrected: float
    low: float
    high: float
    decided: bool
    p_equal: float | None = None

    @property
    def equal(self) -> bool:
        return self.p_equal is not None and self.p_equal < ALPHA


@dataclass(frozen=True)
class Margin:
    """How small a difference counts for nothing, and the p-values of being at least as large."""

    size: float
    p_values: Sequence[float]


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Return the p-values corrected by Holm's step-down procedure, in the given order.

    A `family` larger than the number of p-values stands for questions without an answer: their p is
    1. Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6.

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


# docs/decisions/093-the-comparisons-of-a-page-are-one-family.md
def judge(
    differences: Sequence[float],
    p_values: Sequence[float],
    intervals: Sequence[Interval],
    family: int,
    margin: Margin | None = None,
) -> list[InFamily]:
    """Judge the differences of a family together.

    Whether they are smaller than a margin is a second family, with Holm's procedure of its own: one
    for both would pass on to equalities what called differences leave, and call too many.

    An interval never contradicts its verdict: it leaves out zero where the difference is called,
    and holds zero where it is not. That of a called difference ends at zero at the nearest. The
    others share what Holm's procedure leaves them (Strassburger and Bretz 2008, "Compatible
    simultaneous lower confidence bounds for the Holm procedure", Statistics in Medicine 27).
    """
    corrected = holm(p_values, family)
    equal = holm(margin.p_values, family) if margin else [None] * len(corrected)
    left = family - sum(p_corrected < ALPHA for p_corrected in corrected)
    judged = []
    for difference, interval, p_corrected, p_equal in zip(
        differences, intervals, corrected, equal, strict=True
    ):
        decided = p_corrected < ALPHA
        bounds = interval(ALPHA / (family if decided else left))
        found = InFamily(p_corrected, *_consistent(bounds, difference, decided), decided, p_equal)
        if margin and found.equal:
            low, high = max(found.low, -margin.size), min(found.high, margin.size)
            found = replace(found, low=low, high=high)
        judged.append(found)
    return judged


def _consistent(
    bounds: tuple[float, float], difference: float, decided: bool
) -> tuple[float, float]:
    """Let an interval end at zero where the difference is called, and hold zero where it is not."""
    low, high = bounds
    if not decided:
        return min(low, 0.0), max(high, 0.0)
    return (max(low, 0.0), high) if difference > 0 else (low, min(high, 0.0))
