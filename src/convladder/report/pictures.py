"""The pictures of a page, each as a PNG file beside it: figures, and galleries of images.

A gallery is one picture, pixels side by side: axes for each image take ten times as long.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from PIL import Image

from convladder.report import style
from convladder.report.galleries import Gallery
from convladder.report.samples import drop_grey_axis
from convladder.report.style import DPI, any_script, drawable, styled

SIDE, GAP = 180, 12  # pixels
FONT_SIZE = 7
_LINE = round(1.25 * FONT_SIZE * DPI / 72)

Pixels = NDArray[np.uint8]


class Pictures:
    """Takes figures, keeps each as a PNG file under `plots/` and gives it back as inline SVG."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "plots"

    def add(self, name: str, axes: Axes, said: str) -> Markup:
        """Take a chart; `said` is what it shows, for those who do not see it."""
        figure = axes.figure.figure
        return self._add(name, figure, style.find_edges(figure), said)

    def add_grid(self, name: str, grid: style.Grid, said: str) -> Markup:
        """Take a figure whose margins are given."""
        figure = grid.flat[0].figure
        return self._add(name, figure, figure.bbox_inches, said)

    def keep_chart(self, name: str, axes: Axes) -> None:
        """Take a chart that is a file alone."""
        figure = axes.figure.figure
        style.save_png(figure, self._folder / f"{name}.png", style.find_edges(figure))

    def keep(self, name: str, gallery: Gallery) -> None:
        save_gallery(gallery, self._folder / f"{name}.png")

    def _add(self, name: str, figure: Figure, box: Bbox, said: str) -> Markup:
        style.save_png(figure, self._folder / f"{name}.png", box)
        # matplotlib has escaped the text in it
        return Markup(style.to_svg(figure, name, box, str(escape(said))))


def save_gallery(gallery: Gallery, path: Path) -> None:
    """Write the images of a gallery as a PNG file, each below its title."""
    edges = _lower_edges(gallery)
    corners = [
        (edges[place // gallery.columns] - SIDE, GAP + place % gallery.columns * (SIDE + GAP))
        for place in range(len(gallery.images))
    ]
    shape = edges[-1] + GAP, GAP + gallery.columns * (SIDE + GAP)
    canvas = _draw_titles(gallery, corners, shape)
    for pixels, corner in zip(gallery.images, corners, strict=True):
        _paste(canvas, pixels, *corner)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(canvas).save(path, dpi=(DPI, DPI))


def _lower_edges(gallery: Gallery) -> list[int]:
    """Return where each row of images ends; a row is as high as its longest title asks for."""
    edges, edge = [], 0
    for row in range(gallery.rows):
        titles = gallery.titles[row * gallery.columns : (row + 1) * gallery.columns]
        lines = max((title.count("\n") + 1 for title in titles if title), default=0)
        edge += GAP + lines * _LINE + SIDE
        edges.append(edge)
    return edges


@styled
def _draw_titles(
    gallery: Gallery, corners: list[tuple[int, int]], shape: tuple[int, int]
) -> Pixels:
    """Return a white canvas, `(height, width, 3)`, with titles above the images to come."""
    height, width = shape
    figure = Figure((width / DPI, height / DPI), dpi=DPI, facecolor="white")
    for title, colour, (top, left) in zip(gallery.titles, gallery.inks, corners, strict=True):
        if title:
            place = (left + SIDE / 2) / width, 1 - (top - GAP / 3) / height
            figure.text(
                *place, drawable(title), size=FONT_SIZE, color=colour, ha="center", va="bottom"
            )
    drawn = FigureCanvasAgg(figure)
    with any_script():
        drawn.draw()  # type: ignore[no-untyped-call]
    return np.array(drawn.buffer_rgba())[:height, :width, :3]  # type: ignore[no-untyped-call]


def _paste(canvas: Pixels, pixels: Pixels, top: int, left: int) -> None:
    """Lay an image into the middle of its square, as large as fits."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    # few pixels are there to be seen
    how = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS
    scaled = np.asarray(Image.fromarray(drop_grey_axis(pixels)).convert("RGB").resize(size, how))
    top, left = top + (SIDE - size[1]) // 2, left + (SIDE - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = scaled
