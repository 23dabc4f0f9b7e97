"""The charts of a search, drawn by matplotlib: numbers come in, axes go out, as in `plots`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convladder.core.metrics import Metric
from convladder.report.style import BLUE, INK, MUTED, ORANGE, PAGE, WIDTH, Into, new_axes, styled
from convladder.tuning.space import is_same

MOST_AXES = 8  # of the parallel coordinates: more cannot be read
BELOW = -0.12  # where what was not searched lies on its axis
LEADING = 0.25  # share of the finished candidates that is drawn in colour

UNFINISHED = (  # states of candidates, with a marker and a label for each
    ("pruned", "o", "stopped early, at its last epoch"),
    ("failed", "x", "failed"),
    ("unfinished", "s", "not finished"),
)

Dimensions = Mapping[str, Mapping[str, Any]]  # as a space writes them


@styled
def draw_search(
    candidates: pd.DataFrame,
    metric: Metric,
    winner: int | None,
    default: float | None,
    into: Into = None,
) -> Axes:
    """Draw the candidates' metric on validation in order, and the best so far.

    default : the default's, for a line beside them.
    """
    axes = new_axes(into, height=2.7)
    values = candidates[f"validation_{metric.column}"]
    _draw_unfinished(axes, candidates.assign(value=values))
    finished = candidates.assign(value=values)[candidates["state"] == "finished"]
    if len(finished):
        _draw_finished(axes, finished, metric)
    if default is not None:
        axes.axhline(default, color=ORANGE, lw=1.1, ls="--", label="the default")
    if winner is not None:
        best = finished.set_index("candidate").loc[winner]["value"]
        axes.plot([winner], [best], "o", mfc="none", color=BLUE, ms=10, mew=1.4)
    axes.set(xlabel="candidate", ylabel=f"{metric.title} on validation{metric.axis_unit}")
    if metric.is_share:
        _as_percent(axes)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, borderaxespad=0)
    return axes


def _draw_unfinished(axes: Axes, candidates: pd.DataFrame) -> None:
    """Draw what was stopped or failed, in grey, where it came to a value."""
    for state, marker, label in UNFINISHED:
        found = candidates[candidates["state"] == state].dropna(subset="value")
        if len(found):
            numbers, values = found["candidate"], found["value"]
            look: dict[str, Any] = {"mfc": "none", "color": MUTED, "ms": 4, "mew": 0.9}
            axes.plot(numbers, values, marker, label=label, **look)


def _draw_finished(axes: Axes, finished: pd.DataFrame, metric: Metric) -> None:
    """Draw what was fully trained, and the best so far as a line."""
    numbers, values = finished["candidate"], finished["value"]
    best = values.cummin() if metric.lower_is_better else values.cummax()
    axes.step(numbers, best, where="post", color=INK, lw=0.9, label="best so far")
    axes.plot(numbers, values, "o", color=BLUE, ms=4.5, mew=0, label="fully trained")


@styled
def draw_candidate_curves(
    histories: Mapping[int, pd.DataFrame], metric: Metric, winner: int | None, into: Into = None
) -> Axes:
    """Draw each candidate's metric on validation over the epochs; the first is the default."""
    default, column = 0, f"val_{metric.column}"
    axes = new_axes(into, height=2.7)
    label: str | None = "a candidate"
    for number, history in histories.items():
        if number not in (winner, default):
            axes.plot(
                history["epoch"],
                history[column],
                color=MUTED,
                lw=0.8,
                alpha=0.6,
                label=label,
            )
            label = None
    for named, colour, line, text in (
        (default, ORANGE, "--", "the default"),
        (winner, BLUE, "-", "the winner"),
    ):
        if named is not None and named in histories:
            history = histories[named]
            axes.plot(history["epoch"], history[column], line, color=colour, lw=1.6, label=text)
    axes.set(xlabel="epoch", ylabel=f"{metric.title} on validation{metric.axis_unit}")
    if metric.is_share:
        _as_percent(axes)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, borderaxespad=0)
    return axes


@styled
def draw_importances(shares: Mapping[str, float], chance: float, into: Into = None) -> Axes:
    """Draw each setting's share as a bar, and a line at the largest share that chance gives."""
    axes = new_axes(into, height=0.3 * len(shares) + 0.9)
    for row, share in enumerate(shares.values()):
        axes.barh(row, share, height=0.6, color=BLUE if share > chance else MUTED, alpha=0.85)
    axes.axvline(
        chance,
        color=INK,
        lw=1.2,
        ls="--",
        label="95th percentile under chance",
    )
    axes.set_yticks(range(len(shares)), list(shares), fontsize=8.5)
    axes.set(
        ylim=(len(shares) - 0.5, -0.5), xlabel="importance, % of the differences between candidates"
    )
    axes.grid(visible=False, axis="y")
    _as_percent(axes, which="x")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, borderaxespad=0)
    return axes


