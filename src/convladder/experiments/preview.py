"""What can be seen of experiments before they are trained: costs of networks, augmented images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder
from convladder.core.settings.augmentation import Augmentation
from convladder.core.worker import Emit
from convladder.data.decoding.image_form import Pixels
from convladder.experiments.pretrained import backbones

if TYPE_CHECKING:
    from convladder.models.cost import Cost


def measure_cost(experiment: Experiment, shape: tuple[int, int, int], classes: int) -> Cost:
    """Return the cost of an experiment's network for images `(height, width, channels)`."""
    from convladder.models import convnet, cost, networks

    channels = experiment.model.channels or shape[2]
    blank = convnet.Statistics((0.0,) * channels, (1.0,) * channels)
    network = networks.build(experiment.model, shape, classes, blank)
    networks.freeze(network, experiment.train.frozen_share == 1)
    return cost.measure(network)


def measure_ladder(
    ladder: Ladder,
    shape: tuple[int, int, int],
    classes: int,
    changes: Mapping[str, Any],
    emit: Emit,
) -> dict[str, dict[str, int]]:
    """Return the cost (see `Cost`) of each rung for images of this shape or of its own size.

    `changes` apply to the start of the ladder. The cost is empty where it depends on a backbone
    that is not named.
    """
    del emit
    costs: dict[str, dict[str, int]] = {}
    for rung in ladder.rungs:
        experiment = ladder.experiment(rung.name, changes)
        if experiment.model.architecture == backbones.AS_BACKBONE:
            costs[rung.name] = {}
            continue
        height, width = experiment.data.image_size or shape[:2]
        cost = measure_cost(
            experiment, (height, width, experiment.data.channels or shape[2]), classes
        )
        costs[rung.name] = vars(cost)  # plain, so that the caller need not import Keras to read it
    return costs


def augment_images(settings: Augmentation, seed: int, images: Pixels, emit: Emit) -> Pixels:
    """Return images `(N, height, width, channels)` as this seed might see them in training."""
    del emit
    from convladder.training import augmentation

    changed: Any = images.astype(np.float32)
    for layer in augmentation.build(settings, seed):
        changed = layer(changed, training=True)
    pixels: Pixels = np.rint(np.asarray(changed)).astype(np.uint8)
    return pixels
