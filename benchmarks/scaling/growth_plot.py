"""The picture of how cost grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

COLOURS = {"bank": "#0072B2", "trial": "#E69F00", "climb": "#009E73"}  # Okabe and Ito 2008
MARKERS = {"bank": "o", "trial": "s", "climb": "^"}
NAMES = {"bank": "bank", "trial": "trial, 2 epochs", "climb": "climb of {} trials"}


def draw(told: dict[str, Any], path: Path) -> None:
    """Draw time and memory by the number of images, and of a climb by the number of jobs."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        (of_time, of_memory), (jobs_time, jobs_memory) = figure.subplots(2, 2)
        for what in COLOURS:
            points = [each for each in told["images"] if each["what"] == what]
            label = NAMES[what].format(max(1, told["trials"] // 2))
            _line(of_time, points, "images", what, _seconds(points), label)
            _line(of_memory, points, "images", what, _gigabytes(points), label)
        jobs = told["jobs"]
        for axes, values in ((jobs_time, _seconds(jobs)), (jobs_memory, _gigabytes(jobs))):
            _line(axes, jobs, "jobs", "climb", values, "")
            axes.set(xlabel="jobs", ylim=(0, None), xticks=[each["jobs"] for each in jobs])
        for axes in (of_time, of_memory):
            axes.set(xscale="log", yscale="log", xlabel="images")
            axes.grid(alpha=0.3)
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        of_time.set(title="Time by images", ylabel="seconds")
        of_memory.set(title="Memory by images (peak, all processes)", ylabel="GB")
        images = told["jobs"][0]["images"]
        jobs_time.set(
            title=f"Climb of {told['trials']} trials on {images:,} images, by jobs",
            ylabel="seconds",
        )
        jobs_memory.set(title="Its memory", ylabel="GB")
        of_time.legend(frameon=False)
        figure.savefig(path, dpi=120)


def _line(
    axes: Axes,
    points: Sequence[dict[str, Any]],
    along: str,
    what: str,
    values: Sequence[float],
    label: str,
) -> None:
    axes.plot(
        [each[along] for each in points],
        values,
        color=COLOURS[what],
        marker=MARKERS[what],
        label=label,
    )


def _seconds(points: Sequence[dict[str, Any]]) -> list[float]:
    return [each["seconds"] for each in points]


def _gigabytes(points: Sequence[dict[str, Any]]) -> list[float]:
    return [each["peak_bytes"] / 1e9 for each in points]
