"""What trains and validates a network, several batches a call; `backend` has both libraries.

A loop of our own and not Keras's `fit`, since training must be able to stop and go on between any
two calls: `fit` begins with whole epochs, and keeps what its callbacks have seen where nobody can
save it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from convladder.training.batches import Prefetcher, Rows
from convladder.training.losses import TrainingLoss

# docs/decisions/033-what-did-not-make-lenet-5-faster.md
MOST_STEPS = 64  # a call; with one step a call, LeNet-5 trained at four fifths of the speed
PREDICTION_BATCH = 256
CALL_FLOPS = 5e10  # a second or two on one core: so long may a request to stop wait


class NotFiniteError(Exception):
    """The loss of a batch was not a finite number; `step` is the batch's place in the call."""

    def __init__(self, step: int) -> None:
        super().__init__("the loss is not finite")
        self.step = step


class StepFunctions(ABC):
    """Graphs that train and validate a network on rows of a bank, and the means of what they saw.

    images : from rows `(batch,)` of a bank to its images, changed at random where training.
    network : from images to logits `(batch, classes)`.
    averaged : another such network, which is validated with averages of the weights; None: the
        trained one is.
    mixing : what mixes the images of a batch and their shares of each class; None: nothing.
    whole : the network of which `network` is a part, whose variables are those of a checkpoint.
    """

    def __init__(
        self,
        images: keras.Model,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        loss: TrainingLoss,
        *,
        averaged: keras.Model | None = None,
        mixing: keras.layers.Layer | None = None,
        whole: keras.Model | None = None,
    ) -> None:
        optimizer.build(network.trainable_variables)
        self.network, self.optimizer = network, optimizer
        self._whole = whole or network
        self._images, self._training_loss, self._averaged, self._mixing = (
            images,
            loss,
            averaged,
            mixing,
        )
        self._metrics = {
            "loss": keras.metrics.Mean(name="loss"),
            "accuracy": keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        }

    def train(self, rows: Rows, labels: Rows) -> None:
        """Train on batches `(steps, batch)`, one after another.

        Raises NotFiniteError at the first batch whose loss is not finite, by which the weights are
        not changed.
        """
        self._train(rows, labels)

    def validate(self, rows: Rows, labels: Rows) -> NDArray[np.float32]:
        """Take batches `(steps, batch)` into the means, without training on them.

        Returns the logits, `(steps * batch, classes)`.
        """
        return self._validate(rows, labels)

    @abstractmethod
    def _train(self, rows: Rows, labels: Rows) -> None: ...

    @abstractmethod
    def _validate(self, rows: Rows, labels: Rows) -> NDArray[np.float32]: ...

    def settle(self) -> None:
        """Let the averaged network be what training has come to: averaged weights, statistics."""
        if self._averaged is not None:
            self.optimizer.finalize_variable_values(self._averaged.trainable_weights)
            pairs = zip(
                self._averaged.non_trainable_weights,
                self.network.non_trainable_weights,
                strict=True,
            )
            for own, trained in pairs:
                own.assign(trained)

    def means(self) -> dict[str, float]:
        """Return mean loss and accuracy of the images since `reset_means`."""
        return {name: float(metric.result()) for name, metric in self._metrics.items()}

    def reset_means(self) -> None:
        for metric in self._metrics.values():
            metric.reset_state()

    def variables(self) -> dict[str, keras.Variable]:
        """Return all that a step reads or writes, by name: weights, seeds, optimizer, means."""
        groups: Mapping[str, list[keras.Variable]] = {
            "images": self._drawing(),
            "mixing": self._mixing.variables if self._mixing else [],
            "network": self._whole.variables,
            "optimizer": self.optimizer.variables,
            **{name: metric.variables for name, metric in self._metrics.items()},
        }
        return {
            f"{group}/{number}/{variable.name}": variable  # paths depend on what was built before
            for group, members in groups.items()
            for number, variable in enumerate(members)
        }

    def _batch(self, rows: Any, labels: Any) -> tuple[Any, Any]:
        """Return the images of a batch, changed and mixed, and their labels."""
        images, targets = self._images(rows, training=True), self._training_loss.targets(labels)
        if self._mixing is not None:
            mixed = self._mixing({"images": images, "labels": targets}, training=True)
            images, targets = mixed["images"], mixed["labels"]
        return images, targets

    def _drawing(self) -> list[keras.Variable]:
        """Return what the images' random changes keep between batches."""
        return list(self._images.variables)


def read(variable: keras.Variable) -> NDArray[Any]:
    """Return a copy of what a variable holds."""
    return np.array(np.asarray(variable.value))


def steps_per_call(flops: int, batch_size: int) -> int:
    """Return how many batches a call takes, of a network with so many FLOPs for an image."""
    backward_too = 3
    return int(np.clip(CALL_FLOPS // (backward_too * flops * batch_size), 1, MOST_STEPS))


def batches(
    rows: Rows,
    labels: Rows,
    ahead: Prefetcher,
    *,
    batch_size: int,
    steps: int = MOST_STEPS,
    skip: int = 0,
) -> Iterator[tuple[Rows, Rows]]:
    """Yield rows and labels as batches `(steps, batch)`, several steps at a time.

    A short last batch comes alone.

    skip : so many batches are left out at the start.
    """
    whole = len(rows) // batch_size * batch_size
    first = min(skip * batch_size, len(rows))
    for piece in ahead.pieces(
        rows, [*range(first, whole, steps * batch_size), max(first, whole), len(rows)]
    ):
        size = min(batch_size, piece.stop - piece.start)
        yield rows[piece].reshape(-1, size), labels[piece].reshape(-1, size)
