"""A network of Keras's own layers alone, which computes what one with layers of this package computes.

Who opens a `.keras` file needs Keras then, and no code of ours.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from convladder.models.applications import LoadedNormalization, NamedScale, ReverseChannels

Arrays = list[NDArray[Any]]


def plain(network: keras.Model) -> keras.Model:
    """Return a copy for prediction: batch normalisation as there, channels turned and scaled by convolutions."""
    made = keras.models.clone_model(network, clone_function=_copied)
    for layer in network.layers:  # of which some are operations, without weights
        made.get_layer(layer.name).set_weights(_weights(layer))
    return made


def _copied(layer: Any) -> Any:
    """Return a layer of Keras's own for one of any kind, with new weights; operations stay."""
    if not isinstance(layer, layers.Layer):
        return layer
    same: dict[str, Any] = {"name": layer.name, "dtype": layer.dtype_policy}
    if isinstance(layer, ReverseChannels):
        return layers.Conv2D(layer.output.shape[-1], 1, use_bias=False, **same)
    if isinstance(layer, NamedScale):
        return layers.DepthwiseConv2D(1, use_bias=False, **same)
    if isinstance(layer, LoadedNormalization):
        mean, variance, _ = layer.get_weights()
        return layers.Normalization(mean=mean.tolist(), variance=variance.tolist(), **same)
    if isinstance(layer, layers.BatchNormalization):
        return layers.BatchNormalization.from_config(layer.get_config())
    return type(layer).from_config(layer.get_config())


def _weights(layer: Any) -> Arrays:
    """Return the weights of the layer that stands for this one."""
    if isinstance(layer, ReverseChannels):
        turned: NDArray[np.float32] = np.eye(layer.output.shape[-1], dtype=np.float32)[::-1]
        return [turned[np.newaxis, np.newaxis]]
    if isinstance(layer, NamedScale):
        return [layer.get_weights()[0][np.newaxis, np.newaxis, :, np.newaxis]]
    if isinstance(layer, LoadedNormalization):
        return []
    return list(layer.get_weights())
