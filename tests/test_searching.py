"""A search's course, with workers that come to an accuracy by a formula: nothing is trained here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from optuna.storages.journal import JournalFileBackend

from convladder.config import Experiment
from convladder.data.dataset import Dataset
from convladder.engines import Engine
from convladder.errors import SearchError
from convladder.processes import Event, Failed, Finished, Halted, Message, Started, Task
from convladder.resuming import HowToGoOn
from convladder.searching import Budget, Search
from convladder.space import space_of
from convladder.study import SearchPlan
from convladder.trial import Trial

EPOCHS = 9
SPACE = {"train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}, "model.pooling": ["average", "max"]}

Formula = Callable[[Experiment], float]


class KilledError(Exception):
    """What ends a search in the middle, as SIGKILL would."""


def best_at_a_hundredth(experiment: Experiment) -> float:
    return 0.9 - 0.1 * abs(math.log10(experiment.train.learning_rate) + 2) - 0.01 * len(experiment.model.pooling)


class OneWorker:
    """Stands for a pool: runs one task after another, and takes the accuracy of each from a formula."""

    formula: Formula = staticmethod(best_at_a_hundredth)

    def __init__(self, tasks: Iterable[Task], *, jobs: int, renew_after: int) -> None:
        del jobs, renew_after
        self._tasks, self._halted = tasks, set[Any]()

    def events(self) -> Iterator[Event]:
        for task in self._tasks:
            yield from self._run(task.key, task.arguments[0].experiment)

    def halt(self, key: Any) -> None:
        self._halted.add(key)

    def stop(self) -> None:
        """Nothing is asked to stop here."""

    def _run(self, key: Any, experiment: Experiment) -> Iterator[Event]:
        yield Started(key)
        try:
            final = self.formula(experiment)
        except ArithmeticError as error:
            yield Failed(key, str(error), "", expected=True)
            return
        for epoch in range(1, EPOCHS + 1):
            yield Message(key, {"epoch": epoch, "kept_accuracy": final * epoch / EPOCHS})
            if key in self._halted:
                yield Halted(key)
                return
        yield Finished(key, final)


def give(monkeypatch: pytest.MonkeyPatch, formula: Formula) -> None:
    monkeypatch.setattr(OneWorker, "formula", staticmethod(formula))


def plan_of(dataset: Dataset, space: Mapping[str, Any] | None = None) -> SearchPlan:
    experiment = Experiment().replace({"train.epochs": EPOCHS, "data.limit": 300} | dataset.settled())
    return SearchPlan(Trial("default", experiment, dataset), space_of(space or SPACE, "mine.toml"))


def search(
    folder: Path,
    plan: SearchPlan,
    *,
    trials: int | None = 20,
    seconds: float | None = None,
    dies_at: float = math.inf,
) -> Search:
    """Search in the folder, or go on there, until the budget is spent or so many events have come."""
    folder.mkdir(exist_ok=True)
    opened, events = Search(plan, folder, HowToGoOn()), 0

    def count(event: Event) -> None:
        nonlocal events
        events += 1
        if events >= dies_at:
            raise KilledError

    opened.run(Budget(trials, seconds), engine=Engine(OneWorker, jobs=1), on_event=count)
    opened.write_tables()
    return opened


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "candidates.csv")


def test_it_tries_as_many_candidates_as_wanted_and_the_default_first(tmp_path: Path, few_digits: Dataset) -> None:
    found = search(tmp_path, plan_of(few_digits))
    rows = table(tmp_path)
    assert len(rows) == 20
    assert rows.loc[0, "train.learning_rate"] == 0.001
    assert found.candidates.outcome()["default_candidate"] == 0


def test_those_that_fall_behind_are_ended_early_and_the_winner_is_the_best_that_is_finished(
    tmp_path: Path, few_digits: Dataset
) -> None:
    found = search(tmp_path, plan_of(few_digits))
    rows = table(tmp_path)
    pruned, finished = rows[rows["state"] == "pruned"], rows[rows["state"] == "finished"]
    assert len(pruned) > len(finished) > 1
    assert set(pruned["epochs"]) <= {2, 6}  # where it is looked at who is behind
    assert set(finished["epochs"]) == {EPOCHS}
    best = finished.loc[finished["validation_accuracy"].idxmax()]
    assert found.candidates.winner is not None
    assert found.candidates.winner.number == best["candidate"]
    assert found.candidates.changes(found.candidates.winner)["train.learning_rate"] == best["train.learning_rate"]


def test_it_finds_what_is_better(tmp_path: Path, few_digits: Dataset) -> None:
    found = search(tmp_path, plan_of(few_digits), trials=40)
    assert found.candidates.winner is not None
    experiment = found.candidates.experiment(found.candidates.winner)
    assert experiment.model.pooling == "max"
    assert 0.003 < experiment.train.learning_rate < 0.03


@pytest.mark.parametrize("dies_at", [1, 2, 3, 12, 29, 60, 85])
def test_a_search_that_was_killed_anywhere_comes_to_the_same_end(
    tmp_path: Path, few_digits: Dataset, dies_at: int
) -> None:
    plan = plan_of(few_digits)
    search(tmp_path / "whole", plan)
    with pytest.raises(KilledError):
        search(tmp_path / "killed", plan, dies_at=dies_at)
    again = search(tmp_path / "killed", plan)
    assert (tmp_path / "killed/candidates.csv").read_bytes() == (tmp_path / "whole/candidates.csv").read_bytes()
    assert not again.has_room(Budget(20, None))


def test_a_search_that_was_killed_between_any_two_lines_of_its_journal_comes_to_the_same_end(
    tmp_path: Path, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, append = plan_of(few_digits), JournalFileBackend.append_logs
    search(tmp_path / "whole", plan, trials=5)
    lines = len((tmp_path / "whole/journal.log").read_bytes().splitlines())
    for last in range(lines):
        written = itertools.count()

        def die_after(self: Any, logs: Any, last: int = last, written: Any = written) -> None:
            if next(written) == last:
                raise KilledError
            append(self, logs)

        monkeypatch.setattr(JournalFileBackend, "append_logs", die_after)
        with pytest.raises(KilledError):
            search(tmp_path / f"{last}", plan, trials=5)
        monkeypatch.setattr(JournalFileBackend, "append_logs", append)
        search(tmp_path / f"{last}", plan, trials=5)
        assert table(tmp_path / f"{last}").equals(table(tmp_path / "whole")), f"killed after line {last}"


def test_more_candidates_go_on_from_those_that_were_tried(tmp_path: Path, few_digits: Dataset) -> None:
    plan = plan_of(few_digits)
    search(tmp_path / "parts", plan, trials=7)
    search(tmp_path / "parts", plan, trials=15)
    search(tmp_path / "whole", plan, trials=15)
    assert table(tmp_path / "parts").equals(table(tmp_path / "whole"))


def test_a_space_that_is_exhausted_ends_the_search(tmp_path: Path, few_digits: Dataset) -> None:
    plan = plan_of(few_digits, {"model.pooling": ["average", "max"], "train.batch_size": [16, 32]})
    found = search(tmp_path, plan, trials=30)
    assert len(table(tmp_path)) == 4
    assert not found.has_room(Budget(30, None))


def test_what_cannot_be_is_left_out_and_not_counted(tmp_path: Path, few_digits: Dataset) -> None:
    plan = plan_of(few_digits, SPACE | {"train.momentum": [0.0, 0.9]})  # which adam does not take
    search(tmp_path, plan, trials=6)
    rows = table(tmp_path)
    assert len(rows) == 6
    assert set(rows["train.momentum"]) == {0.0}


def test_a_space_that_holds_nothing_that_can_be_says_why(tmp_path: Path, few_digits: Dataset) -> None:
    plan = plan_of(few_digits, {"model.kernel_size": [31, 33]})
    with pytest.raises(SearchError, match=r"mine.toml: .* none can be: images of 16x16 are too small"):
        search(tmp_path, plan)


def test_a_candidate_that_fails_is_told_and_the_others_go_on(
    tmp_path: Path, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_when_fast(experiment: Experiment) -> float:
        if experiment.train.learning_rate > 0.01:
            raise ArithmeticError("the loss was not a number")
        return best_at_a_hundredth(experiment)

    give(monkeypatch, fails_when_fast)
    found = search(tmp_path, plan_of(few_digits))
    rows = table(tmp_path)
    failed = rows[rows["error"] == "the loss was not a number"]
    assert len(failed) > 0
    assert set(failed["state"]) == {"failed"}
    assert (failed["train.learning_rate"] > 0.01).all()
    assert found.candidates.winner is not None
    assert found.candidates.experiment(found.candidates.winner).train.learning_rate <= 0.01


def test_when_the_time_is_up_it_ends_and_what_was_running_can_go_on(
    tmp_path: Path, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Search, "seconds", property(lambda self: 10.0 * len(self.candidates.tried)))
    found = search(tmp_path, plan_of(few_digits), trials=None, seconds=50)
    assert len(table(tmp_path)) == 5
    assert not found.has_room(Budget(None, 50))
    assert found.has_room(Budget(None, 80))


def test_the_default_is_not_beaten_by_what_is_as_good(
    tmp_path: Path, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, lambda experiment: 0.5)
    found = search(tmp_path, plan_of(few_digits))
    assert found.candidates.outcome()["winner"] == 0
    assert found.candidates.outcome()["changes"] == {}
