"""Charts of a live page, as plain SVG: drawn in a millisecond, in the colours of the page.

Places are shares of a chart's width and height in percent, so that text keeps its size on any
screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convladder.core.metrics import Metric

MARGIN = 0.06  # of a range, at either end
STEPS = (1, 2, 2.5, 5, 10)
MOST_TICKS = 5
FLAT = 0.01  # the least range that is drawn

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """A range of values, from one end of a chart to the other."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float]) -> Scale:
        """Return one that all of these are well inside of.

        >>> Scale.around([0.5])
        Scale(low=0.4944, high=0.5056)
        """
        found = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        middle, half = (min(found) + max(found)) / 2, max(max(found) - min(found), FLAT) / 2
        half *= 1 + 2 * MARGIN
        return cls(round(middle - half, 6), round(middle + half, 6))

    def place(self, value: float) -> float:
        """Return where a value is, in percent of the way."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    @property
    def ticks(self) -> list[float]:
        """Round values inside of it.

        >>> Scale(0.871, 0.992).ticks
        [0.875, 0.9, 0.925, 0.95, 0.975]
        """
        rough = (self.high - self.low) / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(each * power for each in STEPS if each * power >= rough)
        first = math.ceil(self.low / step)
        count = math.floor(self.high / step) - first + 1
        return [round((first + number) * step, 10) for number in range(count)]


def write_tick(metric: Metric, value: float) -> str:
    """Write a value at an axis, without its unit."""
    return f"{metric.per_unit * value:.4g}"


def draw_strip(
    axis: Scale, dots: Sequence[float], interval: tuple[float, float, float] | None, label: str
) -> Markup:
    """Draw the values of one rung, with the low end, the mean and the high end of its interval."""
    parts = [Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(
        axis.place(tick)) for tick in axis.ticks]  # fmt: skip
    if interval is not None:
        low, mean, high = (axis.place(value) for value in interval)
        parts.append(Markup(
            '<rect class="band" x="{}%" y="6" width="{}%" height="14" rx="3"/>'
            '<line class="mean" x1="{}%" x2="{}%" y1="3" y2="23"/>'
        ).format(low, round(high - low, 2), mean, mean))  # fmt: skip
    parts += [
        Markup('<circle class="dot" cx="{}%" cy="13" r="4"/>').format(axis.place(value))
        for value in dots
    ]
    return Markup('<svg class="seeds" role="img" aria-label="{}">{}</svg>').format(
        label, Markup("").join(parts)
    )


def draw_scale(axis: Scale, metric: Metric) -> Markup:
    """Draw the figures below the strips."""
    texts = [
        Markup('<text x="{}%" y="14" text-anchor="middle">{}</text>').format(
            axis.place(tick), write_tick(metric, tick)
        )
        for tick in axis.ticks
    ]
    return Markup('<svg class="scale" aria-hidden="true">{}</svg>').format(Markup("").join(texts))


@dataclass(frozen=True)
class Series:
    """What is drawn in one style: a line through points, or dots. name : of its CSS class."""

    name: str
    points: Sequence[Point]
    dots: bool = False


def draw_plot(across: Scale, up: Scale, series: Iterable[Series], label: str) -> Markup:
    """Draw lines and dots in a frame that takes any shape."""
    parts = [
        Markup('<path class="grid" d="M0 {0}H100"/>').format(round(100 - up.place(tick), 2))
        for tick in up.ticks
    ]
    for each in series:
        places = [
            f"{across.place(x)} {round(100 - up.place(y), 2)}"
            for x, y in each.points
            if math.isfinite(y)
        ]
        path = "".join(f"M{place}h0" for place in places) if each.dots else "M" + "L".join(places)
        if places:
            kind = "dots" if each.dots else "line"
            parts.append(Markup('<path class="{} {}" d="{}"/>').format(kind, each.name, path))
    return Markup(
        '<svg class="plot" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(label, Markup("").join(parts))
