"""The charts of a report, drawn by matplotlib: numbers come in, axes go out.

Each function draws `into` a figure of its own (None), a figure that it sizes, or axes that it takes
as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convladder.core.errors import ExperimentError
from convladder.core.formatting import either, quantity
from convladder.evaluation.calibration import Bin
from convladder.evaluation.differences import Verdict
from convladder.report.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    WIDTH,
    Into,
    drawable,
    new_axes,
    shorten,
    styled,
)
from convladder.results.group_summary import Claim, GroupSummary
from convladder.results.saved_run import SavedRun

VERDICT_COLOURS: Mapping[Verdict, str] = {
    "better": BLUE,
    "worse": ORANGE,
    "equal": INK,
    "undecided": MUTED,
    "no comparison": MUTED,
}
VERDICT_SIGNS: Mapping[Verdict, str] = {
    "better": "▲ better",
    "worse": "▼ worse",
    "equal": "= equal",
    "undecided": "? undecided",
    "no comparison": "no comparison",
}


_CHART_SIGNS: Mapping[Verdict, str] = {
    "better": "▲ better",
    "worse": "▼ worse",
    "equal": "=",
    "undecided": "?",
    "no comparison": "",
}

_SMALLEST_CELL = 0.11  # inches, for a name in small print


@styled
def draw_standings(
    standings: Sequence[GroupSummary], claims: Iterable[Claim], into: Into = None
) -> Axes:
    """Draw each metric on test: interval, mean, seeds as dots, price; coloured by claims."""
    verdicts = {claim.name: claim.difference.verdict for claim in claims}
    axes = new_axes(into, height=0.62 * len(standings) + 0.7)
    beside: Any = {"transform": axes.get_yaxis_transform(), "va": "center"}
    for row, standing in enumerate(standings):
        verdict = verdicts.get(standing.name)
        colour = VERDICT_COLOURS[verdict] if verdict else INK
        _draw_rung(axes, row, standing, colour)
        sign = _CHART_SIGNS[verdict] if verdict else ""
        axes.text(
            0,
            row - 0.38,
            f"{drawable(shorten(standing.name, 40))}  {sign}",
            weight="bold",
            size=9,
            **beside,
        )
        axes.text(1, row - 0.38, _price(standing), ha="right", color=MUTED, size=7.5, **beside)
    metric = standings[0].metric
    label = f"{metric.title} on test{metric.axis_unit}"
    if metric.lower_is_better:
        label += " (less is better)"
    axes.set(ylim=(len(standings) - 0.45, -0.75), yticks=[], xlabel=label)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{metric.per_unit * value:.3g}")
    axes.tick_params(labelsize=8.5)
    return axes


@styled
def draw_curves(runs: Sequence[SavedRun], metric: str, into: Into = None) -> Axes:
    """Draw a metric over epochs, on train and validation, for every seed of a rung.

    metric : `accuracy` or `loss`, or the one that the runs are judged by, known on validation only.
    """
    judged_by = runs[0].experiment.judged_by
    drawn = {"accuracy": "accuracy", "loss": "loss", judged_by.name: judged_by.title}
    if metric not in drawn:
        raise ExperimentError(f"the metric is {either(drawn)}; got {metric!r}")
    column = judged_by.column if metric == judged_by.name else metric
    axes = new_axes(into, height=2.5)
    each = (
        "" if len(runs) == 1 else ", each fold" if runs[0].experiment.data.folds else ", each seed"
    )
    for number, run in enumerate(runs):
        history = run.history
        label = (f"train{each}", "validation") if number == 0 else (None, None)
        if column in history:
            axes.plot(
                history["epoch"],
                history[column],
                color=ORANGE,
                alpha=0.75,
                lw=1.1,
                ls="--",
                label=label[0],
            )
        axes.plot(
            history["epoch"],
            history[f"val_{column}"],
            color=BLUE,
            alpha=0.75,
            lw=1.4,
            label=label[1],
        )
        kept = history[history["epoch"] == run.metrics["kept_epoch"]]
        axes.plot(kept["epoch"], kept[f"val_{column}"], "o", color=BLUE, ms=4,
                  label="kept epoch" if number == 0 else None)  # fmt: skip
    axes.set(xlabel="epoch", ylabel=drawn[metric])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if metric == "loss":
        axes.set_ylim(bottom=0)
    # above all curves
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, borderaxespad=0)
    return axes


@styled
def draw_confusion(
    matrix: NDArray[np.int64], class_names: Sequence[str], into: Into = None
) -> Axes:
    """Draw a confusion matrix, true classes as rows; shades are shares of a row.

    Of many classes it is larger, so that their names can be read when it is enlarged.
    """
    size = len(class_names)
    side = max(2.6, min(WIDTH, 0.36 * size + 1.2), _SMALLEST_CELL * size)
    axes = new_axes(into, height=side)
    if into is None:
        axes.figure.figure.set_size_inches(max(WIDTH, side), side)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set(xlabel="predicted", ylabel="true class")
    names = [drawable(name) for name in class_names]
    axes.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), names)
    axes.tick_params(labelsize=8 if size <= 15 else 6)
    if size <= 15:
        for (row, column), count in np.ndenumerate(matrix):
            if count:
                colour = "white" if shares[row, column] > 0.55 else "#08306b"
                axes.text(column, row, f"{count:,}", ha="center", va="center", size=7, color=colour)
    return axes


@styled
def draw_reliability(before: Sequence[Bin], after: Sequence[Bin], into: Into = None) -> Axes:
    """Draw accuracy against confidence, before and after the temperature."""
    axes = new_axes(into, height=3.4)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":", label="perfectly calibrated")
    for bins, colour, marker, label in (
        (before, ORANGE, "s", "as trained"),
        (after, BLUE, "o", "after temperature"),
    ):
        confidence = [each.confidence for each in bins]
        share = np.array([each.accuracy.share for each in bins], dtype=np.float64)
        spread = [
            share - [each.accuracy.low for each in bins],
            [each.accuracy.high for each in bins] - share,
        ]
        axes.errorbar(
            confidence,
            share,
            spread,
            fmt=f"{marker}-",
            color=colour,
            alpha=0.85,
            ms=4,
            lw=1.2,
            elinewidth=0.9,
            label=label,
        )
    low = min(
        [each.confidence for each in (*before, *after)]
        + [each.accuracy.low for each in (*before, *after)]
    )
    axes.set(
        xlabel="confidence",
        ylabel="accuracy on test",
        xlim=(max(0, low - 0.03), 1.02),
        ylim=(max(0, low - 0.03), 1.02),
    )
    axes.legend(loc="best", fontsize=8)
    return axes


def _draw_rung(axes: Any, row: int, standing: GroupSummary, colour: str) -> None:
    found = standing.estimate
    axes.plot(
        [found.low, found.high],
        [row, row],
        color=colour,
        lw=5,
        alpha=0.3,
        solid_capstyle="round",
    )
    axes.plot(
        standing.run_values,
        [row] * len(standing.run_values),
        "o",
        color=colour,
        ms=3.5,
        alpha=0.6,
        mew=0,
    )
    axes.plot([found.mean] * 2, [row - 0.17, row + 0.17], color=colour, lw=2)


def _price(standing: GroupSummary) -> str:
    price = standing.price
    parts = [f"{quantity(price.parameters)} par.", f"{quantity(price.flops)} FLOPs"]
    if price.train_milliseconds_per_image is not None:
        parts.append(f"{price.train_milliseconds_per_image:.2g} ms")
    return " · ".join(parts)
