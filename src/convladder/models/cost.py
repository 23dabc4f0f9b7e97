"""The price of a network: parameters, multiply-accumulates and FLOPs for one image.

A multiply-accumulate is one product added to a sum, in a convolution or a dense layer. FLOPs count
every arithmetic operation of one prediction: two for each multiply-accumulate, one for each added
bias, ReLU, sigmoid, sum, product and rescaled value, two for each batch-normalised value (its four
constants fold into a factor and a summand), seven for each layer-normalised one (whose mean and
deviation are its own), and one for each value that a pooling window reads. An exponential or an
error function counts as one operation. Dropout, padding, and putting values elsewhere cost nothing
when predicting.
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
    """Parameters of a network (trained or not), and multiply-accumulates and FLOPs for one image.

    trained : those of the parameters that training changes.
    """

    parameters: int
    macs: int
    flops: int
    trained: int


def measure(model: keras.Model) -> Cost:
    """Add up the cost of a functional model's layers. Raises UnknownCostError for other kinds."""
    macs, other = _count(model)
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Cost(int(model.count_params()), macs, 2 * macs + other, trained)


class UnknownCostError(ValueError):
    """A kind of layer whose operations nobody has counted yet."""


def _count(layer: layers.Layer) -> tuple[int, int]:
    """Return multiply-accumulates and other operations."""
    if isinstance(layer, keras.Model):
        counts = [_count(each) for each in layer.layers]
        return sum(macs for macs, _ in counts), sum(other for _, other in counts)
    for kinds, count in _COUNTERS.items():
        if any(
            type(layer).__name__ == kind if isinstance(kind, str) else isinstance(layer, kind)
            for kind in kinds
        ):
            return count(layer)
    raise UnknownCostError(f"the cost of a {type(layer).__name__} layer is not known")


def _values(shape: tuple[int | None, ...]) -> int:
    return math.prod(side for side in shape[1:] if side is not None)


def _weighted(layer: Any) -> tuple[int, int]:
    """Count a convolution or dense layer: each output value sums over the kernel's other axes."""
    outputs = _values(layer.output.shape)
    return outputs * math.prod(layer.kernel.shape[:-1]), _after(layer)


def _depthwise(layer: Any) -> tuple[int, int]:
    """Count a convolution in which each output value sums over a window of one channel."""
    return _values(layer.output.shape) * math.prod(layer.kernel_size), _after(layer)


def _separable(layer: Any) -> tuple[int, int]:
    """Count a depthwise convolution, and the pointwise one of what it gives."""
    _, height, width, filters = layer.output.shape
    given = layer.input.shape[-1] * layer.depth_multiplier
    window = math.prod(layer.kernel_size)
    return height * width * (given * window + given * filters), _after(layer)


def _after(layer: Any) -> int:
    """Count bias and activation of what a layer gives."""
    return _values(layer.output.shape) * (bool(layer.use_bias) + _of_activation(layer.activation))


def _activation(layer: Any) -> tuple[int, int]:
    return 0, _values(layer.output.shape) * _of_activation(layer.activation)


def _of_activation(function: Any) -> int:
    name = getattr(function, "__name__", type(function).__name__)
    if name not in _ACTIVATIONS:
        raise UnknownCostError(f"the cost of the activation {name} is not known")
    return _ACTIVATIONS[name]


def _rectified(layer: Any) -> tuple[int, int]:
    return 0, _values(layer.output.shape) * (1 if layer.max_value is None else 2)


def _pooling(layer: Any) -> tuple[int, int]:
    return 0, _values(layer.output.shape) * math.prod(layer.pool_size)


def _global_pooling(layer: Any) -> tuple[int, int]:
    return 0, _values(layer.input.shape)


def _each_value(operations: int) -> Callable[[Any], tuple[int, int]]:
    return lambda layer: (0, operations * _values(layer.output.shape))


# operations for each value; x · sigmoid(x) is two, and the hard ones are made of relu6(x + 3) / 6
_ACTIVATIONS = {
    "linear": 0,
    "relu": 1,
    "relu6": 2,
    "sigmoid": 1,
    "silu": 2,
    "gelu": 2,
    "hard_sigmoid": 4,
    "hard_silu": 5,
}

_COUNTERS: dict[tuple[Any, ...], Callable[[Any], tuple[int, int]]] = {
    (layers.SeparableConv2D,): _separable,
    (layers.DepthwiseConv2D,): _depthwise,
    (layers.Conv2D, layers.Dense): _weighted,
    (layers.MaxPooling2D, layers.AveragePooling2D): _pooling,
    (layers.GlobalAveragePooling2D,): _global_pooling,
    (layers.BatchNormalization, layers.Normalization, "CustomScaleLayer"): _each_value(2),
    (layers.LayerNormalization,): _each_value(7),
    (layers.Activation,): _activation,
    (layers.ReLU,): _rectified,
    (layers.Rescaling, layers.Add, layers.Multiply, "LayerScale"): _each_value(1),
    (layers.InputLayer, layers.Flatten, layers.Reshape, layers.Concatenate): _each_value(0),
    (layers.Dropout, layers.ZeroPadding2D, layers.Cropping2D, "ReverseChannels"): _each_value(0),
}  # fmt: skip
