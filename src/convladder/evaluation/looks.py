"""Looking at results that grow: how much of the 5 % each look may spend, and what looks come to.

Whoever looks at a climb with three seeds, and again with five because nothing was found, has two
chances to be misled. So the times to look are settled before the first, and share the 5 % (group
sequential testing; Jennison and Turnbull 2000, "Group Sequential Methods with Applications to
Clinical Trials"). Differences of means over more and more seeds, on the same images, have the
covariances that this theory asks for.

The shares spend 5 % in proportion to the number of seeds (Lan and DeMets 1983, "Discrete sequential
boundaries for clinical trials", Biometrika 70). They are computed as if seeds were all that makes a
difference uncertain. The images' part, which does not change between looks, makes looks more alike
and the shares cautious. A part of the 5 % is kept back for looks that nobody planned: each of these
takes half of what is left, so the guarantee holds however many there are.

Over looks a p-value is the least of those of the looks, each divided by its share: Holm's procedure
takes these as it takes others (Maurer and Bretz 2013, "Multiple testing in group sequential trials
using graphical approaches", Statistics in Biopharmaceutical Research 5). An interval is what the
intervals of all looks have in common (repeated confidence intervals; Jennison and Turnbull 1989,
Journal of the Royal Statistical Society B 51). Only the interval of a comparison alone is that of
its last look: in simulated climbs it holds the truth in 97 to 99 of 100, where what all looks have
in common holds it in more than 99.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from convladder.evaluation.components import Correct
from convladder.evaluation.differences import Difference, Finding
from convladder.evaluation.multiplicity import ALPHA, PLANNED

POINTS = 1201  # of the grid that the distribution between looks is computed on
WIDEST = 8.0  # standard deviations that it reaches out to
STEP = 2 * WIDEST / (POINTS - 1)  # between its points

RESERVE = round(1 - PLANNED, 2)

Grid = NDArray[np.float64]


Question = tuple[str, str]
FindEach = Callable[
    [Mapping[str, Correct], Sequence[Question]], list[Finding | Difference]
]  # as statistics.find_each


@dataclass(frozen=True)
class Look:
    """The rungs of a climb as they were at one time.

    rungs : the table `(seeds, images)` of each, over the same images.
    asked : those that had as many seeds as the look is of: questions are asked among them alone.
    share : of the 5 % that it spends.
    """

    rungs: Mapping[str, Correct]
    asked: frozenset[str]
    share: float


@dataclass(frozen=True)
class Seen:
    """What one look has shown of a question, and the share of the 5 % that it spends."""

    found: Finding
    share: float


def planned_shares(counts: Sequence[int], family: int) -> list[float]:
    """Return the share of the 5 % that each planned look may spend.

    Parameters
    ----------
    counts
        The number of seeds at each look, growing.
    family
        How many questions are asked together. More questions ask for larger differences, at which
        looks are less alike.

    Returns
    -------
    list
        A share a look. They add up to more than is spent, as looks share what misleads them.

    Raises
    ------
    ValueError
        The numbers of seeds do not grow.

    >>> [round(share, 2) for share in planned_shares([3, 5, 8, 12], 15)]
    [0.21, 0.18, 0.27, 0.38]
    >>> planned_shares([5], 15)
    [0.85]
    """
    if any(later <= earlier for earlier, later in pairwise(counts)):
        raise ValueError(f"each look must have more seeds than the last; got {list(counts)}")
    return [PLANNED * share for share in _shares(tuple(counts), family)]


def further_share(number: int) -> float:
    """Return the share of the 5 % for an unplanned look, the first of which has number 1.

    >>> further_share(1), further_share(2)
    (0.075, 0.0375)
    """
    return float(RESERVE * 2.0**-number)


def find_each(
    looks: Sequence[Look], questions: Sequence[Question], find: FindEach
) -> list[Finding | Difference]:
    """Return what all looks together have shown of each question, before its family is known.

    Of a question that no look has found anything about, such as one with one seed, the difference
    at the last look is returned, and of one that was never asked none.
    """
    seen: dict[Question, list[Seen]] = {question: [] for question in questions}
    bare: dict[Question, Difference] = {}
    for look in looks:
        asked = [question for question in questions if look.asked.issuperset(question)]
        for question, found in zip(asked, find(look.rungs, asked), strict=True):
            if isinstance(found, Finding):
                seen[question].append(Seen(found, look.share))
            else:
                bare[question] = found
    unknown = Difference(0.0)
    return [over_looks(seen[each]) if seen[each] else bare.get(each, unknown) for each in questions]


def with_all_seeds(found: Difference, difference: float) -> Difference:
    """Return what looks have shown, with the difference of all seeds that the rungs have by now.

    A rung may have more seeds than at the last look at a question. Its intervals are widened to
    hold that difference. Where it would contradict the verdict, nothing is changed.
    """
    if math.isclose(found.difference, difference, abs_tol=1e-12):
        return found
    if not _fits(found, difference):
        return found
    bounds = {
        name: end(bound, difference)
        for end, names in ((min, ("low", "family_low")), (max, ("high", "family_high")))
        for name in names
        if (bound := getattr(found, name)) is not None
    }
    moved = replace(found, difference=difference, **bounds)
    chance = found.chance_better
    if chance is None or (chance > 1 / 2) == (difference > 0):
        return moved
    return replace(moved, chance_better=None, chance_worse=None)


def _fits(found: Difference, difference: float) -> bool:
    match found.verdict:
        case "better":
            return difference > 0
        case "worse":
            return difference < 0
        case "equal":
            return found.margin is not None and abs(difference) < found.margin
        case _:
            return True


def over_looks(seen: Sequence[Seen]) -> Finding:
    """Return what all looks at a question, in order, have shown.

    The difference is that of the last look, with the most seeds. Only where another look has called
    it, and the other way, that look's is taken.
    """
    strongest = min(seen, key=lambda each: each.found.p_value / each.share)
    p_value = min(1.0, strongest.found.p_value / strongest.share)
    last = seen[-1]
    if p_value < ALPHA and last.found.difference * strongest.found.difference <= 0:
        last = strongest
    return Finding(
        last.found.difference,
        p_value,
        partial(_common_interval, tuple(seen), last.found),
        partial(_least_p_equal, tuple(seen)),
        partial(_detectable, last),
        last.found.seeds,
        last.found.variance,
        last.found.interval(ALPHA),
        last.found.exceeds,
    )


def _common_interval(seen: Sequence[Seen], shown: Finding, misses: float) -> tuple[float, float]:
    """Return what the intervals of all looks have in common, the difference shown included."""
    bounds = [each.found.interval(misses * each.share) for each in seen]
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    return min(low, shown.difference), max(high, shown.difference)


def _least_p_equal(seen: Sequence[Seen], margin: float) -> float:
    return min(1.0, *(each.found.p_equal(margin) / each.share for each in seen))


def _detectable(last: Seen, misses: float) -> float | None:
    return last.found.detectable(misses * last.share)


@lru_cache(maxsize=64)
def _shares(counts: tuple[int, ...], family: int) -> tuple[float, ...]:
    """Return the p-value that may be called at each look, over that of a single one.

    Each look spends what the seeds since the last are of all. What it may call is found from the
    distribution of z at that look in those climbs that were not called before (Armitage, McPherson
    and Rowe 1969, "Repeated significance tests on accumulating data", Journal of the Royal
    Statistical Society A 132).
    """
    level = ALPHA / family
    times = np.array(counts) / counts[-1]
    grid = np.linspace(-WIDEST, WIDEST, POINTS)
    density, spent, shares = _normal(grid), 0.0, []
    for number, time in enumerate(times):
        if number:
            density = _until(grid, density, times[number - 1] / time)
        bound = _bound(grid, density, level * time - spent)
        shares.append(float(2 * ndtr(-bound) / level))
        density = density * np.clip((bound - np.abs(grid)) / STEP + 0.5, 0.0, 1.0)
        spent = level * time
    return tuple(shares) if len(shares) > 1 else (1.0,)


def _until(grid: Grid, density: Grid, ratio: float) -> Grid:
    """Return the density of z at the next look. `ratio`: the information then, over that now."""
    mean, deviation = np.sqrt(ratio), np.sqrt(1 - ratio)
    steps = _normal((grid[:, np.newaxis] - mean * grid) / deviation) / deviation
    moved: Grid = steps @ density * STEP
    return moved


def _normal(values: Grid) -> Grid:
    density: Grid = np.exp(-np.square(values) / 2) / math.sqrt(math.tau)
    return density


def _bound(grid: Grid, density: Grid, spend: float) -> float:
    """Return the |z| that is exceeded with this probability."""
    outward = slice(len(grid) // 2, None)
    tails = 2 * STEP * (np.cumsum(density[::-1])[::-1] - density / 2)[outward]
    return float(np.interp(-spend, -tails, grid[outward]))
