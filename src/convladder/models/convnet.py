"""One growing convolutional network; it begins as LeNet-5 (LeCun et al. 1998), trained today."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import assert_never

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from convladder.core.settings.model import Model
from convladder.models import head, shapes
from convladder.models.backend import BatchNormalization
from convladder.models.layers import FixedBatchNormalization

POOLINGS = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel over the training pixels, 0 to 255."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def build(
    settings: Model,
    shape: tuple[int, int, int],
    classes: int,
    statistics: Statistics | None = None,
    whitening: NDArray[np.float32] | None = None,
) -> keras.Model:
    """Build the network from pixels to logits.

    The input is `(batch, height, width, channels)` with values from 0 to 255; preprocessing is
    inside, and needs `statistics` where it is "standardize". The output is `(batch, classes)`,
    before softmax. Both are float32 whatever the dtype policy is. `whitening` is the kernel `(2, 2,
    channels, 8 * channels)` of a first layer that whitens. Of a backbone that was trained the
    layers before the head are as in prediction, also in training: no dropout, and moving statistics
    that stay.

    Raises
    ------
    ExperimentError
        The images are too small for so many convolutions and poolings.
    """
    shapes.check_size(settings, *shape[:2])
    inputs, values = head.open_pixels(settings, shape)
    maps = _body(settings, values, statistics, whitening)
    return keras.Model(inputs, head.add_head(settings, maps, classes), name=settings.architecture)


def _body(
    settings: Model,
    values: keras.KerasTensor,
    statistics: Statistics | None,
    whitening: NDArray[np.float32] | None,
) -> keras.KerasTensor:
    values = _preprocessing(settings, statistics)(values)
    if settings.whitening:
        values = _whitened(values, whitening)
    stages = zip_longest(settings.filters, settings.dropout_conv, settings.residual, fillvalue=0)
    for number, (filters, rate, blocks) in enumerate(stages, start=1):
        values = _convolution(settings, int(filters), number)(values)
        values = _normalized(settings, values, str(number))
        values = layers.Activation("relu", name=f"relu_{number}")(values)
        values = _pooling(settings, number)(values)
        if settings.squeeze and not settings.residual:
            values = _excited(values, settings.squeeze, str(number))
        if rate and not settings.pretrained:
            values = layers.Dropout(rate, name=f"dropout_conv_{number}")(values)
        for block in range(1, int(blocks) + 1):
            values = _residual(settings, values, f"{number}_{block}")
    return values


def _preprocessing(settings: Model, statistics: Statistics | None) -> layers.Layer:
    match settings.preprocessing:
        case "unit":
            return layers.Rescaling(1 / 255, name="preprocessing", dtype="float32")
        case "standardize":
            return _standardizing(statistics)
        case unknown:
            assert_never(unknown)


def _standardizing(statistics: Statistics | None) -> layers.Layer:
    if statistics is None:
        raise ValueError("preprocessing 'standardize' needs the statistics of the training pixels")
    variance = [deviation**2 for deviation in statistics.deviation]
    return layers.Normalization(
        mean=list(statistics.mean), variance=variance, name="preprocessing", dtype="float32"
    )


def _whitened(values: keras.KerasTensor, kernel: NDArray[np.float32] | None) -> keras.KerasTensor:
    """Look at the values through fixed filters, which are blank without a kernel."""
    initial = "zeros" if kernel is None else keras.initializers.Constant(kernel.tolist())
    filters = 2 * shapes.PATCH**2 * values.shape[-1]
    whitening = layers.Conv2D(
        filters,
        shapes.PATCH,
        padding="same",
        use_bias=False,
        kernel_initializer=initial,
        name=head.WHITENING,
        trainable=False,
    )
    return layers.Activation("relu", name="whitened")(whitening(values))


def _normalized(settings: Model, values: keras.KerasTensor, name: str) -> keras.KerasTensor:
    if not settings.batch_norm:
        return values
    kind = FixedBatchNormalization if settings.pretrained else BatchNormalization
    return kind(momentum=settings.batch_norm_momentum, name=f"batch_norm_{name}")(values)


def _residual(settings: Model, values: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Add to the values what two convolutions make of them (He et al. 2015, figure 2)."""
    filters, added = values.shape[-1], values
    for half in ("a", "b"):
        added = layers.Conv2D(filters, 3, padding="same", name=f"residual_{name}{half}")(added)
        added = _normalized(settings, added, f"{name}{half}")
        if half == "a":
            added = layers.Activation("relu", name=f"inner_relu_{name}")(added)
    if settings.squeeze:
        added = _excited(added, settings.squeeze, name)
    return layers.Activation("relu", name=f"relu_{name}")(
        layers.Add(name=f"add_{name}")([values, added])
    )


def _excited(values: keras.KerasTensor, ratio: int, name: str) -> keras.KerasTensor:
    """Weigh each map by what two dense layers make of the means of all (Hu et al. 2018)."""
    maps = values.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"squeeze_{name}")(values)
    weights = layers.Dense(max(1, maps // ratio), activation="relu", name=f"reduce_{name}")(weights)
    weights = layers.Dense(maps, name=f"expand_{name}")(weights)
    weights = layers.Activation("sigmoid", name=f"excite_{name}")(weights)
    return layers.Multiply(name=f"weigh_{name}")([values, weights])


def _convolution(settings: Model, filters: int, number: int) -> layers.Layer:
    return layers.Conv2D(
        filters, settings.kernel_size, padding=settings.padding, name=f"conv_{number}"
    )


def _pooling(settings: Model, number: int) -> layers.Layer:
    return POOLINGS[settings.pooling](shapes.POOL, name=f"pooling_{number}")
