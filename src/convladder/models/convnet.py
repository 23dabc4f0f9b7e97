"""One growing convolutional network; its first setting is LeNet-5 (LeCun et al. 1998), as trained today."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import keras
from keras import layers

from convladder.config import Model
from convladder.models import sizes
from convladder.models.normalization import BatchNormalization


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel over the training pixels, on the scale 0 to 255."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def build(
    settings: Model, shape: tuple[int, int, int], classes: int, statistics: Statistics | None = None
) -> keras.Model:
    """Build the network from pixels to logits.

    The input is `(batch, height, width, channels)` with values from 0 to 255; preprocessing is inside, and needs
    `statistics` where it is "standardize". The output is `(batch, classes)`, before softmax. Both are float32
    whatever the dtype policy is.

    Raises
    ------
    ExperimentError
        The images are too small for so many convolutions and poolings.
    """
    sizes.check_size(settings, *shape[:2])
    inputs = keras.Input(shape, name="pixels")
    values = _preprocessing(settings, statistics)(inputs)
    for number, (filters, rate) in enumerate(zip_longest(settings.filters, settings.dropout_conv), start=1):
        values = _convolution(settings, filters, number)(values)
        if settings.batch_norm:
            momentum = settings.batch_norm_momentum
            values = BatchNormalization(momentum=momentum, name=f"batch_norm_{number}")(values)
        values = layers.Activation("relu", name=f"relu_{number}")(values)
        values = _pooling(settings, number)(values)
        if rate:
            values = layers.Dropout(rate, name=f"dropout_conv_{number}")(values)
    values = layers.Flatten(name="flatten")(values)
    for number, (units, rate) in enumerate(zip_longest(settings.dense, settings.dropout_dense), start=1):
        values = layers.Dense(units, activation="relu", name=f"dense_{number}")(values)
        if rate:
            values = layers.Dropout(rate, name=f"dropout_dense_{number}")(values)
    logits = layers.Dense(classes, name="logits", dtype="float32")(values)
    return keras.Model(inputs, logits, name=settings.architecture)


def _preprocessing(settings: Model, statistics: Statistics | None) -> layers.Layer:
    if settings.preprocessing == "unit":
        return layers.Rescaling(1 / 255, name="preprocessing", dtype="float32")
    if statistics is None:
        raise ValueError("preprocessing 'standardize' needs the statistics of the training pixels")
    variance = [deviation**2 for deviation in statistics.deviation]
    return layers.Normalization(
        mean=list(statistics.mean), variance=variance, name="preprocessing", dtype="float32"
    )


def _convolution(settings: Model, filters: int, number: int) -> layers.Layer:
    return layers.Conv2D(filters, settings.kernel_size, padding=settings.padding, name=f"conv_{number}")


def _pooling(settings: Model, number: int) -> layers.Layer:
    kind = layers.MaxPooling2D if settings.pooling == "max" else layers.AveragePooling2D
    return kind(sizes.POOL, name=f"pooling_{number}")
