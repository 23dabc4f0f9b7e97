"""How far a training has come, beside its graphs; its history alone says when it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from convladder.core.experiment import Experiment
from convladder.core.metrics import ACCURACY, Metric
from convladder.core.settings.train import Train

LEAST_PROGRESS = 1e-4  # that a plateau must be left by, as in Keras

Row = dict[str, float]


@dataclass
class TrainingState:
    """A training between two of its steps.

    history : a row for each epoch that is over. step : how many batches of the running epoch are
        done.
    seconds : of training, in the running epoch. trained : its means over the train split, once all
        of it is done.
    """

    history: list[Row] = field(default_factory=list)
    step: int = 0
    seconds: float = 0.0
    trained: dict[str, float] | None = None

    @property
    def epoch(self) -> int:
        """How many epochs are over."""
        return len(self.history)

    @property
    def losses(self) -> list[float]:
        """The validation loss of each epoch."""
        return [row["val_loss"] for row in self.history]

    def best_epoch(self, metric: Metric) -> int:
        """Return the epoch that is best on validation, from 1; the first of several.

        By its loss, or by the metric if that is not accuracy: of those that are equally good, by
        the loss again.
        """
        found = [(0.0, loss) for loss in self.losses]
        if metric != ACCURACY:
            values = [row[f"val_{metric.column}"] for row in self.history]
            found = [
                (-metric.as_score(value), loss)
                for value, loss in zip(values, self.losses, strict=True)
            ]
        return found.index(min(found)) + 1

    def kept_epoch(self, experiment: Experiment) -> int:
        """Return the epoch, from 1, whose weights are kept if there is no other."""
        match experiment.train.select:
            case "best":
                return self.best_epoch(experiment.judged_by)
            case "last":
                return self.epoch
            case unknown:
                assert_never(unknown)

    def is_frozen(self, settings: Train) -> bool:
        """Whether the backbone stays as it is, up to the first step after its frozen epochs."""
        frozen = frozen_epochs(settings)
        at_border = self.epoch == frozen and self.step == 0 and self.trained is None
        return self.epoch < frozen or (at_border and frozen > 0)

    def losses_of_phase(self, settings: Train) -> list[float]:
        """The validation losses since the backbone is no longer frozen, or while it still is."""
        frozen = frozen_epochs(settings)
        return self.losses[frozen:] if self.epoch > frozen else self.losses

    def end_epoch(self, row: Row) -> None:
        self.history.append(row)
        self.step, self.seconds, self.trained = 0, 0.0, None

    def is_over(self, experiment: Experiment) -> bool:
        """Whether there are epochs enough, or too many without progress.

        Where a backbone is first frozen and then not, the epochs without progress count from there
        on.
        """
        settings = experiment.train
        frozen = frozen_epochs(settings)
        since = frozen if frozen < settings.epochs else 0
        best = self.best_epoch(experiment.judged_by) if self.history else 0
        waited = self.epoch - max(best, since) if self.history else 0
        return self.epoch >= settings.epochs or waited >= (settings.early_stopping or math.inf)

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def frozen_epochs(settings: Train) -> int:
    """Return in how many epochs, from the first on, the backbone stays as it is.

    All or none where the share is 1 or 0; else at least one, and not in the last.
    """
    if settings.frozen_share in (0, 1):
        return settings.epochs if settings.frozen_share else 0
    return min(max(1, round(settings.frozen_share * settings.epochs)), settings.epochs - 1)


def lowers_rate(losses: Sequence[float], patience: int) -> bool:
    """Return whether the learning rate is lowered after the last of these epochs.

    It is where so many epochs in a row were hardly better than the best, and then the count begins
    anew, as in Keras's ReduceLROnPlateau.
    """
    best, waited, lowers = math.inf, 0, False
    for loss in losses:
        better = loss < best - LEAST_PROGRESS
        best, waited = (loss, 0) if better else (best, waited + 1)
        lowers = waited >= patience
        waited = 0 if lowers else waited
    return lowers
