"""What a network looks at: Grad-CAM.

Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based
localization", ICCV. The maps of the last convolutions here are coarse (8×8 or 2×2), so the heat is
taken from the deepest one that has 10 cells to a side. On images whose evidence was planted
(`benchmarks/claims/evidence.py`) more of it lies on that.
"""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from convladder.models import catalog, head
from convladder.models.backend import gradient
from convladder.models.feature_maps import activations
from convladder.models.shapes import POOL

# docs/decisions/015-heat-maps-come-from-a-layer-with-ten-cells-a-side.md
LEAST_CELLS = 10  # to a side
BATCH = 64

Heat = NDArray[np.float32]


def heat_maps(
    network: keras.Model,
    pixels: NDArray[np.uint8],
    classes: NDArray[np.integer[Any]],
    least_cells: int = LEAST_CELLS,
) -> Heat:
    """Return where in each image the network finds evidence for a class.

    Parameters
    ----------
    pixels
        Images, `(N, height, width, channels)` from 0 to 255.
    classes
        The class asked about for each, `(N,)`.
    least_cells
        How many cells to a side the map of the layer must have.

    Returns
    -------
    `(N, height, width)` from 0 to 1, the hottest pixel of each image being 1; all 0 where nothing
    speaks for the class.
    """
    chosen, before, after = _part(network, least_cells)
    starts = range(0, len(pixels), BATCH)
    coarse = [
        _heat(before, after, pixels[at : at + BATCH], classes[at : at + BATCH]) for at in starts
    ]
    cell, border = _place(network, chosen)
    heat = _spread(np.concatenate(coarse), pixels.shape[1:3], cell, border)
    hottest = heat.max(axis=(1, 2), keepdims=True)
    scaled: Heat = np.divide(heat, hottest, out=np.zeros_like(heat), where=hottest > 0)
    return scaled


def _part(
    network: keras.Model, least_cells: int
) -> tuple[keras.layers.Layer, keras.Model, keras.Model]:
    """Return the layer whose map is looked at, and the network up to it and from there on.

    The deepest that is fine enough and that all of the network goes through: no connection leads
    around it. Where that is none of those whose values speak for something, the last one before the
    head.
    """
    active = activations(network)
    fine = [layer for layer in active if min(layer.output.shape[1:3]) >= least_cells]
    for layer in (*reversed(fine), *active, head.body_of(network)[-1]):
        with contextlib.suppress(ValueError):  # the way around it begins before it
            after = keras.Model(layer.output, network.output)
            return layer, keras.Model(network.input, layer.output), after
    raise ValueError(f"every layer of maps in {network.name} can be bypassed")


def _place(network: keras.Model, layer: keras.layers.Layer) -> tuple[float, int]:
    """Return how many pixels a side a cell of the layer's map covers, and how many precede it.

    In a network of keras.applications the map is laid over the whole image.
    """
    if network.name != catalog.OWN:
        return network.input.shape[1] / layer.output.shape[1], 0
    # a block comes after the pooling
    number, *block = map(int, layer.name.removeprefix("relu_").split("_"))
    return POOL ** (number if block else number - 1), _border(network, number)


def _border(network: keras.Model, number: int) -> int:
    """Return how many pixels lie before a map's first cell: those that no padding gave back."""
    convolutions = [network.get_layer(f"conv_{place + 1}") for place in range(number)]
    lost = [
        POOL**place * (layer.kernel_size[0] - 1) / 2 if layer.padding == "valid" else 0
        for place, layer in enumerate(convolutions)
    ]
    return round(sum(lost))


def _heat(
    before: keras.Model,
    after: keras.Model,
    pixels: NDArray[np.uint8],
    classes: NDArray[np.integer[Any]],
) -> Heat:
    """Return the sum of the maps, each weighted by its mean gradient, where it is positive."""

    def score(maps: Any) -> Any:
        logits = after(maps, training=False)
        return ops.take_along_axis(logits, ops.reshape(ops.cast(classes, "int32"), (-1, 1)), axis=1)

    maps = before(ops.cast(pixels, "float32"), training=False)
    weights = ops.mean(gradient(score, maps), axis=(1, 2), keepdims=True)
    heat: Heat = np.asarray(ops.relu(ops.sum(weights * maps, axis=-1)))
    return heat


def _spread(heat: Heat, size: tuple[int, int], stride: float, border: int) -> Heat:
    """Lay maps `(N, h, w)` of cells of `stride` pixels into the image; the rest stays cold."""
    height, width = (round(cells * stride) for cells in heat.shape[1:])
    large = np.asarray(
        ops.image.resize(heat[..., np.newaxis], (height, width), interpolation="bilinear")[..., 0]
    )
    spread: Heat = np.zeros((len(heat), *size), dtype=heat.dtype)
    inside = large[:, : size[0] - border, : size[1] - border]
    spread[:, border : border + inside.shape[1], border : border + inside.shape[2]] = inside
    return spread
