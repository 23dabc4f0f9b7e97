"""What the Keras peers share: the networks, written as in the notebook, and a clock for their
epochs.
"""

from __future__ import annotations

import time
from typing import Any

import keras
from keras import layers


def lenet5(shape: tuple[int, int, int], classes: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(6, 5, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def batch_norm(
    shape: tuple[int, int, int], classes: int, dropout: tuple[float, ...] = (0, 0, 0)
) -> keras.Model:
    model = keras.Sequential([keras.Input(shape)])
    for filters, rate in zip((128, 64, 32), dropout, strict=True):
        model.add(layers.Conv2D(filters, 3))
        model.add(layers.BatchNormalization())
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2))
        if rate:
            model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(120, activation="relu"))
    model.add(layers.Dense(84, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


def dropout_conv(shape: tuple[int, int, int], classes: int) -> keras.Model:
    return batch_norm(shape, classes, dropout=(0.2, 0.1, 0))


def ladder(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """What convladder's classic ladder has before augmentation."""
    model = keras.Sequential([keras.Input(shape)])
    for filters, rate in ((32, 0.2), (64, 0.1), (128, 0)):
        model.add(layers.Conv2D(filters, 3, padding="same"))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2))
        if rate:
            model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    for units, rate in ((120, 0.2), (84, 0.1)):
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.Dropout(rate))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


NETWORKS = {
    "lenet5": lenet5,
    "batch-norm": batch_norm,
    "dropout-conv": dropout_conv,
    "ladder": ladder,
}


class EpochTimes(keras.callbacks.Callback):
    """Times the training of each epoch, without its validation."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()
        self.seconds.append(0.0)

    def on_test_begin(self, logs: Any = None) -> None:
        if self.seconds[-1] == 0.0:  # the first after training is validation
            self.seconds[-1] = time.perf_counter() - self._began
