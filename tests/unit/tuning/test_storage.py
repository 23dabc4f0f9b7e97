"""What a search keeps on disk survives a kill, and says what chance alone would say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest

from convladder.core.errors import RunError
from convladder.tuning import storage

EPOCHS = 10


def tell(study: optuna.Study, value: float) -> None:
    trial = study.ask()
    trial.suggest_float("matters", 0, 1)
    study.tell(trial, value)


def test_a_journal_that_was_cut_anywhere_opens_with_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    study = storage.open_study(path, EPOCHS)
    for value in (0.1, 0.2, 0.3):
        tell(study, value)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    lasts = range(len(content) - len(lines[-1]) - len(lines[-2]), len(content))
    for size in lasts[::7]:
        path.write_bytes(content[:size])
        opened = storage.open_study(path, EPOCHS)
        tell(opened, 0.9)
        again = storage.open_study(path, EPOCHS)
        values = [trial.value for trial in again.trials if trial.value is not None]
        assert values in ([0.1, 0.2, 0.9], [0.1, 0.2, 0.3, 0.9])


def test_a_journal_that_is_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    tell(storage.open_study(path, EPOCHS), 0.1)
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"{broken\n" + b"".join(others))
    with pytest.raises(RunError, match="damaged"):
        storage.open_study(path, EPOCHS)


def test_what_is_drawn_is_a_function_of_seed_number_and_what_came_before(tmp_path: Path) -> None:
    drawn = []
    for name in ("one", "two"):
        for number in range(14):
            study = storage.open_study(tmp_path / name, EPOCHS)  # as after a stop
            study.sampler = storage.sampler(seed=3, number=number)
            trial = study.ask()
            value = trial.suggest_float("x", 0, 1)
            study.tell(trial, -abs(value - 0.3))
            drawn.append(value)
    assert drawn[:14] == drawn[14:]
    assert len(set(drawn)) == 14


def study_of(effect: float, seed: int) -> optuna.Study:
    draw = np.random.default_rng(seed)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed)
    )
    for _ in range(30):
        trial = study.ask()
        matters = trial.suggest_float("matters", 0, 1)
        trial.suggest_float("idle", 0, 1)
        study.tell(trial, effect * matters + draw.normal(0, 0.05))
    return study


def test_a_setting_that_matters_stands_above_chance_and_one_that_does_not_below() -> None:
    shares, chance = storage.importances(study_of(effect=1.0, seed=1))
    assert shares["matters"] > chance > shares["idle"]


def test_settings_without_any_effect_rarely_stand_above_chance() -> None:
    found = [storage.importances(study_of(effect=0, seed=seed)) for seed in range(6)]
    assert (
        sum(any(share > chance for share in shares.values()) for shares, chance in found) <= 1
    )  # of six searches


def test_too_few_candidates_say_nothing_of_what_mattered() -> None:
    study = optuna.create_study(direction="maximize")
    for value in (0.1, 0.2, 0.3):
        tell(study, value)
    assert storage.importances(study) == ({}, 0.0)
