"""Fit one network to one dataset, as an experiment says."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.core.devices import ALONE, Parallel
from convladder.core.experiment import Experiment
from convladder.core.settings.model import Model
from convladder.data.bank.bank import Bank
from convladder.data.dataset import SplitDataset
from convladder.data.decoding.image_form import Pixels
from convladder.data.splits import Indices
from convladder.models import catalog, convnet, head, networks
from convladder.models.networks import Backbone
from convladder.training import (
    augmentation,
    backend,
    batches,
    input_statistics,
    losses,
    optimizer,
    steps,
)
from convladder.training.checkpointer import Checkpointer
from convladder.training.features import Features
from convladder.training.lookup import images_of
from convladder.training.loop import MakeSteps, OnEpoch, Training
from convladder.training.precision import computing_in
from convladder.training.state import Row, frozen_epochs

Predict = Callable[[Pixels], NDArray[np.float32]]
Build = Callable[[], keras.Model]


@dataclass(frozen=True)
class FitResult:
    """A trained network and how it got there.

    network : from pixels 0 to 255 to logits, in float32 whatever it was trained in.
    history : one row per epoch: `epoch` (from 1), `loss`, `accuracy`, `val_loss`, `val_accuracy`,
        `learning_rate`, `train_seconds`, and `val_` with the metric if that is another. The
        training figures are means over the epoch while it ran.
    epoch : the one whose weights the network has.
    features : what its layers before the head make of images, where they never were trained.
    """

    network: keras.Model
    statistics: convnet.Statistics | None
    history: pd.DataFrame
    epoch: int
    features: Features | None = None

    def predict_logits(self, bank: Bank, indices: Indices) -> NDArray[np.float32]:
        """Return the logits `(len(indices), classes)` of records of the bank, in their order."""
        if self.features is None:
            return predict_logits(self.network, bank, indices)
        return self.features.predict_logits(self.network, bank.rows[indices])


def fit(
    experiment: Experiment,
    dataset: SplitDataset,
    on_epoch: OnEpoch | None = None,
    keeper: Checkpointer | None = None,
    backbone: Backbone | None = None,
    features: Features | None = None,
    parallel: Parallel = ALONE,
) -> FitResult:
    """Train the experiment's network on the dataset's train split; choose the epoch on validation.

    The experiment's seed fixes initial weights, order, augmentation and dropout. `on_epoch` is
    called with each row of the history, and with `epochs`, their number, `images_per_second`, and
    `kept`, the metric on validation of the epoch that would be kept if this were the last.
    Training goes on from the keeper's newest checkpoint, to the same bits as if it had never
    stopped. `backbone` is what the experiment's backbone gives, where it has one. While that is
    frozen, `features` of all images of the split take its place. Of several processes, all call
    this at the same time.

    Raises
    ------
    ExperimentError
        The images are too small for the network, the backbone is of another, or there are not so
        many devices.
    TrainingError
        The loss stopped being a number, or the checkpoint is of another network.
    Stopped
        The keeper was asked to stop.
    """
    settings = experiment.train
    keras.backend.clear_session(free_memory=True)
    backend.set_seed(experiment.seed)
    if settings.deterministic:
        backend.be_deterministic()
    statistics, build = _builder(experiment.model, dataset, backbone)
    with _spread_over(parallel):
        trained, network = _build_to_train(experiment, build, backbone)
        backbone = None  # the networks have its weights: they need not be held twice
        averaged = None if network is trained else network
        phases = _phases(experiment, dataset, trained, averaged, features)
        training = Training(experiment, dataset, network, phases)
        training.run(partial(_tell, on_epoch, experiment, dataset), keeper or Checkpointer())
        if settings.select == "best":
            network.set_weights(training.best)
    if settings.precision != "float32" or parallel.total > 1:
        network = _build_to_predict(network, build, frozen=settings.frozen_share == 1)
    course = training.course
    return FitResult(
        network,
        statistics,
        pd.DataFrame(course.history),
        course.kept_epoch(experiment),
        features if settings.frozen_share == 1 else None,
    )


def _builder(
    model: Model, dataset: SplitDataset, backbone: Backbone | None
) -> tuple[convnet.Statistics | None, Build]:
    """Return the statistics of the pixels, and what builds the network with them."""
    statistics, kernel = (
        _seen_before(model, dataset) if backbone is None else (backbone.statistics, None)
    )
    shape, classes = dataset.bank.form.shape, len(dataset.class_names)
    return statistics, partial(networks.build, model, shape, classes, statistics, kernel)


def _build_to_train(
    experiment: Experiment, build: Build, backbone: Backbone | None
) -> tuple[keras.Model, keras.Model]:
    """Return the network that is trained, and the one that is kept: itself, or its averages."""
    settings, model = experiment.train, experiment.model
    with computing_in(settings.precision):
        trained = build()
        kept = build() if settings.average_epochs else trained
    if backbone is not None:
        networks.take(trained, model, backbone)
        networks.take(kept, model, backbone)
    return trained, kept


def _build_to_predict(in_training: keras.Model, build: Build, *, frozen: bool) -> keras.Model:
    """Return the network with all bits of its numbers, and on one device."""
    network = build()
    networks.freeze(network, frozen)
    network.set_weights(in_training.get_weights())
    return network


def predict_logits(network: keras.Model, bank: Bank, indices: Indices) -> NDArray[np.float32]:
    """Return the logits `(len(indices), classes)` of records of the bank, in their order."""
    rows = bank.rows[indices].astype(np.int32)
    images = images_of(bank, [])
    return backend.predict(
        keras.Model(images.input, network(images.output)), rows, batches.Prefetcher(bank.images)
    )


def predictor(network: keras.Model) -> Predict:
    """Return what turns a batch of images into logits `(N, classes)`.

    The images are `(N, height, width, channels)`, from 0 to 255.

    It compiles once for each size of batch, or for a few.
    """
    return backend.predictor(network)


def _spread_over(parallel: Parallel) -> contextlib.AbstractContextManager[None]:
    """Let variables that are made meanwhile be on every device, and batches be spread over them."""
    if parallel.total == 1:
        return contextlib.nullcontext()
    from convladder.training import data_parallel

    return data_parallel.data_parallel(parallel.devices).scope()  # type: ignore[no-any-return]


def _seen_before(
    model: Model, dataset: SplitDataset
) -> tuple[convnet.Statistics | None, NDArray[np.float32] | None]:
    """Return what pixels tell the network before training: statistics, a whitening kernel."""
    if model.architecture != catalog.OWN:
        return None, None
    statistics = (
        input_statistics.channel_statistics(dataset)
        if model.preprocessing == "standardize"
        else None
    )
    return statistics, input_statistics.whitening_kernel(
        dataset, statistics
    ) if model.whitening else None


# docs/decisions/060-the-optimizer-begins-anew-where-the-backbone-is-unfrozen.md
def _phases(
    experiment: Experiment,
    dataset: SplitDataset,
    network: keras.Model,
    averaged: keras.Model | None,
    features: Features | None,
) -> MakeSteps:
    """Return what makes the graphs that train a network and validate it or its averages."""
    settings, train, classes = experiment.train, dataset.splits.train, len(dataset.class_names)
    weights = losses.class_weights(settings, dataset.bank.labels[train], classes)
    mixing = augmentation.build_mixing(experiment.augmentation, experiment.seed)
    images = images_of(dataset.bank, augmentation.build(experiment.augmentation, experiment.seed))
    steps_per_epoch = math.ceil(len(train) / settings.batch_size)

    def make(frozen: bool) -> steps.StepFunctions:
        for each in (network, averaged):
            if each is not None and experiment.model.pretrained:
                networks.freeze(each, frozen)
        tunes = experiment.model.pretrained and not frozen
        uses = features if frozen else None
        part = head.classifier_of if uses else _whole
        return backend.StepFunctions(
            uses.of_rows() if uses else images,
            part(network),
            optimizer.build(
                settings,
                steps_per_epoch,
                after=frozen_epochs(settings) if tunes else 0,
                factor=settings.finetune_factor if tunes else 1.0,
            ),
            losses.TrainingLoss(
                classes,
                weights,
                label_smoothing=settings.label_smoothing,
                shares=mixing is not None,
            ),
            averaged=averaged and part(averaged),
            mixing=mixing,
            whole=network,
        )

    return make


def _whole(network: keras.Model) -> keras.Model:
    return network


def _tell(
    on_epoch: OnEpoch | None, experiment: Experiment, dataset: SplitDataset, row: Row
) -> None:
    if on_epoch:
        speed = len(dataset.splits.train) / row["train_seconds"]
        on_epoch(row | {"epochs": experiment.train.epochs, "images_per_second": speed})
