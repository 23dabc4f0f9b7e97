"""When a training ends, and which epoch it keeps."""

from __future__ import annotations

import pytest

from convladder.core.experiment import Experiment
from convladder.core.metrics import metric_named
from convladder.training.state import TrainingState


def course(name: str, values: list[float], losses: list[float]) -> TrainingState:
    column = f"val_{metric_named(name).column}"
    rows = [{"val_loss": loss, column: value} for loss, value in zip(losses, values, strict=True)]
    return TrainingState(history=rows)


def test_of_epochs_that_are_equally_good_the_one_of_least_loss_is_kept() -> None:
    """A network that has learned nothing may find all of a class, by calling everything so."""
    found = course("recall@x", [1.0, 0.7, 1.0, 1.0], [2.3, 1.5, 0.6, 0.9])
    assert found.kept_epoch(Experiment(metric="recall@x")) == 3


@pytest.mark.parametrize(("name", "kept"), [("auroc", 2), ("brier", 3), ("accuracy", 4)])
def test_the_best_epoch_is_that_of_the_metric(name: str, kept: int) -> None:
    found = course(name, [0.5, 0.9, 0.2, 0.6], [0.9, 0.8, 0.7, 0.6])
    assert found.kept_epoch(Experiment(metric=name)) == kept


def test_patience_counts_from_the_best_epoch_by_the_metric() -> None:
    settings = {"train.early_stopping": 2, "train.epochs": 10}
    experiment = Experiment(metric="auroc").replace(settings)
    assert course("auroc", [0.5, 0.9, 0.8, 0.8], [0.9, 0.8, 0.7, 0.6]).is_over(experiment)
    assert not course("auroc", [0.5, 0.9, 0.8], [0.9, 0.8, 0.7]).is_over(experiment)
