"""What the layers of a network make of an image."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

MOST_MAPS = 16  # of a layer


def first_filters(network: keras.Model) -> NDArray[np.float32]:
    """Return the kernel of the first convolution, `(height, width, channels, filters)`."""
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    return np.asarray(first.kernel)


def feature_maps(network: keras.Model, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Return what each convolution, after its ReLU, makes of one image `(height, width, channels)`.

    They come as `{layer: (height, width, maps)}`: the 16 maps with the strongest responses or fewer, the
    strongest first, from 0 to 255, which is the layer's strongest response.
    """
    names = [layer.name for layer in network.layers if layer.name.startswith("relu_")]
    layers = keras.Model(network.input, {name: network.get_layer(name).output for name in names})
    responses = layers(pixels[np.newaxis].astype(np.float32), training=False)
    return {name: _to_pixels(np.asarray(responses[name])[0]) for name in names}


def _to_pixels(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    responses = maps.max(axis=(0, 1))
    strongest = np.argsort(-responses, kind="stable")[:MOST_MAPS]
    pixels: NDArray[np.uint8] = np.rint(255 * maps[..., strongest] / (responses.max() or 1.0)).astype(np.uint8)
    return pixels
