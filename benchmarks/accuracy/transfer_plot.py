"""The picture of what the weights of another network bring: accuracy by the number of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from convladder.report.style import BLUE, GREEN, ORANGE

LOOKS = {
    "from-scratch": (ORANGE, "o"),
    "transfer-frozen": (BLUE, "s"),
    "transfer-finetuned": (GREEN, "^"),
}


def draw(told: dict[str, Any], path: Path) -> None:
    """Draw each rung as a line within the band of its interval, and its seeds as dots."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7.2, 4.4), layout="constrained")
        axes = figure.subplots()
        for rung, (colour, marker) in LOOKS.items():
            rows = [row for row in told["rows"] if row["rung"] == rung]
            images = [row["images"] for row in rows]
            axes.fill_between(
                images,
                [row["low"] for row in rows],
                [row["high"] for row in rows],
                color=colour,
                alpha=0.15,
                lw=0,
            )
            axes.plot(
                images, [row["mean"] for row in rows], color=colour, marker=marker, label=rung
            )
            for row in rows:
                axes.plot(
                    [row["images"]] * len(row["each"]),
                    row["each"],
                    marker,
                    color=colour,
                    markersize=3,
                    alpha=0.5,
                )
        axes.set(
            xscale="log",
            xlabel="images a class",
            ylabel=f"accuracy on {told['tested']:,} test images",
        )
        axes.set_xticks(sorted({row["images"] for row in told["rows"]}))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.axhline(0.5, color="#6a6a6e", lw=0.8, ls=":")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        figure.savefig(path, dpi=120)
