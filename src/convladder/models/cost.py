"""The price of a network: parameters, multiply-accumulates and FLOPs for one image.

A multiply-accumulate is one product added to a sum, in a convolution or a dense layer. FLOPs count every
arithmetic operation of one prediction: two for each multiply-accumulate, one for each added bias, ReLU, sigmoid,
sum, product and rescaled value, two for each batch-normalised value (its four constants fold into a factor and a
summand), and one for each value that a pooling window reads. Dropout costs nothing when predicting.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers


@dataclass(frozen=True)
class Cost:
    """Parameters of a network (trained or not), and multiply-accumulates and FLOPs for one image."""

    parameters: int
    macs: int
    flops: int


def measure(model: keras.Model) -> Cost:
    """Add up the cost of the layers of a functional model. Raises ValueError for an unknown kind of layer."""
    macs = flops = 0
    for layer in model.layers:
        layer_macs, other = _count(layer)
        macs += layer_macs
        flops += 2 * layer_macs + other
    return Cost(int(model.count_params()), macs, flops)


def _count(layer: layers.Layer) -> tuple[int, int]:
    for kinds, count in _COUNTERS.items():
        if isinstance(layer, kinds):
            return count(layer)
    raise ValueError(f"the cost of a {type(layer).__name__} layer is not known")


def _values(shape: tuple[int | None, ...]) -> int:
    return math.prod(side for side in shape[1:] if side is not None)


def _weighted(layer: Any) -> tuple[int, int]:
    """Count a convolution or dense layer: each output value sums over the kernel's other axes."""
    outputs = _values(layer.output.shape)
    macs = outputs * math.prod(layer.kernel.shape[:-1])
    bias = outputs if layer.use_bias else 0
    activation = outputs if layer.activation is keras.activations.relu else 0
    return macs, bias + activation


def _pooling(layer: Any) -> tuple[int, int]:
    return 0, _values(layer.output.shape) * math.prod(layer.pool_size)


def _global_pooling(layer: Any) -> tuple[int, int]:
    return 0, _values(layer.input.shape)


def _each_value(operations: int) -> Callable[[Any], tuple[int, int]]:
    return lambda layer: (0, operations * _values(layer.output.shape))


_COUNTERS: dict[tuple[type, ...], Callable[[Any], tuple[int, int]]] = {
    (layers.Conv2D, layers.Dense): _weighted,
    (layers.MaxPooling2D, layers.AveragePooling2D): _pooling,
    (layers.GlobalAveragePooling2D,): _global_pooling,
    (layers.BatchNormalization, layers.Normalization): _each_value(2),
    (layers.Activation, layers.Rescaling, layers.Add, layers.Multiply): _each_value(1),
    (layers.InputLayer, layers.Flatten, layers.Dropout): _each_value(0),
}
