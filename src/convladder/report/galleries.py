"""Images in a grid: samples, heat maps, filters and feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convladder.report.samples import drop_grey_axis, read_samples
from convladder.report.style import BLUE, INK, ORANGE, Grid, drawable, shorten, styled
from convladder.results.saved_run import SavedRun


@dataclass(frozen=True)
class Gallery:
    """Images `(height, width, channels)` to be shown in a grid, each below its title.

    colours : of the titles; without any they are black.
    """

    images: Sequence[NDArray[np.uint8]]
    titles: Sequence[str]
    colours: Sequence[str] = ()
    columns: int = 6

    @property
    def rows(self) -> int:
        return max(1, -(-len(self.images) // self.columns))

    @property
    def inks(self) -> Sequence[str]:
        """The colour of each title."""
        return self.colours or [INK] * len(self.images)


@styled
def draw_gallery(gallery: Gallery, into: Figure | None = None) -> Grid:
    """Draw the images in a grid of axes; return these."""
    figure = into or Figure()
    figure.set_size_inches(1.2 * gallery.columns, 1.4 * gallery.rows)
    grid: Grid = figure.subplots(gallery.rows, gallery.columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, pixels, title, colour in zip(
        grid.flat, gallery.images, gallery.titles, gallery.inks, strict=False
    ):
        axes.imshow(drop_grey_axis(pixels), cmap="gray", vmin=0, vmax=255)
        axes.set_title(drawable(title), fontsize=7, color=colour)
    figure.set_layout_engine("constrained")
    return grid


def samples_of(run: SavedRun) -> Gallery:
    """Return the run's sample images with true and predicted class, the right ones first."""
    samples = read_samples(run)
    titles = [
        shorten(sample.predicted, 20)
        + ("" if sample.right else f"\n(is {shorten(sample.label, 20)})")
        for sample in samples
    ]
    colours = [BLUE if sample.right else ORANGE for sample in samples]
    return Gallery([sample.pixels for sample in samples], titles, colours)


def heat_of(run: SavedRun) -> Gallery:
    """Return the run's sample images beside where the network found its evidence."""
    pictures, titles, colours = [], [], []
    for sample in read_samples(run):
        pictures += [sample.pixels, sample.heated()]
        titles += [
            shorten(sample.predicted, 20),
            "" if sample.right else f"(is {shorten(sample.label, 20)})",
        ]
        colours += [BLUE if sample.right else ORANGE] * 2
    return Gallery(pictures, titles, colours, columns=8)


def filters_of(run: SavedRun) -> Gallery:
    """Return the filters of the first convolution; middle grey is a weight of zero."""
    filters = filter_pictures(run)
    return Gallery(filters, [""] * len(filters), columns=8)


def features_of(run: SavedRun) -> Gallery:
    """Return a test image, then what each layer makes of it; white is its strongest response."""
    maps = [np.moveaxis(each, -1, 0) for each in run.features.maps.values()]
    pictures, titles = [run.features.pixels], ["image"]
    columns = 8
    for name, layer in zip(run.features.maps, maps, strict=True):
        filled = -len(pictures) % columns
        pictures += [np.full((1, 1), 255, np.uint8)] * filled + list(layer)
        titles += [""] * filled + [name] + [""] * (len(layer) - 1)
    return Gallery(pictures, titles, columns=columns)


def filter_pictures(run: SavedRun) -> list[NDArray[np.uint8]]:
    """Return the first convolution's filters `(height, width, channels)`; 128 is zero."""
    filters = np.moveaxis(run.features.filters, -1, 0)
    scaled = 128 + 127 * filters / (np.abs(filters).max() or 1.0)
    return list(np.rint(scaled).astype(np.uint8))
