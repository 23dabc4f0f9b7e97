"""Several questions at once: verdicts, p-values and intervals of a family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from convladder.evaluation.intervals import LEVEL

ALPHA = 1 - LEVEL

Interval = Callable[[float], tuple[float, float]]  # by how often it may miss, such as 0.05


@dataclass(frozen=True)
class InFamily:
    """What a family makes of one of its questions: `decided` is whether the difference is called.

    The interval is one of several that all hold in 95 of 100 such families.
    """

    p_corrected: float
    low: float
    high: float
    decided: bool


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


def judge(
    differences: Sequence[float],
    p_values: Sequence[float],
    intervals: Sequence[Interval],
    family: int,
) -> list[InFamily]:
    """Judge the differences of a family together.

    An interval never contradicts its verdict: it leaves out zero where the difference is called,
    and holds zero where it is not. That of a called difference ends at zero at the nearest. The
    others share what Holm's procedure leaves them (Strassburger and Bretz 2008, "Compatible
    simultaneous lower confidence bounds for the Holm procedure", Statistics in Medicine 27).
    """
    corrected = holm(p_values, family)
    called = [p_corrected < ALPHA for p_corrected in corrected]
    left = family - sum(called)
    judged = []
    for difference, p_corrected, decided, interval in zip(
        differences, corrected, called, intervals, strict=True
    ):
        low, high = interval(ALPHA / (family if decided else left))
        if not decided:
            low, high = min(low, 0.0), max(high, 0.0)
        elif difference > 0:
            low = max(low, 0.0)
        else:
            high = min(high, 0.0)
        judged.append(InFamily(p_corrected, low, high, decided))
    return judged
