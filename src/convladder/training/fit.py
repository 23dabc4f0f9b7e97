"""Fit one network to one dataset, as an experiment says."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

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
from convladder.errors import TrainingError
from convladder.models import convnet
from convladder.training import augment, feed

Predict = Callable[[Pixels], NDArray[np.float32]]
OnEpoch = Callable[[dict[str, float]], None]


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


def fit(experiment: Experiment, dataset: Dataset, on_epoch: OnEpoch | None = None) -> Fitted:
    """Train the experiment's network on the dataset's train split; choose the epoch on validation.

    The experiment's seed fixes initial weights, order, augmentation and dropout. `on_epoch` is called
    with each row of the history.

    Raises
    ------
    ExperimentError
        The images are too small for the network.
    TrainingError
        The loss stopped being a number.
    """
    keras.backend.clear_session(free_memory=True)
    keras.utils.set_random_seed(experiment.seed)
    feed.be_deterministic()
    statistics = channel_statistics(dataset) if experiment.model.preprocessing == "standardize" else None
    build = partial(convnet.build, experiment.model, dataset.bank.form.shape, len(dataset.class_names), statistics)
    with _computing_in(experiment.train.precision):
        network = build()
    model = _with_feed(network, dataset.bank, augment.build(experiment.augmentation, experiment.seed))
    settings = experiment.train
    model.compile(
        optimizer=_optimizer(settings),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=feed.STEPS_PER_CALL,
        jit_compile=False,  # on a CPU, XLA made the batch-norm network twice as slow
    )
    bank, splits = dataset.bank, dataset.splits
    train_labels = bank.labels[splits.train]
    ahead = feed.Ahead(bank.images)
    batches = feed.TrainingBatches(
        bank.rows[splits.train],
        train_labels,
        ahead,
        batch_size=settings.batch_size,
        seed=experiment.seed,
        shuffle_once=settings.shuffle == "once",
    )
    recorder = _Recorder(len(splits.train), on_epoch)
    model.fit(
        batches.dataset,
        epochs=settings.epochs,
        validation_data=feed.evaluation_batches(
            bank.rows[splits.validation], bank.labels[splits.validation], ahead
        ),
        class_weight=_class_weight(settings, train_labels),
        callbacks=[batches, recorder, *_callbacks(settings)],
        shuffle=False,  # the batches are in their order already
        verbose=0,
    )
    history = pd.DataFrame(recorder.rows)
    _refuse_nan(history)
    if settings.precision != "float32":
        trained, network = network, build()
        network.set_weights(trained.get_weights())
    return Fitted(network, statistics, history, _kept_epoch(settings, history))


def predict_logits(network: keras.Model, bank: Bank, indices: Indices) -> NDArray[np.float32]:
    """Return the logits `(len(indices), classes)` of records of the bank, in their order."""
    model = _with_feed(network, bank, [])
    model.compile(jit_compile=False)
    batches = feed.evaluation_batches(bank.rows[indices], bank.labels[indices], feed.Ahead(bank.images))
    logits: NDArray[np.float32] = model.predict(batches, verbose=0)
    return logits


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


def _class_weight(settings: Train, labels: NDArray[np.int32]) -> dict[int, float] | None:
    if settings.class_weight is None:
        return None
    classes = np.unique(labels)
    weights = compute_class_weight(settings.class_weight, classes=classes, y=labels)
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def _callbacks(settings: Train) -> list[keras.callbacks.Callback]:
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.EarlyStopping(
            monitor="val_loss",
            patience=settings.early_stopping or settings.epochs,
            restore_best_weights=settings.select == "best",
        ),
    ]
    if settings.plateau:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor="val_loss", patience=settings.plateau, factor=settings.plateau_factor
            )
        )
    return callbacks


def _kept_epoch(settings: Train, history: pd.DataFrame) -> int:
    row = int(history["val_loss"].to_numpy().argmin()) if settings.select == "best" else len(history) - 1
    return int(history["epoch"].to_numpy()[row])


def _refuse_nan(history: pd.DataFrame) -> None:
    finite = np.isfinite(history[["loss", "val_loss"]].to_numpy()).all(axis=1)
    if not finite.all():
        row = history.iloc[int(finite.argmin())]
        raise TrainingError(
            f"the loss was not a number in epoch {row['epoch']:.0f}: lower train.learning_rate "
            f"(it is {row['learning_rate']:g}), or look for broken images"
        )


class _Recorder(keras.callbacks.Callback):
    """Keeps the history and times the training part of each epoch."""

    def __init__(self, images: int, on_epoch: OnEpoch | None) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._images, self._on_epoch = images, on_epoch
        self._begun = self._trained = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._begun = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self._trained = time.perf_counter() - self._begun

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {
            "epoch": epoch + 1,
            **{name: logs[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")},
            "learning_rate": float(self.model.optimizer.learning_rate),
            "train_seconds": self._trained,
        }
        self.rows.append(row)
        if self._on_epoch:
            speed = self._images / self._trained
            self._on_epoch(row | {"epochs": self.params["epochs"], "images_per_second": speed})
