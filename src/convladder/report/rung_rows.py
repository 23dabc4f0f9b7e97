"""The rows of a climb's first table: a rung's interval as it is drawn, its claims and its cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from convladder.core.metrics import Metric
from convladder.results.group_summary import Claim, GroupSummary
from convladder.results.saved_climb import SavedClimb

PARTS = 6  # of an axis, about
MOST_TICKS = 4
FINEST = -3  # power of ten of the smallest step on which an axis ends


@dataclass(frozen=True)
class Tick:
    """A value that is written along an axis. place : in percent of it."""

    place: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From where to where intervals are drawn."""

    low: float
    high: float
    metric: Metric

    def place(self, value: float) -> float:
        """Return where a value stands, in percent of the axis."""
        return 100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Two to four round values; the ends where the axis has fewer."""
        step = next(each for each in _steps() if len(self._multiples(each)) <= MOST_TICKS)
        found = [step * number for number in self._multiples(step)]
        values = found if len(found) > 1 else [self.low, self.high]
        digits = max(map(self._digits, values))
        unit = " %" if self.metric.is_share else ""
        return tuple(
            Tick(self.place(value), f"{self.metric.per_unit * value:.{digits}f}{unit}")
            for value in values
        )

    def _multiples(self, step: float) -> range:
        """Return which multiples of a step are on the axis."""
        first, last = (round(end / step, 6) for end in (self.low, self.high))
        return range(math.ceil(first), math.floor(last) + 1)

    def _digits(self, value: float) -> int:
        """Return how many digits after the point a value on a step takes."""
        written = f"{self.metric.per_unit * value:.3f}".rstrip("0")
        return len(written.partition(".")[2])

    def __str__(self) -> str:
        span = self.metric.per_unit * (self.high - self.low)
        digits = max(0, 1 - math.floor(math.log10(span)))
        low, high = (f"{self.metric.per_unit * end:.{digits}f}" for end in (self.low, self.high))
        return f"{low} to {high}{' %' if self.metric.is_share else ''}"


@dataclass(frozen=True)
class RungRow:
    """A rung. start, parent : its claims against these, where it has any.

    low, mean, high, dots : in percent of the axis; a dot is a seed, or a fold. seconds : of a
    training, the median.
    """

    standing: GroupSummary
    start: Claim | None
    parent: Claim | None
    low: float
    mean: float
    high: float
    dots: tuple[float, ...]
    seconds: float

    @property
    def colour(self) -> str:
        """Return the verdict that colours the row: that against the start."""
        claim = self.start or self.parent
        verdict = claim.difference.verdict if claim else ""
        return f"{verdict}-row" if verdict in ("better", "worse") else ""


def _steps() -> Iterator[float]:
    """Yield round steps, the smallest first: 1, 2 and 5 times each power of ten."""
    for power in itertools.count(FINEST):
        yield from (digit * 10.0**power for digit in (1, 2, 5))


def axis_of(standings: Mapping[str, GroupSummary]) -> Axis:
    """Return an axis that holds all intervals and all dots, and ends on round numbers."""
    metric = next(iter(standings.values())).metric
    low = min(min(each.estimate.low, *each.run_values) for each in standings.values())
    high = max(max(each.estimate.high, *each.run_values) for each in standings.values())
    step = next(each for each in _steps() if each * PARTS >= high - low)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    if metric.is_share:
        low, high = max(0.0, low), min(1.0, high)
    return Axis(low, high if high > low else low + step, metric)


def rows_of(results: SavedClimb, axis: Axis) -> list[RungRow]:
    """Return a row for each rung that has a finished trial."""
    starts = {claim.name: claim for claim in results.against_start}
    parents = {claim.name: claim for claim in results.against_parent}
    return [
        row_of(standing, starts.get(name), parents.get(name), axis)
        for name, standing in results.standings.items()
    ]


def row_of(
    standing: GroupSummary, start: Claim | None, parent: Claim | None, axis: Axis
) -> RungRow:
    """Return the row of a rung, or of a group of a comparison, with its claims."""
    return RungRow(
        standing,
        start,
        parent,
        axis.place(standing.estimate.low),
        axis.place(standing.estimate.mean),
        axis.place(standing.estimate.high),
        tuple(axis.place(value) for value in standing.run_values),
        median(run.metrics["seconds"] for run in standing.runs),
    )
