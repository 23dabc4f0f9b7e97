"""A search's course, with workers that compute accuracies by a formula: none trains."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from convladder.core import files
from convladder.core.errors import SearchError
from convladder.core.experiment import Experiment
from convladder.core.tasks import Event, Failed, Finished, Halted, Message, Started, Task
from convladder.data.dataset import SplitDataset
from convladder.experiments.engines import Engine
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.results import folders, provenance
from convladder.training import checkpoint
from convladder.training.checkpoint import Checkpoint
from convladder.training.state import TrainingState
from convladder.tuning.candidates import SearchPlan
from convladder.tuning.searching import Budget, Search
from convladder.tuning.space_file import space_of
from limits import HANG

EPOCHS = 9
SPACE = {
    "train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "model.pooling": ["average", "max"],
}

Formula = Callable[[Experiment], float | str]


class KilledError(Exception):
    """What ends a search in the middle, as SIGKILL would."""


def best_at_a_hundredth(experiment: Experiment) -> float:
    return (
        0.9
        - 0.1 * abs(math.log10(experiment.train.learning_rate) + 2)
        - 0.01 * len(experiment.model.pooling)
    )


class OneWorker:
    """Stands for a pool: runs one task after another, and takes the accuracy of each from a
    formula.
    """

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
        for epoch in range(1, EPOCHS + 1 if isinstance(final, float) else 1):
            yield Message(key, {"epoch": epoch, "kept": final * epoch / EPOCHS})
            if key in self._halted:
                yield Halted(key)
                return
        yield Finished(key, final)


def give(monkeypatch: pytest.MonkeyPatch, formula: Formula) -> None:
    monkeypatch.setattr(OneWorker, "formula", staticmethod(formula))


def plan_of(dataset: SplitDataset, space: Mapping[str, Any] | None = None) -> SearchPlan:
    experiment = Experiment().replace(
        {"train.epochs": EPOCHS, "data.limit": 300} | dataset.settled()
    )
    return SearchPlan(Trial("default", experiment, dataset), space_of(space or SPACE, "mine.toml"))


def about_of(plan: SearchPlan) -> dict[str, Any]:
    """Return what an unfinished candidate's folder says that it is of."""
    trial = plan.default
    environment = provenance.environment("")
    data = trial.dataset.provenance()
    return {
        "rung": "0000",
        "experiment": trial.experiment.model_dump(),
        "data": data,
        "environment": environment,
    }


def search(
    folder: Path,
    plan: SearchPlan,
    *,
    trials: int | None = 20,
    seconds: float | None = None,
    dies_at: float = math.inf,
    pool: type[OneWorker] = OneWorker,
) -> Search:
    """Search in the folder until the budget is spent or so many events have come."""
    folder.mkdir(exist_ok=True)
    opened, events = Search(plan, folder, ResumePolicy()), 0

    def count(event: Event) -> None:
        nonlocal events
        events += 1
        if events >= dies_at:
            raise KilledError

    opened.run(Budget(trials, seconds), engine=Engine(pool, jobs=1), on_event=count)
    opened.write_table()
    return opened


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "candidates.csv")


