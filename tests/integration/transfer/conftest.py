"""A run on some digits, and the digits that a network which begins with its layers learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backbone_runs import SIDE, SMALL, Settle, few, run_of
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.settings.data import Data
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from convladder.experiments.pretrained import backbones
from convladder.results import saved_run


@pytest.fixture(scope="module")
def first_digits() -> SplitDataset:
    """The digits 0 to 7, two batches of them to train on."""
    return few(
        load(Data(source="digits", limit=140, image_size=(SIDE, SIDE), classes=tuple("01234567")))
    )


@pytest.fixture(scope="module")
def other_digits() -> SplitDataset:
    """The digits 8 and 9, two batches of them to train on."""
    return few(load(Data(source="digits", limit=140, image_size=(SIDE, SIDE), classes=("8", "9"))))


@pytest.fixture(scope="module")
def run(first_digits: SplitDataset, tmp_path_factory: pytest.TempPathFactory) -> saved_run.SavedRun:
    """A run on the digits 0 to 7 of a small network, standardised and with batch normalisation."""
    settings = SMALL | {"model.preprocessing": "standardize", "model.dense": [6], "train.epochs": 2}
    experiment = Experiment().replace(settings).replace(first_digits.settled())
    return run_of(experiment, first_digits, tmp_path_factory.mktemp("first") / "run")


@pytest.fixture
def settle(run: saved_run.SavedRun, other_digits: SplitDataset) -> Settle:
    """Return what makes the experiment of a rung of the ladder, on the other digits."""

    def make(
        rung: str, changes: dict[str, Any] | None = None, backbone: Path = run.folder
    ) -> Experiment:
        start = backbones.changes(str(backbone), None, {}) | {"train.epochs": 4}
        experiment = load_ladder("transfer").experiment(rung, start).replace(changes or {})
        return backbones.with_backbone(experiment.replace(other_digits.settled()))

    return make
