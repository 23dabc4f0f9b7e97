"""What every rung of every built-in ladder must do; a rung added is a rung tested."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convladder.core import defaults
from convladder.core import ladder as ladders
from convladder.core.experiment import Experiment, difference
from convladder.data.dataset import SplitDataset
from convladder.experiments.inference import load_network
from convladder.experiments.pretrained import backbones
from convladder.experiments.trial import Trial, run_trial
from convladder.results import saved_run
from convladder.training import fit, steps
from stops import train_with_stops

RUNGS = [(name, rung.name) for name in ladders.BUILT_IN for rung in ladders.load_ladder(name).rungs]
LADDER_AND_RUNG = pytest.mark.parametrize(("ladder", "rung"), RUNGS)


@pytest.fixture(scope="module")
def larger_digits() -> SplitDataset:
    """Digits at 24x24, which every network takes; two batches of 32 in train."""
    from convladder.core.settings.data import Data
    from convladder.data.loading import load

    dataset = load(Data(source="digits", limit=150, image_size=(24, 24)))
    return replace(dataset, splits=replace(dataset.splits, train=dataset.splits.train[:64]))


@pytest.fixture(scope="module")
def backbone(larger_digits: SplitDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small network with batch normalisation, on these digits."""
    folder = tmp_path_factory.mktemp("backbone") / "run"
    settings = {
        "model.filters": [4, 8],
        "model.kernel_size": 3,
        "model.batch_norm": True,
        "train.epochs": 1,
    }
    experiment = Experiment().replace(settings).replace(larger_digits.settled())
    run_trial(Trial("backbone", experiment, larger_digits), folder, "pytest", lambda row: None)
    return folder


@LADDER_AND_RUNG
def test_a_rung_differs_from_its_parent_in_what_it_declares_alone(ladder: str, rung: str) -> None:
    loaded = ladders.load_ladder(ladder)
    this = loaded.rung(rung)
    if this.parent is None:
        assert this is loaded.rungs[0]
        return
    found = difference(loaded.experiment(this.parent), loaded.experiment(rung))
    assert set(found) == set(this.change)


@LADDER_AND_RUNG
def test_a_rung_has_a_card(ladder: str, rung: str) -> None:
    card = ladders.load_ladder(ladder).rung(rung)
    assert card.what.endswith(".")
    assert card.why.endswith(".")
    assert any(character.isdigit() for character in card.source), "a source has a year"


@LADDER_AND_RUNG
def test_a_rung_trains_goes_on_saves_loads_and_predicts(
    ladder: str,
    rung: str,
    larger_digits: SplitDataset,
    backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 1)
    start = (
        backbones.changes(str(backbone), None, {}) if ladder == defaults.PRETRAINED_LADDER else {}
    )
    changed = ladders.load_ladder(ladder).experiment(rung, start | {"train.epochs": 2})
    experiment = backbones.with_backbone(changed.replace(larger_digits.settled()))
    losses = []
    trial = Trial(rung, experiment, larger_digits)

    def take(told: Any) -> None:
        if not isinstance(told, str):
            losses.append(told["loss"])

    run_trial(trial, tmp_path / "run", "pytest", take)
    run = saved_run.SavedRun(tmp_path / "run")
    assert np.isfinite(losses).all()
    assert run.experiment == experiment
    test = run.predictions[run.predictions["split"] == "test"]
    logits = fit.predict_logits(load_network(run), larger_digits.bank, larger_digits.splits.test)
    names = np.array(larger_digits.class_names)
    assert names[logits.argmax(axis=1)].tolist() == test["predicted"].tolist()

    stopped, stops = train_with_stops(experiment, larger_digits, tmp_path / "stopped", calls=4)
    assert stops == 1, "after the first step of the second epoch"
    assert stopped.history.drop(columns="train_seconds").equals(
        run.history.drop(columns="train_seconds")
    )
    assert np.array_equal(
        fit.predict_logits(stopped.network, larger_digits.bank, larger_digits.splits.test), logits
    )
