"""Images in a grid: samples, heat maps, filters and feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convladder.report.samples import drop_grey_axis, read_samples
from convladder.report.style import BLUE, INK, ORANGE, Grid, drawable, shorten, styled
from convladder.runs import Run


@styled
def draw_samples(run: Run, into: Figure | None = None) -> Grid:
    """Draw the run's sample images with what is true and what was predicted: the right ones, then the wrong."""
    samples = read_samples(run)
    titles = [
        shorten(sample.predicted, 20) + ("" if sample.right else f"\n(is {shorten(sample.label, 20)})")
        for sample in samples
    ]
    colours = [BLUE if sample.right else ORANGE for sample in samples]
    return draw_images([sample.pixels for sample in samples], titles, colours, into=into)


@styled
def draw_images(
    images: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    colours: Sequence[str] | None = None,
    *,
    columns: int = 6,
    into: Figure | None = None,
) -> Grid:
    """Draw images `(height, width, channels)` in a grid, each below its title; return the grid's axes."""
    rows = max(1, -(-len(images) // columns))
    figure = into or Figure()
    figure.set_size_inches(1.2 * columns, 1.4 * rows)
    grid: Grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, pixels, title, colour in zip(
        grid.flat, images, titles, colours or [INK] * len(images), strict=False
    ):
        axes.imshow(drop_grey_axis(pixels), cmap="gray", vmin=0, vmax=255)
        axes.set_title(drawable(title), fontsize=7, color=colour)
    figure.set_layout_engine("constrained")
    return grid


@styled
def draw_heat(run: Run, into: Figure | None = None) -> Grid:
    """Draw the run's sample images beside where the network found evidence for what it predicted."""
    pictures, titles, colours = [], [], []
    for sample in read_samples(run):
        pictures += [sample.pixels, sample.heated()]
        titles += [shorten(sample.predicted, 20), "" if sample.right else f"(is {shorten(sample.label, 20)})"]
        colours += [BLUE if sample.right else ORANGE] * 2
    return draw_images(pictures, titles, colours, columns=8, into=into)


@styled
def draw_filters(run: Run, into: Figure | None = None) -> Grid:
    """Draw the filters of the first convolution; middle grey is a weight of zero."""
    filters = filter_pictures(run)
    return draw_images(filters, [""] * len(filters), columns=8, into=into)


@styled
def draw_features(run: Run, into: Figure | None = None) -> Grid:
    """Draw a test image, then what each layer makes of it; white is the layer's strongest response."""
    maps = [np.moveaxis(each, -1, 0) for each in run.features.maps.values()]
    pictures, titles = [run.features.pixels], ["image"]
    columns = 8
    for name, layer in zip(run.features.maps, maps, strict=True):
        filled = -len(pictures) % columns
        pictures += [np.full((1, 1), 255, np.uint8)] * filled + list(layer)
        titles += [""] * filled + [name] + [""] * (len(layer) - 1)
    return draw_images(pictures, titles, columns=columns, into=into)


def filter_pictures(run: Run) -> list[NDArray[np.uint8]]:
    """Return the filters of the first convolution as images `(height, width, channels)`; 128 is zero."""
    filters = np.moveaxis(run.features.filters, -1, 0)
    scaled = 128 + 127 * filters / (np.abs(filters).max() or 1.0)
    return list(np.rint(scaled).astype(np.uint8))
