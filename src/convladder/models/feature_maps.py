"""What the layers of a network make of an image."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray

from convladder.models import catalog

MOST_MAPS = 16  # of a layer


def first_filters(network: keras.Model) -> NDArray[np.float32]:
    """Return the kernel of the first convolution, `(height, width, channels, filters)`."""
    return np.asarray(next(_convolutions(network)).kernel)


def _convolutions(network: keras.Model) -> Iterator[keras.layers.Conv2D]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _convolutions(layer)
        elif isinstance(layer, keras.layers.Conv2D):
            yield layer


def feature_maps(network: keras.Model, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Return what each convolution, after its ReLU, makes of one image `(height, width, channels)`.

    Of a network of keras.applications, which has a hundred, it is the last of each size.

    They come as `{layer: (height, width, maps)}`: the 16 maps with the strongest responses or
    fewer, the strongest first, from 0 to 255, which is the layer's strongest response.
    """
    names = [layer.name for layer in _told(network)]
    layers = keras.Model(network.input, {name: network.get_layer(name).output for name in names})
    responses = layers(pixels[np.newaxis].astype(np.float32), training=False)
    return {name: _to_pixels(np.asarray(responses[name])[0]) for name in names}


def activations(network: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers with telling maps: in our networks every ReLU after a convolution.

    Of others all activations whose maps have more than one cell; without any, all such layers.
    """
    own = [layer for layer in network.layers if layer.name.startswith("relu_")]
    if own and network.name == catalog.OWN:
        return own
    maps = [
        layer
        for layer in network.layers[1:]
        if len(layer.output.shape) == 4 and max(layer.output.shape[1:3]) > 1
    ]
    kinds = (keras.layers.Activation, keras.layers.ReLU)
    active = [layer for layer in maps if isinstance(layer, kinds) or _is_active(layer)]
    return active or maps


def _told(network: keras.Model) -> list[keras.layers.Layer]:
    found = activations(network)
    if network.name == catalog.OWN:
        return found
    return list({layer.output.shape[1:3]: layer for layer in found}.values())


def _is_active(layer: keras.layers.Layer) -> bool:
    """Whether a convolution has its activation inside, as those of VGG have."""
    return isinstance(layer, keras.layers.Conv2D) and layer.activation is keras.activations.relu


def _to_pixels(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    responses = maps.max(axis=(0, 1))
    strongest = np.argsort(-responses, kind="stable")[:MOST_MAPS]
    pixels: NDArray[np.uint8] = np.rint(
        255 * maps[..., strongest] / (responses.max() or 1.0)
    ).astype(np.uint8)
    return pixels
