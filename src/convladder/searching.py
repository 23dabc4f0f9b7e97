"""A search: candidates over worker processes, steered by validation alone; the test images stay closed.

Optuna draws the settings of each candidate from a space and says, epoch by epoch, which to go on with.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import TrialState

from convladder import files, folders, journal, provenance, signals
from convladder.candidate import run_candidate
from convladder.climbing import RENEW_AFTER
from convladder.engines import Engine
from convladder.errors import ExperimentError, RunError, SearchError
from convladder.folders import TrialKey
from convladder.models import sizes
from convladder.processes import Event, Failed, Finished, Halted, Message, Pool, Task
from convladder.resuming import HowToGoOn
from convladder.study import ERROR, EXHAUSTED, SECONDS, SETTINGS, SKIPPED, Candidates, SearchPlan
from convladder.trial import Trial

ABOUT, JOURNAL, TABLE, IMPORTANCES = "tune.json", "journal.log", "candidates.csv", "importances.json"
MOST_SKIPPED = 100  # draws in a row that give no new candidate, before a search gives up

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Budget:
    """How many candidates are tried, and for how many seconds in all; None: no bound."""

    trials: int | None
    seconds: float | None


class Search:
    """A search in its folder, which the caller has locked. What is there already is gone on with."""

    def __init__(self, plan: SearchPlan, folder: Path, how: HowToGoOn) -> None:
        self._plan, self._folder, self._how = plan, folder, how
        self._default = plan.default.experiment
        self._study = journal.open_study(folder / JOURNAL, self._default.train.epochs)
        self.candidates = Candidates(plan, self._study)
        self._asked: dict[int, optuna.Trial] = {}
        self._lock = threading.Lock()  # tasks are asked for in other threads than events are taken in
        self._before = float(self._study.user_attrs.get(SECONDS, 0.0))
        self._started: float | None = None
        files.remove_leftovers(folder)
        if not self._study.get_trials(deepcopy=False):
            self._let_the_default_be_first()
        for trial in self.candidates.tried:
            if trial.state is not TrialState.RUNNING:
                self._put_away(trial.number)  # which a kill may have come before

    def has_room(self, budget: Budget) -> bool:
        """Whether candidates can still be tried."""
        wants = bool(self.candidates.open) or self._lacks(budget)
        return wants and self._is_in_time(budget) and not self._study.user_attrs.get(EXHAUSTED)

    def expected(self, budget: Budget) -> dict[TrialKey, float]:
        """Return the candidates that are still to be tried, each as much work; none where the number is open."""
        over = len(self.candidates.tried) - len(self.candidates.open)
        known = len(self.candidates.drawn)
        wanted = range(known, known + budget.trials - over) if budget.trials else ()
        return {self.key(number): 1.0 for number in wanted}

    @property
    def seconds(self) -> float:
        """How long has been searched, in all sessions."""
        return self._before + (time.monotonic() - self._started if self._started is not None else 0.0)

    def run(self, budget: Budget, *, engine: Engine, on_event: OnEvent) -> None:
        """Try candidates until the budget is spent.

        Raises SearchError where the space holds none that can be trained.
        """
        self._started = time.monotonic()
        pool = engine.pool(self._tasks(budget), renew_after=RENEW_AFTER)
        with signals.answered_gently(pool.stop), self._ending_in_time(budget, pool):
            for event in pool.events():
                self._take(event, pool)
                on_event(event)
        self._keep_time()

    def write_tables(self) -> None:
        """Write what reports are made of, without Optuna: `candidates.csv` and `importances.json`."""
        table = pd.DataFrame(self.candidates.table())
        files.write_text(self._folder / TABLE, table.to_csv(index=False, lineterminator="\n"))
        found = {
            key: {"share": share, "chance": chance}
            for key, (share, chance) in journal.importances(self._study).items()
        }
        files.write_json(self._folder / IMPORTANCES, found)

    def key(self, number: int) -> TrialKey:
        """Return the key under which the events of a candidate come."""
        return TrialKey(f"candidate {number}", self._default.seed)

    def place(self, number: int) -> Path:
        """Return where a candidate's history is."""
        return self._folder / "candidates" / f"{number:04}"

    @cached_property
    def _command(self) -> str:
        return provenance.command()

    def _let_the_default_be_first(self) -> None:
        """Let the default be the first candidate, where it lies in the space."""
        place = self._plan.space.locate(self._default)
        if place is not None:
            self._study.enqueue_trial(place)

    def _lacks(self, budget: Budget) -> bool:
        return budget.trials is None or len(self.candidates.tried) < budget.trials

    def _is_in_time(self, budget: Budget) -> bool:
        return budget.seconds is None or self.seconds < budget.seconds

    def _tasks(self, budget: Budget) -> Iterator[Task]:
        """Yield candidates as workers become free: first those that an earlier session was at."""
        for trial in self.candidates.open:
            task = self._resume(trial.number, trial._trial_id)
            if task is not None:
                yield task
        skipped = 0
        while self._lacks(budget) and self._is_in_time(budget) and skipped < MOST_SKIPPED:
            task = self._ask()
            skipped = 0 if task else skipped + 1
            if task is not None:
                yield task
        if skipped == MOST_SKIPPED:
            self._study.set_user_attr(EXHAUSTED, True)
            if not self.candidates.tried:
                reason = self.candidates.drawn[-1].user_attrs[SKIPPED]
                raise SearchError(f"{self._plan.space.where}: of {MOST_SKIPPED} candidates none can be: {reason}")

    def _ask(self) -> Task | None:
        with self._lock:
            self._study.sampler = journal.sampler(self._default.seed, len(self.candidates.drawn))
            return self._draw(self._study.ask())

    def _resume(self, number: int, trial_id: int) -> Task | None:
        """Return the task of a candidate that was running, or being drawn, when the search was stopped."""
        with self._lock:
            self._study.sampler = journal.sampler(self._default.seed, number)
            task = self._draw(optuna.Trial(self._study, trial_id))
            if task is not None and self._falls_behind(number):
                self._put_away(number)
                return None
            return task

    def _draw(self, asked: optuna.Trial) -> Task | None:
        """Return the task of a candidate; None where there cannot be such a one, or has been."""
        settings = self._plan.space.draw(asked, self._default)
        if self.candidates.has_been(settings, before=asked.number):
            self._skip(asked, "it has been tried already", TrialState.FAIL)
            return None
        try:
            experiment = self._default.replace(settings)
            sizes.check_size(experiment.model, *self._plan.default.dataset.bank.form.shape[:2])
        except ExperimentError as error:
            self._skip(asked, str(error), TrialState.PRUNED)  # from which the sampler learns, unlike from FAIL
            return None
        asked.set_user_attr(SETTINGS, settings)
        self._asked[asked.number] = asked
        place = self.place(asked.number)
        trial = replace(self._plan.default, rung=place.name, experiment=experiment)
        self._clear_if_begun_otherwise(trial, place)
        return Task(self.key(asked.number), run_candidate, (trial, place, self._command))

    def _skip(self, asked: optuna.Trial, reason: str, state: TrialState) -> None:
        asked.set_user_attr(SKIPPED, reason)
        self._study.tell(asked, state=state)

    def _clear_if_begun_otherwise(self, trial: Trial, place: Path) -> None:
        """Begin a candidate anew that was begun by other versions: it only steers, and no figure rests on it."""
        try:
            self._how.prepare(trial, place)
        except RunError:
            replace(self._how, fresh=True).clear(place)

    def _take(self, event: Event, pool: Pool) -> None:
        """Take what happened to a candidate into the journal."""
        if not isinstance(event, Message | Finished | Failed | Halted):
            return
        number = int(event.key.rung.rpartition(" ")[2])
        with self._lock:
            if isinstance(event, Message):
                if isinstance(event.value, dict) and self._report(number, event.value):
                    pool.halt(event.key)
                return
            if isinstance(event, Finished):
                self._tell(number, event.value)
            if isinstance(event, Failed):
                self._asked[number].set_user_attr(ERROR, event.error)
                self._tell(number, state=TrialState.PRUNED if event.expected else TrialState.FAIL)
            if self.candidates.state(number) is not TrialState.RUNNING:
                self._put_away(number)
            self._keep_time()

    def _report(self, number: int, row: Mapping[str, Any]) -> bool:
        """Report an epoch, and return whether the candidate is to be ended before its time."""
        if self.candidates.state(number) is not TrialState.RUNNING:
            return False
        asked, epoch = self._asked[number], int(row["epoch"])
        if epoch not in self._study.get_trials(deepcopy=False)[number].intermediate_values:
            asked.report(row["kept_accuracy"], epoch)
        return self._falls_behind(number)

    def _falls_behind(self, number: int) -> bool:
        """Whether a candidate is behind others that came as far; it is over then."""
        reported = self._study.get_trials(deepcopy=False)[number].intermediate_values
        if max(reported, default=0) >= self._default.train.epochs or not self._asked[number].should_prune():
            return False
        self._tell(number, state=TrialState.PRUNED)
        return True

    def _tell(self, number: int, value: float | None = None, *, state: TrialState | None = None) -> None:
        if self.candidates.state(number) is TrialState.RUNNING:  # it may have ended while it was being halted
            self._study.tell(self._asked[number], value, state=state)

    def _put_away(self, number: int) -> None:
        """Keep the history of a candidate that is over, and nothing else."""
        place = self.place(number)
        unfinished = folders.unfinished(place)
        for name in ("history.csv", folders.ABOUT):
            if (unfinished / name).exists() and not (place / name).exists():
                files.write_bytes(place / name, (unfinished / name).read_bytes())
        shutil.rmtree(unfinished, ignore_errors=True)

    def _keep_time(self) -> None:
        self._study.set_user_attr(SECONDS, round(self.seconds, 3))

    @contextlib.contextmanager
    def _ending_in_time(self, budget: Budget, pool: Pool) -> Iterator[None]:
        """End what runs when the time is up; it is kept, and a longer search would go on with it."""
        if budget.seconds is None:
            yield
            return

        def end() -> None:
            for trial in self.candidates.open:
                pool.halt(self.key(trial.number))

        timer = threading.Timer(max(0.0, budget.seconds - self.seconds), end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def find_search(parent: Path, plan: SearchPlan) -> Path | None:
    """Return the newest search under `parent` of the same, finished or not."""
    for path in sorted(parent.glob(f"*/{ABOUT}"), reverse=True):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it is damaged
            if files.read_json(path).get("identity") == plan.identity:
                return path.parent
    return None
