"""Both ends of a network, whatever is between: its pixels, and the head with its logits."""

from __future__ import annotations

import re
from itertools import zip_longest

import keras
from keras import layers

from convladder.core.settings.model import Model
from convladder.models import shapes

WHITENING = "whitening"  # the name of the layer that is never trained

_HEADS = {"flatten": layers.Flatten, "average": layers.GlobalAveragePooling2D}
_OF_HEAD = re.compile(r"flatten|average|(dropout_)?dense_\d+|logits")


def open_pixels(
    settings: Model, shape: tuple[int, int, int]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input for images of this shape, and the same in the channels the layers want.

    Raises ExperimentError where they want grey images and these have colours.
    """
    inputs = keras.Input(shape, name="pixels")
    shapes.check_channels(settings, shape[2])
    wanted = settings.channels or shape[2]
    if wanted == shape[2]:
        return inputs, inputs
    return inputs, layers.Concatenate(name="repeated")([inputs] * wanted)


def add_head(settings: Model, maps: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Return the logits `(batch, classes)` of the head over maps `(batch, h, w, maps)`, float32."""
    values = _HEADS[settings.head](name=settings.head)(maps)
    for number, (units, rate) in enumerate(
        zip_longest(settings.dense, settings.dropout_dense), start=1
    ):
        values = layers.Dense(units, activation="relu", name=f"dense_{number}")(values)
        if rate:
            values = layers.Dropout(rate, name=f"dropout_dense_{number}")(values)
    return layers.Dense(classes, name="logits", dtype="float32")(values)


def body_of(network: keras.Model) -> list[layers.Layer]:
    """Return the layers before the head: what one network can take from another."""
    return [layer for layer in network.layers if not _OF_HEAD.fullmatch(layer.name)]


def features_of(network: keras.Model) -> keras.Model:
    """Return a network up to the vector that its dense layers see: images to `(batch, features)`.

    It has the layers of the network, not copies.
    """
    return keras.Model(network.input, network.layers[_place_of_vector(network)].output)


def classifier_of(network: keras.Model) -> keras.Model:
    """Return what follows that vector: `(batch, features)` to logits, with the same layers."""
    place = _place_of_vector(network)
    values = inputs = keras.Input(network.layers[place].output.shape[1:], name="features")
    for layer in network.layers[place + 1 :]:
        values = layer(values)
    return keras.Model(inputs, values)


def _place_of_vector(network: keras.Model) -> int:
    """Return which of the layers turns maps into a vector."""
    return next(place for place, layer in enumerate(network.layers) if layer.name in _HEADS)
