"""What a network looks at: Grad-CAM.

Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV.
The maps of the last convolutions here are coarse (8×8 or 2×2), so the heat is taken from the deepest one that has
12 cells to a side. On images whose evidence was planted (`tests/test_gradcam.py`) the hottest pixel lay
on it more often so.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from convladder.models.convnet import POOL

LEAST_CELLS = 12  # to a side
BATCH = 64

Heat = NDArray[np.float32]


def heat_maps(network: keras.Model, pixels: NDArray[np.uint8], classes: NDArray[np.integer[Any]]) -> Heat:
    """Return where in each image the network finds evidence for a class.

    Parameters
    ----------
    pixels
        Images, `(N, height, width, channels)` from 0 to 255.
    classes
        The class asked about for each, `(N,)`.

    Returns
    -------
    `(N, height, width)` from 0 to 1, the hottest pixel of each image being 1; all 0 where nothing speaks for
    the class.
    """
    chosen = _layer(network)
    both = keras.Model(network.input, [chosen.output, network.output])
    starts = range(0, len(pixels), BATCH)
    coarse = [_heat(both, pixels[at : at + BATCH], classes[at : at + BATCH]) for at in starts]
    heat = _spread(np.concatenate(coarse), pixels.shape[1:3], _stride(chosen))
    hottest = heat.max(axis=(1, 2), keepdims=True)
    scaled: Heat = np.divide(heat, hottest, out=np.zeros_like(heat), where=hottest > 0)
    return scaled


def _layer(network: keras.Model) -> keras.layers.Layer:
    activations = [layer for layer in network.layers if layer.name.startswith("relu_")]
    fine = [layer for layer in activations if min(layer.output.shape[1:3]) >= LEAST_CELLS]
    return (fine or activations[:1])[-1]


def _stride(layer: keras.layers.Layer) -> int:
    """Return how many pixels a cell of the layer's map spans: a pooling follows each convolution."""
    return int(POOL ** (int(layer.name.removeprefix("relu_")) - 1))


def _heat(both: keras.Model, pixels: NDArray[np.uint8], classes: NDArray[np.integer[Any]]) -> Heat:
    """Return the sum of the maps, each weighted by its mean gradient, where it is positive."""
    with tf.GradientTape() as tape:
        maps, logits = both(ops.cast(pixels, "float32"), training=False)
        tape.watch(maps)
        score = tf.gather(logits, classes, axis=1, batch_dims=1)
    weights = ops.mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    heat: Heat = np.asarray(ops.relu(ops.sum(weights * maps, axis=-1)))
    return heat


def _spread(heat: Heat, size: tuple[int, int], stride: int) -> Heat:
    """Enlarge maps `(N, h, w)` to the size of the images; what convolutions without padding cut off stays cold."""
    height, width = (min(cells * stride, side) for cells, side in zip(heat.shape[1:], size, strict=True))
    large = ops.image.resize(heat[..., np.newaxis], (height, width), interpolation="bilinear")[..., 0]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    border = ((0, 0), (top, size[0] - height - top), (left, size[1] - width - left))
    spread: Heat = np.pad(np.asarray(large), border)
    return spread
