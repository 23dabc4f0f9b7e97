"""Figures that a notebook shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure() -> Figure:
    """Return a new figure that a notebook shows, white on any theme."""
    from matplotlib import pyplot

    return pyplot.figure(facecolor="white", dpi=110, layout="constrained")
