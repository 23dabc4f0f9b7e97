"""The same network for other readers: Keras's own layers alone, none of them grouped.

Who opens a `.keras` file needs Keras then, and no code of ours. What tf2onnx and LiteRT cannot
convert is written otherwise: a convolution of as many groups as channels, as in ConvNeXt, which
Keras 3.15 has XLA compile, becomes depthwise; mean and deviation of a normalisation, which the
graph would ask for as inputs, become a scale and an offset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from convladder.models.keras_applications import LoadedNormalization, NamedScale, ReverseChannels

Arrays = list[NDArray[Any]]
Kept = dict[str, Any]  # a layer's name and type


class _StandIn(NamedTuple):
    """For which layers, by which of Keras's own, and with which weights of theirs."""

    fits: Callable[[Any], bool]
    made: Callable[[Any, Kept], Any]
    weights: Callable[[Any], Arrays]


def plain(network: keras.Model) -> keras.Model:
    """Return a copy for prediction: its channels are turned and scaled by convolutions."""
    made = keras.models.clone_model(network, clone_function=_copied)
    for layer in network.layers:  # of which some are operations, without weights
        stand_in = _find(layer)
        weights = stand_in.weights(layer) if stand_in else layer.get_weights()
        made.get_layer(layer.name).set_weights(weights)
    return made


def _copied(layer: Any) -> Any:
    """Return a layer of Keras's own for one of any kind, with new weights; operations stay."""
    if not isinstance(layer, layers.Layer):
        return layer
    stand_in = _find(layer)
    if stand_in is None:
        return type(layer).from_config(layer.get_config())
    return stand_in.made(layer, {"name": layer.name, "dtype": layer.dtype_policy})


def _find(layer: Any) -> _StandIn | None:
    return next((each for each in _STAND_INS if each.fits(layer)), None)


def _turned(layer: Any) -> Arrays:
    turned: NDArray[np.float32] = np.eye(layer.output.shape[-1], dtype=np.float32)[::-1]
    return [turned[np.newaxis, np.newaxis]]


def _rescaling(layer: Any, kept: Kept) -> Any:
    """Return `(values - mean) / deviation` as a scale and an offset of each channel."""
    if isinstance(layer, LoadedNormalization):
        mean, variance, _ = layer.get_weights()
    else:
        mean, variance = (np.ravel(np.asarray(each)) for each in (layer.mean, layer.variance))
    scale = 1 / np.maximum(np.sqrt(np.float64(variance)), keras.config.epsilon())
    return layers.Rescaling(scale.tolist(), (-scale * mean).tolist(), **kept)


def _is_depthwise(layer: Any) -> bool:
    """Whether a convolution has a group, and one filter, for each channel."""
    return (
        isinstance(layer, layers.Conv2D)
        and 1 < layer.groups == layer.filters == layer.input.shape[-1]
    )


def _depthwise(layer: Any, kept: Kept) -> Any:
    config = layer.get_config()
    same = {
        key: config[key] for key in ("kernel_size", "strides", "padding", "use_bias", "activation")
    }
    return layers.DepthwiseConv2D(**same, **kept)


def _of_depthwise(layer: Any) -> Arrays:
    kernel, *bias = layer.get_weights()
    return [kernel.transpose(0, 1, 3, 2), *bias]


_STAND_INS = (
    _StandIn(
        lambda layer: isinstance(layer, ReverseChannels),
        lambda layer, kept: layers.Conv2D(layer.output.shape[-1], 1, use_bias=False, **kept),
        _turned,
    ),
    _StandIn(
        lambda layer: isinstance(layer, NamedScale),
        lambda layer, kept: layers.DepthwiseConv2D(1, use_bias=False, **kept),
        lambda layer: [layer.get_weights()[0][np.newaxis, np.newaxis, :, np.newaxis]],
    ),
    _StandIn(lambda layer: isinstance(layer, layers.Normalization), _rescaling, lambda layer: []),
    _StandIn(_is_depthwise, _depthwise, _of_depthwise),
    _StandIn(
        lambda layer: isinstance(layer, layers.BatchNormalization),
        lambda layer, kept: layers.BatchNormalization.from_config(layer.get_config()),
        lambda layer: layer.get_weights(),
    ),
)
