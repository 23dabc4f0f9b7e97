"""The training loop: epochs of training and validation, which can stop between two calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, assert_never

import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import TrainingError
from convladder.core.experiment import Experiment
from convladder.core.metrics import ACCURACY, Metric
from convladder.data.dataset import SplitDataset
from convladder.data.splits import Indices
from convladder.evaluation import scores
from convladder.evaluation.predictions import answers_of
from convladder.models import cost
from convladder.training import steps
from convladder.training.batches import Prefetcher, Rows, epoch_order
from convladder.training.checkpoint import Checkpoint
from convladder.training.checkpointer import Checkpointer
from convladder.training.state import Row, TrainingState, frozen_epochs, lowers_rate

OnEpoch = Callable[[Row], None]
MakeSteps = Callable[[bool], steps.StepFunctions]  # given whether the backbone is frozen

NAMED = 3  # files of a batch, in a message


# docs/decisions/034-the-training-loop-is-our-own.md
@dataclass
class Training:
    """A network in training; `course` says how far it is, `best` are its best weights so far.

    network : the one that is validated; `steps` knows the one that is trained, if that is another.
    make_steps : makes the graphs for the time in which the backbone is frozen, or is not. New ones
        start at that border, since what is trained is other weights then.
    """

    experiment: Experiment
    dataset: SplitDataset
    network: keras.Model
    make_steps: MakeSteps
    course: TrainingState = field(default_factory=TrainingState)
    best: list[NDArray[Any]] = field(default_factory=list)
    steps: steps.StepFunctions = field(init=False)

    def __post_init__(self) -> None:
        self._begin_phase()

    def run(self, on_epoch: OnEpoch, keeper: Checkpointer) -> None:
        """Train to the end.

        Raises Stopped where the keeper says so, TrainingError where the loss is no number any more.
        """
        self._go_on_from(keeper.newest())
        while not self.course.is_over(self.experiment):
            if self.course.trained is None:
                self._train_epoch(keeper)
            self._end_epoch(self._validate(keeper))
            on_epoch(self.course.history[-1] | {"kept": self.kept[f"val_{self.metric.column}"]})
            keeper.after_epoch(self.snapshot)
        keeper.keep(self.snapshot)
        self.steps.settle()

    @property
    def kept(self) -> Row:
        """The row of the history that is of the epoch kept."""
        return self.course.history[self.course.kept_epoch(self.experiment) - 1]

    @property
    def metric(self) -> Metric:
        """By which the network is judged."""
        return self.experiment.judged_by

    def snapshot(self) -> Checkpoint:
        """Return all that the training is now; the tensors are copies."""
        tensors = {name: steps.read(variable) for name, variable in self.steps.variables().items()}
        best = {f"best/{number}": weights for number, weights in enumerate(self.best)}
        return Checkpoint(self.course.to_json(), tensors | best)

    def _go_on_from(self, checkpoint: Checkpoint | None) -> None:
        """Be where the checkpoint was taken, if there is one; it is held no longer than here."""
        if checkpoint is None:
            return
        self.course = TrainingState(**checkpoint.course)
        self._begin_phase()
        variables = self.steps.variables()
        kept = {
            name: tensor
            for name, tensor in checkpoint.tensors.items()
            if not name.startswith("best/")
        }
        if {name: tensor.shape for name, tensor in kept.items()} != {
            name: tuple(variable.shape) for name, variable in variables.items()
        }:
            raise TrainingError(
                "its checkpoint belongs to another network: start over with --fresh"
            )
        for name, variable in variables.items():
            variable.assign(kept[name])
        self.best = [
            checkpoint.tensors[f"best/{number}"]
            for number in range(len(checkpoint.tensors) - len(kept))
        ]

    def _begin_phase(self) -> None:
        self._take_steps(frozen=self.course.is_frozen(self.experiment.train))

    def _take_steps(self, *, frozen: bool) -> None:
        self._frozen, self.steps = frozen, self.make_steps(frozen)
        self._flops = cost.measure(self.steps.network).flops

    def _train_epoch(self, keeper: Checkpointer) -> None:
        course = self.course
        if self._frozen and course.epoch == frozen_epochs(self.experiment.train):
            self._take_steps(frozen=False)
        started = time.perf_counter()
        if course.step == 0:
            self.steps.reset_means()
        for rows, labels in self._batches(
            self._order(), self.experiment.train.batch_size, skip=course.step
        ):
            try:
                self.steps.train(rows, labels)
            except steps.NotFiniteError as error:
                raise self._not_finite(course.step + error.step) from None
            course.step += len(rows)
            now = time.perf_counter()
            # also what an epoch takes besides: its order, its images, checkpoints
            course.seconds += now - started
            started = now
            keeper.after_call(self.snapshot)
        course.trained = self.steps.means()

    def _validate(self, keeper: Checkpointer) -> dict[str, float]:
        """Return mean loss and accuracy over the validation split, and the metric if another."""
        members = self.dataset.splits.validation
        logits = []
        self.steps.reset_means()
        self.steps.settle()
        for rows, labels in self._batches(members, steps.PREDICTION_BATCH):
            logits.append(self.steps.validate(rows, labels))
            keeper.after_call(self.snapshot)
        found = self.steps.means()
        if self.metric == ACCURACY:
            return found
        labels = self.dataset.bank.labels[members]
        answers = answers_of(self.dataset.class_names, labels, np.concatenate(logits))
        return found | {self.metric.column: scores.value(self.metric, answers)}

    def _end_epoch(self, validated: dict[str, float]) -> None:
        course, settings, rate = (
            self.course,
            self.experiment.train,
            self.steps.optimizer.learning_rate,
        )
        assert course.trained is not None
        row: Row = {
            "epoch": course.epoch + 1,
            **course.trained,
            **{f"val_{name}": value for name, value in validated.items()},
            "learning_rate": float(rate),
            # docs/decisions/078-train-seconds-are-of-the-whole-epoch.md
            "train_seconds": course.seconds,
        }
        if not np.isfinite([row["loss"], row["val_loss"]]).all():
            raise TrainingError(
                f"the loss was not a number after epoch {course.epoch + 1}, on validation: lower "
                f"train.learning_rate (it is {float(rate):g})"
            )
        course.end_epoch(row)
        if settings.select == "best" and course.kept_epoch(self.experiment) == course.epoch:
            self.best = [steps.read(weights) for weights in self.network.weights]
        if settings.plateau and lowers_rate(course.losses_of_phase(settings), settings.plateau):
            rate.assign(rate * settings.plateau_factor)

    def _batches(
        self, members: Indices, batch_size: int, skip: int = 0
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield the rows and labels of these records for the graphs, without the first batches."""
        bank = self.dataset.bank
        return steps.batches(
            bank.rows[members].astype(np.int32),
            bank.labels[members],
            Prefetcher(bank.images),
            batch_size=batch_size,
            steps=steps.steps_per_call(self._flops, batch_size),
            skip=skip,
        )

    def _order(self) -> Indices:
        """Return the train split in the order of the running epoch."""
        members = self.dataset.splits.train
        return members[epoch_order(self.experiment.seed, self._order_epoch(), len(members))]

    def _order_epoch(self) -> int:
        """Return the epoch whose order the running one takes."""
        match self.experiment.train.shuffle:
            case "each-epoch":
                return self.course.epoch
            case "once":
                return 0
            case unknown:
                assert_never(unknown)

    def _not_finite(self, step: int) -> TrainingError:
        """Return the error of a step whose loss was no number, with the files of its batch."""
        size = self.experiment.train.batch_size
        paths = self.dataset.paths(self._order()[step * size :][:size])
        named = ", ".join(paths[:NAMED]) + (
            f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        )
        rate = float(self.steps.optimizer.learning_rate)
        return TrainingError(
            f"the loss was not a number in epoch {self.course.epoch + 1}, step {step + 1}: lower "
            f"train.learning_rate (it is {rate:g}), or look for broken images in its batch: {named}"
        )
