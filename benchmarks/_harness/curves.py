"""The picture of accuracy against seconds of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

INK, MUTED, BLUE, ORANGE = "#1b1b1d", "#9a9aa0", "#0072B2", "#D55E00"  # Okabe and Ito 2008


@dataclass(frozen=True)
class Curve:
    """Accuracy on validation after so many seconds; `points` are pairs of these, an epoch each."""

    points: Sequence[tuple[float, float]]
    label: str | None = None
    colour: str = MUTED
    style: str = "-"
    width: float = 2


def draw(curves: Sequence[Curve], seconds: str, path: Path) -> None:
    """Draw curves, the first below the others; `seconds` names what is on the x axis."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            x, y = zip(*curve.points, strict=True)
            axes.plot(x, y, curve.style, color=curve.colour, lw=curve.width, label=curve.label)
        axes.set(xscale="log", xlabel=seconds, ylabel="accuracy on validation, %")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(path, dpi=120)
