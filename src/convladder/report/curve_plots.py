"""ROC and precision-recall curves, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from convladder.evaluation.curve_bands import Curve
from convladder.evaluation.curves import Area, ClassCurves, Curves
from convladder.report.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    Into,
    drawable,
    new_axes,
    shorten,
    styled,
)

_COLOURS, _LINES = (ORANGE, BLUE, GREEN), ("-", "--", "-.", (0, (3, 1, 1, 1, 1, 1)))
_HEIGHT = 4.4
ALIKE = 0.02  # shares of classes that differ by less are one line


@styled
def draw_roc(found: Curves, classes: Sequence[str] | None = None, into: Into = None) -> Axes:
    """Draw the ROC curve of each class, with its band; of the named, or of those that matter."""
    shown = found.of_classes(classes)
    axes = new_axes(into, height=_HEIGHT)
    for number, each in enumerate(shown):
        label = _label(found, each.name, "AUC", each.roc_area)
        _draw(axes, each.roc, number, label, edges=len(shown) == 1)
    if (average := _average(found, shown)) is not None:
        label = _label(found, average.name, "AUC", average.roc_area)
        axes.plot(average.roc.x, average.roc.y, color=INK, lw=1, label=label)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate (recall)")
    return _finish(axes)


@styled
def draw_precision_recall(
    found: Curves, classes: Sequence[str] | None = None, into: Into = None
) -> Axes:
    """Draw precision over recall of each class, with its band, and what chance would give."""
    shown = found.of_classes(classes)
    axes = new_axes(into, height=_HEIGHT)
    for number, each in enumerate(shown):
        label = _label(found, each.name, "AP", each.average_precision)
        _draw(axes, each.precision_recall, number, label, edges=len(shown) == 1)
    if (average := _average(found, shown)) is not None:
        label = _label(found, average.name, "AP", average.average_precision)
        axes.plot(
            average.precision_recall.x, average.precision_recall.y, color=INK, lw=1, label=label
        )
    _draw_chance(axes, [each.share for each in shown if each.share])
    axes.set(xlabel="recall", ylabel="precision")
    return _finish(axes)


def _average(found: Curves, shown: Sequence[ClassCurves]) -> ClassCurves | None:
    return found.macro_average if len(shown) > 1 else None


def _draw_chance(axes: Axes, shares: Sequence[float]) -> None:
    """Draw the precision of guessing: a line, or one for each class where they differ visibly."""
    alike = bool(shares) and max(shares) - min(shares) < ALIKE
    drawn = [sum(shares) / len(shares)] if alike else shares
    for number, share in enumerate(drawn):
        label = "chance: the share of the class" if number == 0 else None
        colour = MUTED if alike else _COLOURS[number % len(_COLOURS)]
        axes.plot([0, 1], [share] * 2, color=colour, lw=1, ls=":", label=label)


def _draw(axes: Axes, curve: Curve, number: int, label: str, *, edges: bool) -> None:
    """Draw a curve on its band; edges of several bands would cross each other."""
    colour = _COLOURS[number % len(_COLOURS)]
    line = _LINES[number % len(_LINES)]
    axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.12, lw=0)
    for edge in (curve.low, curve.high) if edges else ():
        axes.plot(curve.x, edge, color=colour, ls=line, lw=0.7, alpha=0.7)
    axes.plot(curve.x, curve.y, color=colour, ls=line, lw=1.6, label=label)


def _label(found: Curves, name: str, what: str, area: Area) -> str:
    """Return a class with its area, such as `cat: AUC 0.93 (0.90 to 0.96)`."""
    named = drawable(shorten(name, 24))
    if len(found.classes) == 2:
        named = f"positive: {named},"
    else:
        named += ":"
    between = "" if area.low is None else f" ({area.low:.2f} to {area.high:.2f})"
    return f"{named} {what} {area.mean:.2f}{between}"


def _finish(axes: Axes) -> Axes:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    # above the curves, which may run anywhere
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, borderaxespad=0)
    return axes
