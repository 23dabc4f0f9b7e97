"""A search: candidates over workers, steered by validation alone; it opens no test images.

Optuna draws the settings of each candidate from a space and says, epoch by epoch, which to go on
with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from convladder.core import files, signals
from convladder.core.errors import SearchError
from convladder.core.tasks import Event, Failed, Finished, Halted, Message, OnEvent, Task
from convladder.core.timers import calling_after
from convladder.core.worker_pool import Pool
from convladder.experiments.engines import Engine
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.experiments.resume import ResumePolicy, find_alike
from convladder.results import folders
from convladder.results.folders import TrialKey
from convladder.training import checkpoint
from convladder.training.state import TrainingState
from convladder.tuning.candidates import ERROR, EXHAUSTED, SECONDS, SETTINGS, Candidates, SearchPlan
from convladder.tuning.importances import importances
from convladder.tuning.sampler import DEFAULT, Drawing
from convladder.tuning.storage import StoredStudy

ABOUT, DRAWN = "tune.json", "candidates.jsonl"
TABLE, IMPORTANCES = "candidates.csv", "importances.json"
MOST_SKIPPED = 100  # draws in a row that give no new candidate: the space has no other
# docs/decisions/048-what-the-machine-fails-is-no-word-on-a-candidate.md
MOST_FAULTS = 3  # candidates in a row that the machine fails, before a search stops
KEEP_TIME = 30  # seconds, after which the time that was searched is written down again


@dataclass(frozen=True)
class Budget:
    """How many candidates are tried, and for how many seconds in all; None: no bound."""

    trials: int | None
    seconds: float | None


class Search:
    """A search in its folder, which the caller has locked. It resumes what is there already."""

    def __init__(self, plan: SearchPlan, folder: Path, how: ResumePolicy) -> None:
        self._folder, self._default = folder, plan.default.experiment
        self._train, self._metric = self._default.train, self._default.judged_by
        self._stored = StoredStudy(folder / DRAWN, self._train.epochs)
        self._study = self._stored.study
        self.candidates = Candidates(plan, self._study)
        self._drawing = Drawing(plan, folder, self._stored, self.candidates, how)
        # tasks are asked for in other threads than events are taken in
        self._lock = threading.Lock()
        self._before = self._kept = float(self._study.user_attrs.get(SECONDS, 0.0))
        self._started: float | None = None
        self._faults = 0
        candidates = folder / "candidates"
        files.remove_leftovers(folder, folder / "plots", candidates, *candidates.glob("*"))
        if not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(plan.space.nearest(plan.default.experiment))
        for trial in self.candidates.tried:
            if trial.state is not TrialState.RUNNING:
                self._drawing.put_away(trial.number)  # which a kill may have come before

    def has_room(self, budget: Budget) -> bool:
        """Whether candidates can still be tried."""
        lacks = self._lacks(budget) and not self.candidates.are_exhausted
        return (bool(self.candidates.open) or lacks) and self._is_in_time(budget)

    def expected(self, budget: Budget) -> dict[TrialKey, float]:
        """Return the candidates to be tried, each as much work; none where the number is open."""
        over = len(self.candidates.tried) - len(self.candidates.open)
        known = len(self.candidates.drawn)
        wanted = range(known, known + budget.trials - over) if budget.trials else ()
        return {self._drawing.key(number): 1.0 for number in wanted}

    @property
    def seconds(self) -> float:
        """How long has been searched, in all sessions."""
        return self._before + (
            time.monotonic() - self._started if self._started is not None else 0.0
        )

    def run(self, budget: Budget, *, engine: Engine, on_event: OnEvent) -> None:
        """Try candidates until the budget is spent.

        Raises SearchError where the machine fails several in a row.
        """
        self._started = time.monotonic()
        pool = engine.pool(self._tasks(budget))
        try:
            with signals.answered_gently(pool.stop), self._ending_in_time(budget, pool):
                for event in pool.events():
                    self._take(event, pool)
                    if isinstance(event, Message) and not self._is_in_time(budget):
                        pool.halt(event.key)
                    on_event(event)
        finally:
            with self._lock:  # not between the lines of a draw
                self._keep_time()

    def close(self) -> None:
        """End what is still open: the winner is tested next, and nothing can be tried then."""
        for trial in self.candidates.open:
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._stored.keep(trial.number)
            if SETTINGS in trial.user_attrs:
                self._drawing.put_away(trial.number)
        self.write_table()

    def write_table(self) -> None:
        """Write `candidates.csv`, from which reports are made without Optuna."""
        text = self.candidates.table().to_csv(index=False, lineterminator="\n")
        files.write_text(self._folder / TABLE, text)

    def write_importances(self) -> None:
        """Write `importances.json`: each setting's share, and the largest by chance."""
        shares, chance = importances(self._study)
        files.write_json(self._folder / IMPORTANCES, {"shares": shares, "chance": chance})

    def _lacks(self, budget: Budget) -> bool:
        return budget.trials is None or len(self.candidates.tried) < budget.trials

    def _is_in_time(self, budget: Budget) -> bool:
        return budget.seconds is None or self.seconds < budget.seconds

    def _tasks(self, budget: Budget) -> Iterator[Task]:
        """Yield candidates as workers become free: first those that an earlier session was at."""
        for trial in self.candidates.open:
            task = self._resume(trial) if self._is_in_time(budget) else None
            if task is not None:
                yield task
        skipped = 0
        while self._lacks(budget) and self._is_in_time(budget) and skipped < MOST_SKIPPED:
            with self._lock:
                task = self._drawing.draw()
            skipped = 0 if task else skipped + 1
            if task is not None:
                yield task
        if skipped == MOST_SKIPPED:
            with self._lock:
                self._stored.note(**{EXHAUSTED: True})

    def _resume(self, trial: FrozenTrial) -> Task | None:
        """Return the task of a candidate that an earlier session was at; None where it is over."""
        with self._lock:
            task = self._drawing.resume(trial)
            if task is not None and self._turns_out_behind(trial.number):
                self._drawing.put_away(trial.number)
                return None
            return task

    def _take(self, event: Event, pool: Pool) -> None:
        """Keep what happened to a candidate. Raises SearchError where the machine fails many."""
        if not isinstance(event, Message | Finished | Failed | Halted):
            return
        number = self._drawing.numbers[event.key]
        with self._lock:
            if isinstance(event, Message):
                if isinstance(event.value, dict) and self._report(number, event.value):
                    pool.halt(event.key)
                if self.seconds - self._kept > KEEP_TIME:
                    self._keep_time()
                return
            if isinstance(event, Failed):  # it stays open, and the same command tries it again
                self._count_fault(event)
                return
            self._faults = 0
            if isinstance(event, Finished) and isinstance(event.value, str):
                self._drawing.asked[number].set_user_attr(ERROR, event.value)
                self._tell(number, state=TrialState.PRUNED)
            elif isinstance(event, Finished):
                self._tell(number, self._metric.as_score(event.value))
            if self.candidates.state(number) is not TrialState.RUNNING:
                self._drawing.put_away(number)
                self.write_table()

    def _count_fault(self, failed: Failed) -> None:
        if not failed.expected:
            raise failed.as_exception()
        self._faults += 1
        if self._faults == MOST_FAULTS:
            said = f"{MOST_FAULTS} candidates in a row could not be trained: {failed.error}"
            raise SearchError(said) from failed.cause

    def _report(self, number: int, row: Mapping[str, Any]) -> bool:
        """Report an epoch, and return whether the candidate is to be ended, or is over already."""
        if self.candidates.state(number) is not TrialState.RUNNING:
            return True  # on a node, say, that was lost when it was asked to end
        epoch = int(row["epoch"])
        if epoch not in self._reported(number):
            self._drawing.asked[number].report(self._metric.as_score(row["kept"]), epoch)
        is_over = self._falls_behind(number)
        self._stored.keep(number)
        return is_over

    def _turns_out_behind(self, number: int) -> bool:
        """Report what only the checkpoint knows, and return whether the candidate is over."""
        if self._falls_behind(number):
            return True
        found, _ = checkpoint.read_newest(folders.unfinished(self._drawing.place(number)))
        rows = found.course["history"] if found else []
        for epoch in range(1, len(rows) + 1):
            kept = TrainingState(rows[:epoch]).kept_epoch(self._default)
            known = epoch in self._reported(number)
            if not known and self._report(
                number, {"epoch": epoch, "kept": rows[kept - 1][f"val_{self._metric.column}"]}
            ):
                return True
        return False

    def _falls_behind(self, number: int) -> bool:
        """Whether a candidate is behind others, and so over. The default never is."""
        last = max(self._reported(number), default=0)
        if (
            number == DEFAULT
            or last >= self._train.epochs
            or not self._drawing.asked[number].should_prune()
        ):
            return False
        self._tell(number, state=TrialState.PRUNED)
        return True

    def _reported(self, number: int) -> Mapping[int, float]:
        return self._study.get_trials(deepcopy=False)[number].intermediate_values

    def _tell(
        self, number: int, value: float | None = None, *, state: TrialState | None = None
    ) -> None:
        # it may have ended while it was being halted
        if self.candidates.state(number) is TrialState.RUNNING:
            self._study.tell(self._drawing.asked[number], value, state=state)
            self._stored.keep(number)

    def _keep_time(self) -> None:
        self._kept = self.seconds
        self._stored.note(**{SECONDS: round(self._kept, 3)})

    def _ending_in_time(self, budget: Budget, pool: Pool) -> AbstractContextManager[None]:
        """End what runs when the time is up; it is kept, and a longer search would resume it."""

        def end() -> None:
            with self._lock:  # not while one is drawn
                running = [self._drawing.key(trial.number) for trial in self.candidates.open]
            for key in running:
                pool.halt(key)

        return calling_after(None if budget.seconds is None else budget.seconds - self.seconds, end)


def find_search(parent: Path, plan: SearchPlan, say: Say = silent) -> Path | None:
    """Return the newest search under `parent` of the same, finished or not."""
    return find_alike(parent, ABOUT, plan.identity, plan.default.dataset, say)
