"""What a search keeps on disk survives a kill, and says what chance alone would say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from convladder.core.errors import RunError
from convladder.tuning.importances import importances
from convladder.tuning.sampler import sampler
from convladder.tuning.storage import StoredStudy

EPOCHS = 10


def tell(study: optuna.Study, value: float) -> None:
    trial = study.ask()
    trial.suggest_float("matters", 0, 1)
    study.tell(trial, value)


def try_one(path: Path, value: float) -> StoredStudy:
    stored = StoredStudy(path, EPOCHS)
    tell(stored.study, value)
    stored.keep(len(stored.study.trials) - 1)
    return stored


def test_a_file_that_was_cut_anywhere_opens_with_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    for value in (0.1, 0.2, 0.3):
        try_one(path, value)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for size in range(len(content) - len(lines[-1]) - len(lines[-2]), len(content), 7):
        path.write_bytes(content[:size])
        try_one(path, 0.9)
        again = StoredStudy(path, EPOCHS).study
        whole = [0.1, 0.2][: content[:size].count(b"\n")]
        assert [trial.value for trial in again.trials] == [*whole, 0.9]


@pytest.mark.parametrize("damage", [b"{broken\n", b'{"candidate": 5}\n', b"[]\n", b'"a"\n'])
def test_a_file_that_is_damaged_in_the_middle_is_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "candidates.jsonl"
    try_one(path, 0.1)
    path.write_bytes(damage + path.read_bytes())
    with pytest.raises(RunError, match=r"candidates\.jsonl is damaged"):
        StoredStudy(path, EPOCHS)


def test_a_study_is_made_anew_as_it_was_and_what_was_running_can_be_told_of(
    tmp_path: Path,
) -> None:
    path = tmp_path / "candidates.jsonl"
    stored = try_one(path, 0.1)
    running = stored.study.ask()
    running.suggest_categorical("of", ["a", "b"])
    running.report(0.25, 3)
    running.set_user_attr("settings", {"train.batch_size": 8})
    stored.keep(running.number)
    stored.note(seconds=1.5)
    again = StoredStudy(path, EPOCHS)
    assert again.study.user_attrs == {"seconds": 1.5}
    for was, now in zip(stored.study.trials, again.study.trials, strict=True):
        for name in ("number", "state", "values", "params", "distributions"):
            assert getattr(was, name) == getattr(now, name)
        assert was.user_attrs == now.user_attrs
        assert was.intermediate_values == now.intermediate_values
    again.study.tell(again.asked[running.number], 0.7)
    again.keep(running.number)
    assert StoredStudy(path, EPOCHS).study.trials[-1].value == 0.7


def test_what_could_not_be_kept_is_kept_before_what_comes_after_it(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    stored = StoredStudy(path, EPOCHS)
    for value in (0.1, 0.2):
        tell(stored.study, value)
    stored.keep(1)
    assert [trial.value for trial in StoredStudy(path, EPOCHS).study.trials] == [0.1, 0.2]


def test_a_search_that_an_earlier_version_kept_in_a_journal_of_optuna_resumes(
    tmp_path: Path,
) -> None:
    """There a kill could leave a trial whose settings were being drawn: it is drawn anew."""
    journal = tmp_path / "journal.log"
    storage = JournalStorage(JournalFileBackend(str(journal)))
    older = optuna.create_study(study_name="search", storage=storage, direction="maximize")
    older.set_user_attr("seconds", 2.5)
    tell(older, 0.1)
    running = older.ask()
    running.suggest_float("matters", 0, 1)
    running.set_user_attr("settings", {})
    older.ask()
    with journal.open("ab") as file:
        file.write(b'{"op_code": 5, "wor')  # where power was lost
    before = journal.read_bytes()
    for _ in range(2):
        stored = StoredStudy(tmp_path / "candidates.jsonl", EPOCHS)
        assert [trial.params for trial in stored.study.trials] == [
            trial.params for trial in older.trials[:2]
        ]
        assert list(stored.asked) == [1]
        assert stored.study.user_attrs == {"seconds": 2.5}
    assert journal.read_bytes() == before


def test_what_is_drawn_is_a_function_of_seed_number_and_what_came_before(tmp_path: Path) -> None:
    drawn = []
    for name in ("one", "two"):
        for number in range(14):
            stored = StoredStudy(tmp_path / name, EPOCHS)  # as after a stop
            stored.study.sampler = sampler(seed=3, number=number)
            trial = stored.study.ask()
            value = trial.suggest_float("x", 0, 1)
            stored.study.tell(trial, -abs(value - 0.3))
            stored.keep(number)
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
    shares, chance = importances(study_of(effect=1.0, seed=1))
    assert shares["matters"] > chance > shares["idle"]


def test_settings_without_any_effect_rarely_stand_above_chance() -> None:
    found = [importances(study_of(effect=0, seed=seed)) for seed in range(6)]
    # of six searches
    assert sum(any(share > chance for share in shares.values()) for shares, chance in found) <= 1


def test_too_few_candidates_say_nothing_of_what_mattered() -> None:
    study = optuna.create_study(direction="maximize")
    for value in (0.1, 0.2, 0.3):
        tell(study, value)
    assert importances(study) == ({}, 0.0)
