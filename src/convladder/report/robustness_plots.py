"""How accuracy falls when images are degraded, drawn by matplotlib: a panel for each corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convladder.evaluation.robustness import Robustness
from convladder.evaluation.statistics import Estimate
from convladder.evaluation.wording import readable
from convladder.report.style import BLUE, INK, MUTED, WIDTH, Grid, drawable, shorten, styled

_MARGINS = {
    "left": 0.073,
    "right": 0.992,
    "bottom": 0.12,
    "top": 0.935,
    "wspace": 0.05,
    "hspace": 0.32,
}
_LONGEST = 26  # letters of a name in the legend


@dataclass(frozen=True)
class Line:
    """How a network bears corruption, and how that is drawn. label : in the legend, if it is."""

    found: Robustness
    colour: str = MUTED
    dash: str = "-"
    width: float = 0.7
    alpha: float = 0.5
    band: bool = False
    label: str = ""


def draw_robustness(
    own: Robustness, other: Robustness | None = None, into: Figure | None = None
) -> Grid:
    """Draw accuracy over each corruption's strength, a panel each, with another's in grey."""
    lines = [Line(own, BLUE, "-", 1.4, 1.0, band=True)]
    if other is not None:
        lines.insert(0, Line(other, MUTED, "--", 1.4, 1.0, band=True))
    return draw_lines(lines, into)


def draw_rungs(
    found: Mapping[str, Robustness], shown: str, start: str, called: str = "the start"
) -> Grid:
    """Draw all rungs in one chart: the one that is shown in colour, the start dashed, others thin.

    All were asked about the same images, degraded in the same way. called : what the start is.
    """
    others = [own for name, own in found.items() if name not in (shown, start)]
    lines = [Line(own, label="the others" if own is others[0] else "") for own in others]
    if start in found and start != shown:
        label = f"{shorten(start, _LONGEST)}, {called}"
        lines.append(Line(found[start], INK, "--", 1.3, 0.9, band=True, label=label))
    label = shorten(shown, _LONGEST)
    lines.append(Line(found[shown], BLUE, "-", 1.6, 1.0, band=True, label=label))
    return draw_lines(lines)


@styled
def draw_lines(lines: Sequence[Line], into: Figure | None = None) -> Grid:
    """Draw accuracy over each corruption's strength, a panel each, the last line on top."""
    names = list(lines[-1].found.curves)
    figure = into or Figure()
    figure.set_size_inches(1.55 * WIDTH, 0.72 * WIDTH)
    columns = -(-len(names) // 2)
    margins: Any = None if figure.get_layout_engine() else _MARGINS  # an engine finds its own
    grid: Grid = figure.subplots(
        2, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=margins
    )
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, names, strict=False):
        for line in lines:
            _draw_line(axes, line, line.found.curves[name])
        axes.set_title(readable(name), fontsize=9)
    _label_axes(grid, len(names))
    _add_legend(grid, [line for line in lines if line.label])
    return grid


def _label_axes(grid: Grid, count: int) -> None:
    for axes in grid[:, 0]:
        axes.set(
            ylabel="accuracy, %", ylim=(0, 1.02), yticks=[0, 0.5, 1], yticklabels=["0", "50", "100"]
        )
    for axes in grid[-1]:
        axes.set(xlabel="strength", xticks=range(6))
    for axes in grid[0, count - grid.shape[1] :]:  # with nothing below
        axes.tick_params(labelbottom=True)


def _add_legend(grid: Grid, lines: Sequence[Line]) -> None:
    """Say in the panel that is left empty which line is which."""
    if not lines:
        return
    drawn = {line.get_label(): line for line in grid.flat[0].get_lines()}
    labels = [drawable(line.label) for line in reversed(lines)]
    grid.flat[-1].legend([drawn[each] for each in labels], labels, loc="center", fontsize=8)


def _draw_line(axes: Axes, line: Line, curve: Sequence[Estimate]) -> None:
    strengths, means = range(len(curve)), [each.mean for each in curve]
    how: Any = {"color": line.colour, "lw": line.width, "alpha": line.alpha}
    axes.plot(strengths, means, line.dash, label=drawable(line.label) or None, **how)
    if line.band:
        low, high = [each.low for each in curve], [each.high for each in curve]
        axes.fill_between(strengths, low, high, color=line.colour, alpha=0.15, lw=0)