@styled
def draw_parallel(
    candidates: pd.DataFrame,
    metric: Metric,
    space: Dimensions,
    winner: int | None,
    first: Sequence[str] = (),
    into: Into = None,
) -> Axes:
    """Draw each finished candidate as a line over settings and metric; the best quarter is blue.

    first : the settings that are shown first; there are eight at most. Where a setting was not
        searched, the line goes below its axis.
    """
    axes = new_axes(into, height=3.4)
    if not isinstance(into, Axes):
        axes.figure.set_size_inches(1.55 * WIDTH, 3.4)  # type: ignore[union-attr]
    keys = sorted(space, key=lambda key: [*first, key].index(key))[:MOST_AXES]
    finished = candidates[candidates["state"] == "finished"]
    # the winner last
    column = f"validation_{metric.column}"
    finished = finished.sort_values(
        [column, "candidate"], ascending=[not metric.lower_is_better, False]
    )
    values = finished[column].to_numpy(float)
    places = [_places(finished[key], space[key]) for key in keys] + [_scaled(values)]
    _draw_lines(axes, finished["candidate"], places, winner)
    for place, key in enumerate(keys):
        _draw_axis(axes, place, _ticks(space[key]))
    if len(values):
        least, largest = float(values.min()), float(values.max())
        low, high = (metric.write(each).removesuffix(" %") for each in (least, largest))
        _draw_axis(axes, len(keys), {0.0: low, 1.0: high} if least < largest else {0.5: high})
    names = [
        *(key.rpartition(".")[2].replace("_", "\n") for key in keys),
        f"{metric.title} on\nvalidation{metric.axis_unit}",
    ]
    axes.set_xticks(range(len(places)), names, fontsize=8)
    axes.set(yticks=[], xlim=(-0.2, len(places) - 0.4), ylim=(BELOW - 0.06, 1.08))
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    return axes


def _draw_lines(
    axes: Axes,
    candidates: pd.Series[Any],
    places: Sequence[NDArray[np.float64]],
    winner: int | None,
) -> None:
    """Draw a line for each candidate, from the worst to the best."""
    leading = len(candidates) - max(1, round(LEADING * len(candidates)))
    for row, number in enumerate(candidates):
        is_winner, leads = number == winner, row >= leading
        axes.plot(
            range(len(places)),
            [place[row] for place in places],
            color=BLUE if leads else MUTED,
            alpha=1 if is_winner else 0.55 if leads else 0.35,
            lw=2.4 if is_winner else 1.1,
        )


def _draw_axis(axes: Axes, column: int, ticks: Mapping[float, str]) -> None:
    axes.plot([column, column], [0, 1], color=MUTED, lw=0.8)
    for place, text in ticks.items():
        free = {"facecolor": PAGE, "edgecolor": "none", "pad": 0.8}  # no line runs through it
        axes.text(column + 0.05, place, text, size=7, color=INK, va="center", bbox=free, zorder=3)


def _places(values: pd.Series[Any], dimension: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return where values lie on their setting's axis, 0 to 1, or below where they do not."""
    if "choices" in dimension:
        return np.array([_place_among(dimension["choices"], value) for value in values])
    scale = math.log if dimension.get("log") else float
    low, high = scale(dimension["low"]), scale(dimension["high"])
    inside = [
        value is not None and dimension["low"] <= value <= dimension["high"] for value in values
    ]
    return np.array(
        [
            (scale(value) - low) / (high - low) if is_inside else BELOW
            for value, is_inside in zip(values, inside, strict=True)
        ]
    )


def _place_among(choices: Sequence[Any], value: Any) -> float:
    found = [
        number
        for number, choice in enumerate(choices)
        if value is not None and is_same(choice, value)
    ]
    return found[0] / (len(choices) - 1) if found else BELOW


def _ticks(dimension: Mapping[str, Any]) -> dict[float, str]:
    if "choices" not in dimension:
        return {0.0: f"{dimension['low']:g}", 1.0: f"{dimension['high']:g}"}
    names = [_short(choice) for choice in dimension["choices"]]
    return {number / (len(names) - 1): name for number, name in enumerate(names)}


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_short, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(values) or values.min() == values.max():
        return np.full(len(values), 0.5)
    return np.asarray((values - values.min()) / (values.max() - values.min()))


def _as_percent(axes: Axes, which: str = "y") -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda share, _: f"{100 * share:.3g}")
