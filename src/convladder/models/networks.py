"""Any network that an experiment may name, and what it takes from a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import ExperimentError
from convladder.core.settings.model import Model
from convladder.models import catalog, convnet, head, keras_applications
from convladder.models.convnet import Statistics

Weights = Mapping[str, NDArray[np.float32]]


# docs/decisions/058-a-network-with-a-backbone-is-flat.md
@dataclass(frozen=True)
class Backbone:
    """What a network takes from another: weights before the head, by path, and statistics."""

    weights: Weights
    statistics: Statistics | None = None


def build(
    settings: Model,
    shape: tuple[int, int, int],
    classes: int,
    statistics: Statistics | None = None,
    whitening: NDArray[np.float32] | None = None,
) -> keras.Model:
    """Build the network from pixels 0 to 255 to logits.

    Pixels are `(batch, height, width, channels)`, logits `(batch, classes)`.

    See `convnet.build` for `statistics` and `whitening`, and for the errors.
    """
    if settings.architecture == catalog.OWN:
        return convnet.build(settings, shape, classes, statistics, whitening)
    return keras_applications.build(settings, shape, classes)


def take(network: keras.Model, settings: Model, backbone: Backbone) -> None:
    """Give the layers before the head their weights; of an untrained backbone only the whitening's.

    Raises ExperimentError where the backbone has other layers.
    """
    for layer in head.body_of(network):
        if not (settings.pretrained or layer.name == head.WHITENING):
            continue
        for variable in layer.weights:
            found = backbone.weights.get(variable.path)
            if found is None or found.shape != tuple(variable.shape):
                has = "nothing" if found is None else f"the shape {found.shape}"
                raise ExperimentError(
                    f"the backbone {settings.backbone} does not fit: {variable.path} has the shape "
                    f"{tuple(variable.shape)} here, and {has} there"
                )
            variable.assign(found)


def freeze(network: keras.Model, frozen: bool) -> None:
    """Let the layers before the head be trained, or not. What whitens never is."""
    for layer in head.body_of(network):
        if layer.name != head.WHITENING:
            layer.trainable = not frozen
