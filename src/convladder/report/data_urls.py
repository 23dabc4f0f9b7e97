"""Figures as a page holds them, with each as a PNG file beside it."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from convladder.report import mosaic, style
from convladder.report.galleries import Gallery


class Pictures:
    """Takes figures, keeps each as a PNG file under `plots/` and gives it back as inline SVG."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "plots"

    def add(self, name: str, axes: Axes) -> Markup:
        figure = axes.figure.figure
        return self._add(name, figure, style.find_edges(figure))

    def add_grid(self, name: str, grid: style.Grid) -> Markup:
        """Take a figure whose margins are given."""
        figure = grid.flat[0].figure
        return self._add(name, figure, figure.bbox_inches)

    def keep(self, name: str, gallery: Gallery) -> None:
        mosaic.save_gallery(gallery, self._folder / f"{name}.png")

    def _add(self, name: str, figure: Figure, box: Bbox) -> Markup:
        style.save_png(figure, self._folder / f"{name}.png", box)
        return Markup(style.to_svg(figure, name, box))  # matplotlib has escaped the text in it
