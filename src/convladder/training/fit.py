"""Fit one network to one dataset, as an experiment says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from convladder.config import Experiment, Train
from convladder.data.bank import Bank
from convladder.data.dataset import Dataset
from convladder.data.images import Pixels
from convladder.data.splits import Indices
from convladder.models import convnet
from convladder.training import augment, feed, steps
from convladder.training.course import Row
from convladder.training.keeper import Keeper
from convladder.training.loop import OnEpoch, Training

Predict = Callable[[Pixels], NDArray[np.float32]]


@dataclass(frozen=True)
class Fitted:
    """A trained network and how it got there.

    network : from pixels 0 to 255 to logits, in float32 whatever it was trained in.
    history : a row an epoch: `epoch` (from 1), `loss`, `accuracy`, `val_loss`, `val_accuracy`,
        `learning_rate`, `train_seconds`. The training figures are means over the epoch while it ran.
    epoch : the one whose weights the network has.
    """

    network: keras.Model
    statistics: convnet.Statistics | None
    history: pd.DataFrame
    epoch: int


def fit(
    experiment: Experiment, dataset: Dataset, on_epoch: OnEpoch | None = None, keeper: Keeper | None = None
) -> Fitted:
    """Train the experiment's network on the dataset's train split; choose the epoch on validation.

    The experiment's seed fixes initial weights, order, augmentation and dropout. `on_epoch` is called with each
    row of the history, and with `epochs`, their number, and `images_per_second`. Training goes on from the
    keeper's newest checkpoint, to the same bits as if it had never stopped.

    Raises
    ------
    ExperimentError
        The images are too small for the network.
    TrainingError
        The loss stopped being a number, or the checkpoint is of another network.
    Stopped
        The keeper was asked to stop.
    """
    settings = experiment.train
    keras.backend.clear_session(free_memory=True)
    keras.utils.set_random_seed(experiment.seed)
    if settings.deterministic:
        feed.be_deterministic()
    statistics = channel_statistics(dataset) if experiment.model.preprocessing == "standardize" else None
    build = partial(convnet.build, experiment.model, dataset.bank.form.shape, len(dataset.class_names), statistics)
    with _computing_in(settings.precision):
        network = build()
    model = _with_feed(network, dataset.bank, augment.build(experiment.augmentation, experiment.seed))
    weights = class_weights(settings, dataset.bank.labels[dataset.splits.train], len(dataset.class_names))
    training = Training(experiment, dataset, network, steps.Steps(model, _optimizer(settings), weights))
    training.run(partial(_tell, on_epoch, experiment, dataset), keeper or Keeper())
    if settings.select == "best":
        network.set_weights(training.best)
    if settings.precision != "float32":
        trained, network = network, build()
        network.set_weights(trained.get_weights())
    course = training.course
    kept = course.best_epoch if settings.select == "best" else course.epoch
    return Fitted(network, statistics, pd.DataFrame(course.history), kept)


def predict_logits(network: keras.Model, bank: Bank, indices: Indices) -> NDArray[np.float32]:
    """Return the logits `(len(indices), classes)` of records of the bank, in their order."""
    rows = bank.rows[indices].astype(np.int32)
    return steps.predict(_with_feed(network, bank, []), rows, feed.Ahead(bank.images))


def predictor(network: keras.Model) -> Predict:
    """Return what turns a batch of images `(N, height, width, channels)`, 0 to 255, into logits `(N, classes)`.

    It compiles once for each size of batch.
    """
    model = keras.Model(network.input, network.output)
    model.compile(jit_compile=False)
    predict: Predict = model.predict_on_batch
    return predict


def channel_statistics(dataset: Dataset) -> convnet.Statistics:
    """Return mean and standard deviation of each channel over the pixels of the train split alone."""
    counts = np.zeros((dataset.bank.form.channels, 256), dtype=np.int64)
    rows = dataset.bank.rows[dataset.splits.train]
    for start in range(0, len(rows), 1024):
        pixels = dataset.bank.images[rows[start : start + 1024]]
        for channel in range(len(counts)):
            counts[channel] += np.bincount(pixels[..., channel].ravel(), minlength=256)
    levels = np.arange(256)
    mean = counts @ levels / counts.sum(axis=1)
    variance = counts @ levels**2 / counts.sum(axis=1) - mean**2
    deviation = np.sqrt(np.maximum(variance, 1.0))  # a channel of one value is centred, not blown up
    return convnet.Statistics(tuple(mean.tolist()), tuple(deviation.tolist()))


def _with_feed(network: keras.Model, bank: Bank, augmenters: list[keras.layers.Layer]) -> keras.Model:
    rows = keras.Input((), dtype="int32", name="rows")
    images = feed.Lookup(bank.images)(rows)
    for augmenter in augmenters:
        images = augmenter(images)
    return keras.Model(rows, network(images))


@contextlib.contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    """Let layers that are built meanwhile compute so; their weights are float32 (Micikevicius et al. 2018)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _optimizer(settings: Train) -> keras.optimizers.Optimizer:
    kinds = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    return kinds[settings.optimizer](settings.learning_rate)


def class_weights(settings: Train, labels: NDArray[np.int32], classes: int) -> NDArray[np.float32] | None:
    """Return what the loss of an image of each class counts, `(classes,)`; None where all count the same."""
    if settings.class_weight is None:
        return None
    found = np.unique(labels)
    weights = np.zeros(classes, np.float32)
    weights[found] = compute_class_weight(settings.class_weight, classes=found, y=labels)
    return weights


def _tell(on_epoch: OnEpoch | None, experiment: Experiment, dataset: Dataset, row: Row) -> None:
    if on_epoch:
        speed = len(dataset.splits.train) / row["train_seconds"]
        on_epoch(row | {"epochs": experiment.train.epochs, "images_per_second": speed})