def test_it_tries_as_many_candidates_as_wanted_and_the_default_first(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    found = search(tmp_path, plan_of(few_digits))
    rows = table(tmp_path)
    assert len(rows) == 20
    assert rows.loc[0, "train.learning_rate"] == 0.001
    assert (
        found.candidates.experiment(found.candidates.tried[0])
        == plan_of(few_digits).default.experiment
    )


def test_those_that_fall_behind_are_ended_early_and_the_winner_is_the_best_that_is_finished(
    tmp_path: Path, few_digits: SplitDataset
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
    assert (
        found.candidates.changes(found.candidates.winner)["train.learning_rate"]
        == best["train.learning_rate"]
    )


def test_it_finds_what_is_better(tmp_path: Path, few_digits: SplitDataset) -> None:
    found = search(tmp_path, plan_of(few_digits), trials=40)
    assert found.candidates.winner is not None
    experiment = found.candidates.experiment(found.candidates.winner)
    assert experiment.model.pooling == "max"
    assert 0.003 < experiment.train.learning_rate < 0.03


@pytest.mark.parametrize("dies_at", [1, 2, 3, 12, 29, 60, 85])
def test_a_search_that_was_killed_anywhere_comes_to_the_same_end(
    tmp_path: Path, few_digits: SplitDataset, dies_at: int
) -> None:
    plan = plan_of(few_digits)
    search(tmp_path / "whole", plan)
    with pytest.raises(KilledError):
        search(tmp_path / "killed", plan, dies_at=dies_at)
    again = search(tmp_path / "killed", plan)
    assert (tmp_path / "killed/candidates.csv").read_bytes() == (
        tmp_path / "whole/candidates.csv"
    ).read_bytes()
    assert not again.has_room(Budget(20, None))


def test_a_search_that_was_killed_between_any_two_lines_that_it_keeps_comes_to_the_same_end(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, append = plan_of(few_digits), files.append_line
    search(tmp_path / "whole", plan, trials=13)
    lines = len((tmp_path / "whole/candidates.jsonl").read_bytes().splitlines())
    for last in [*range(0, 24), *range(24, lines, 11)]:
        written = itertools.count()

        def die_after(path: Path, line: str, last: int = last, written: Any = written) -> None:
            if next(written) >= last:
                raise KilledError
            append(path, line)

        monkeypatch.setattr(files, "append_line", die_after)
        with contextlib.suppress(KilledError):
            search(tmp_path / f"{last}", plan, trials=13)
        monkeypatch.setattr(files, "append_line", append)
        search(tmp_path / f"{last}", plan, trials=13)
        assert table(tmp_path / f"{last}").equals(table(tmp_path / "whole")), (
            f"killed after line {last}"
        )


def test_more_candidates_go_on_from_those_that_were_tried(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    plan = plan_of(few_digits)
    search(tmp_path / "parts", plan, trials=7)
    search(tmp_path / "parts", plan, trials=15)
    search(tmp_path / "whole", plan, trials=15)
    assert table(tmp_path / "parts").equals(table(tmp_path / "whole"))


def test_the_default_is_tried_as_it_is_and_to_its_end_whatever_the_space(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, lambda experiment: experiment.train.learning_rate)  # the default is the worst
    plan = plan_of(few_digits, {"train.learning_rate": {"low": 0.01, "high": 0.1, "log": True}})
    default = plan.default.experiment.replace({"train.learning_rate": 0.0012345})
    plan = replace(plan, default=replace(plan.default, experiment=default))
    found = search(tmp_path, plan)
    first = table(tmp_path).iloc[0]
    assert (first["state"], first["validation_accuracy"]) == ("finished", 0.0012345)
    assert found.candidates.experiment(found.candidates.tried[0]) == default


def test_a_space_that_is_exhausted_ends_the_search(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    plan = plan_of(
        few_digits,
        {"model.pooling": ["average", "max"], "train.batch_size": [8, 16, 32, 48, 64, 128]},
    )
    found = search(tmp_path, plan, trials=30)
    assert len(table(tmp_path)) == 12
    assert found.candidates.are_exhausted
    assert not found.has_room(Budget(30, None))


def test_what_is_open_is_not_forgotten_when_the_space_is_exhausted(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    plan = plan_of(few_digits, {"model.pooling": ["average", "max"]})
    search(tmp_path, plan, trials=30)
    again = Search(plan, tmp_path, ResumePolicy())
    again._study.ask()  # as one that a kill has left
    assert again.has_room(Budget(30, None))


def test_what_cannot_be_is_left_out_and_not_counted(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    plan = plan_of(few_digits, SPACE | {"train.momentum": [0.0, 0.9]})  # which adam does not take
    search(tmp_path, plan, trials=6)
    rows = table(tmp_path)
    assert len(rows) == 6
    assert set(rows["train.momentum"]) == {0.0}


def test_where_nothing_else_can_be_the_default_is_alone(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    found = search(tmp_path, plan_of(few_digits, {"model.kernel_size": [31, 33]}))
    assert len(table(tmp_path)) == 1
    assert "images of 16x16 are too small" in found.candidates.last_refusal


def test_a_candidate_that_cannot_be_trained_is_told_and_the_others_go_on(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges_when_fast(experiment: Experiment) -> float | str:
        if experiment.train.learning_rate > 0.01:
            return "the loss was not a number"
        return best_at_a_hundredth(experiment)

    give(monkeypatch, diverges_when_fast)
    found = search(tmp_path, plan_of(few_digits))
    rows = table(tmp_path)
    failed = rows[rows["error"] == "the loss was not a number"]
    assert set(failed["state"]) == {"failed"}
    assert (failed["train.learning_rate"] > 0.01).all()
    assert found.candidates.winner is not None
    assert found.candidates.experiment(found.candidates.winner).train.learning_rate <= 0.01


def test_what_the_machine_fails_is_tried_again_and_stops_the_search_if_it_goes_on(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(few_digits)

    def out_of_memory(experiment: Experiment) -> float:
        raise ArithmeticError("memory ran out")

    search(tmp_path, plan, trials=4)
    give(monkeypatch, out_of_memory)
    with pytest.raises(
        SearchError, match="3 candidates in a row could not be trained: memory ran out"
    ):
        search(tmp_path, plan)
    give(monkeypatch, best_at_a_hundredth)
    found = search(tmp_path, plan)
    assert not found.candidates.open
    assert len(table(tmp_path)) == 20
    assert "failed" not in set(table(tmp_path)["state"])


def test_closing_ends_what_is_open_and_leaves_no_checkpoint(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    plan = plan_of(few_digits)
    with pytest.raises(KilledError):
        search(tmp_path, plan, dies_at=15)
    begun = Search(plan, tmp_path, ResumePolicy())
    (left,) = begun.candidates.open
    unfinished = tmp_path / f"candidates/{left.number:04}.unfinished"
    unfinished.mkdir(parents=True)
    begun.close()
    assert not begun.candidates.open
    assert not unfinished.exists()
    assert table(tmp_path).set_index("candidate").loc[left.number, "state"] == "failed"


def test_a_candidate_that_is_over_and_trains_on_is_halted_again(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    """As on a node that died when it was asked to end: another resumes from the checkpoint."""

    asked: Counter[Any] = Counter()

    class LosesTheFirst(OneWorker):
        def halt(self, key: Any) -> None:
            asked[key] += 1
            if asked[key] > 1:
                super().halt(key)

    search(tmp_path, plan_of(few_digits), trials=8, pool=LosesTheFirst)
    assert set(asked.values()) == {2}


def test_when_the_time_is_up_it_ends_and_what_was_running_can_go_on(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, looks = plan_of(few_digits), itertools.count()
    monkeypatch.setattr(Search, "seconds", property(lambda self: self._before + 0.1 * next(looks)))
    found = search(tmp_path, plan, trials=None, seconds=20)
    (running,) = found.candidates.open
    assert not found.has_room(Budget(None, 20))
    longer = Search(plan, tmp_path, ResumePolicy())
    assert longer._before >= 20, "the time of all sessions together"
    assert longer.has_room(Budget(None, 100))
    search(tmp_path, plan, trials=len(table(tmp_path)))
    assert table(tmp_path).set_index("candidate").loc[running.number, "state"] in (
        "finished",
        "pruned",
    )


def test_the_clock_ends_what_is_silent(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = threading.Event()

    class Silent(OneWorker):
        def _run(self, key: Any, experiment: Experiment) -> Iterator[Event]:
            yield Started(key)
            assert halted.wait(timeout=HANG)
            yield Halted(key)

        def halt(self, key: Any) -> None:
            halted.set()

    found = search(tmp_path, plan_of(few_digits), trials=None, seconds=0.2, pool=Silent)
    assert len(found.candidates.open) == 1


def test_an_epoch_that_was_not_kept_is_taken_from_the_checkpoint(
    tmp_path: Path, few_digits: SplitDataset
) -> None:
    plan = plan_of(few_digits)
    with pytest.raises(KilledError):
        search(tmp_path, plan, dies_at=3)  # after the first epoch of the default
    rows = [
        {"epoch": epoch, "val_loss": -epoch, "val_accuracy": epoch / 10} for epoch in range(1, 5)
    ]
    folder = tmp_path / "candidates/0000.unfinished"
    checkpoint.write(folder, Checkpoint(TrainingState(rows).to_json(), {}))
    files.write_json(folder / folders.ABOUT, about_of(plan))
    opened = Search(plan, tmp_path, ResumePolicy())
    assert next(opened._tasks(Budget(20, None))).key.rung == "candidate 0"
    (trial,) = opened.candidates.open
    assert list(trial.intermediate_values) == [1, 2, 3, 4]
    assert trial.intermediate_values[4] == 0.4


def test_the_default_is_not_beaten_by_what_is_as_good(
    tmp_path: Path, few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, lambda experiment: 0.5)
    found = search(tmp_path, plan_of(few_digits))
    assert found.candidates.outcome()["winner"] == 0
    assert found.candidates.outcome()["changes"] == {}
