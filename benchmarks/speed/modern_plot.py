"""The picture of accuracy against seconds of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

INK, MUTED, BLUE, ORANGE = "#1b1b1d", "#9a9aa0", "#0072B2", "#D55E00"  # Okabe and Ito 2008


def draw(told: dict[str, Any], path: Path) -> None:
    """Draw the accuracy on validation of each rung over its seconds of training, the means over seeds."""
    rungs, (notebook,) = told["rungs"], told["notebook"]
    start, best = rungs[0], max(rungs, key=lambda rung: rung["accuracy"])
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for rung in rungs:
            _line(axes, rung, MUTED, width=0.9)
        _line(axes, start, INK, label=f"{start['rung']}, the start")
        if best is not start:
            _line(axes, best, BLUE, label=f"{best['rung']}, the best")
        _line(axes, notebook, ORANGE, style="--", label="the notebook's last network")
        axes.set(xscale="log", xlabel="seconds of training, one core a trial", ylabel="accuracy on validation, %")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(path, dpi=120)


def _line(
    axes: Axes, rung: dict[str, Any], colour: str, *, style: str = "-", width: float = 2, label: str = ""
) -> None:
    seconds, accuracy = zip(*rung["curve"], strict=True)
    axes.plot(seconds, accuracy, style, color=colour, lw=width, label=label or None)
