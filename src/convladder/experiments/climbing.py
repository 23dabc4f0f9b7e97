"""A climb: the rungs of a ladder with several seeds, over workers; what is finished stays."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from convladder.core import files, signals
from convladder.core.errors import RunError
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    OnEvent,
    Overdue,
    Started,
    Stopping,
    Task,
)
from convladder.evaluation import corruptions
from convladder.evaluation.statistics import LEAST_SEEDS
from convladder.experiments import climb_folder, looking
from convladder.experiments.climb_folder import Spent
from convladder.experiments.climb_plan import Plan, weigh
from convladder.experiments.corrupted_images import CorruptedImages, worth_keeping
from convladder.experiments.engines import Engine
from convladder.experiments.pretrained.corrupted_features import CorruptedFeatures
from convladder.experiments.pretrained.feature_bank import FeatureBank
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.rounds import Rounds
from convladder.experiments.time_limit import TimeLimit
from convladder.experiments.trial import Trial, run_trial
from convladder.results import folders, locks, outputs, planned_looks, provenance, questions
from convladder.results.folders import TrialKey

UNSHARED = "what all trials share cannot be kept: each trial makes its own, which takes longer"

NO_LOOK_LEFT = (
    "all looks of this climb are over: more time adds none, and --seeds N adds seeds to every rung"
)

OnWeights = Callable[[dict[TrialKey, float]], None]


def climb(
    plan: Plan,
    folder: Path,
    *,
    engine: Engine,
    how: ResumePolicy,
    on_weights: OnWeights,
    on_event: OnEvent,
) -> list[Failed]:
    """Train the missing trials, the costliest first, in single-threaded workers; return failures.

    They come in rounds, one for each look at the results. A trial that fails leaves its error
    beside the other runs, and the others go on. `on_weights` is told for each round how much work
    each of its trials is, `on_event` whatever happens to one.

    Raises
    ------
    RunError
        The folder holds another climb or cannot be written, or another process is at work in it.
    ExperimentError
        The images are too small for a rung's network.
    ClusterError
        The engine is a cluster, and has lost all of its nodes.
    """
    outputs.check(folder, "climb")
    with locks.locked(folder):
        return _Climbing(plan, folder, engine, how).run(on_weights, _told_once(on_event))


class _Climbing:
    """A climb at work in its folder, which is locked."""

    def __init__(self, plan: Plan, folder: Path, engine: Engine, how: ResumePolicy) -> None:
        self._folder, self._engine, self._how = folder, engine, how
        self._failed: list[Failed] = []
        before = climb_folder.spent(plan, folder)
        self._limit = TimeLimit(plan.seconds, before.seconds)
        self._looks = climb_folder.settle_looks(plan, folder, has_time=not self._limit.is_up)
        self._plan = replace(plan, margin=climb_folder.settle_margin(plan, folder))
        self._missing = self._find_missing()
        self._time_is_up = before.time_is_up and not self._missing
        self._fits_time = before.fits_time
        self._earlier = climb_folder.earlier_trials(plan, folder)
        self._trains = bool(self._missing)

    def run(self, on_weights: OnWeights, on_event: OnEvent) -> list[Failed]:
        """Train round after round; return the failures."""
        weigh(self._missing)  # raises where images do not suit a network
        climb_folder.remove_leftovers(self._folder)
        self._describe()
        if not self._missing:
            self._look_on(on_event)
        if self._missing and not self._limit.is_up:
            self._train(on_weights, on_event)
        elif self._limit.is_set and planned_looks.undecided(self._looks) is None:
            on_event(Notice(NO_LOOK_LEFT, warns=False))
        if self._limit.is_up and not self._time_is_up:
            self._end_in_time()
        self._describe()
        return self._failed

    def _train(self, on_weights: OnWeights, on_event: OnEvent) -> None:
        shares = self._engine.shares_disk
        with _shared_folder(self._folder) if shares else contextlib.nullcontext() as shared:
            rounds = Rounds(most=len(self._plan.trials))
            pool = self._engine.pool(rounds)
            rounds.begin(self._tasks(shared, on_weights))
            try:
                with signals.answered_gently(pool.stop), self._limit.ending(pool.stop):
                    for event in pool.events():
                        self._take(event, on_event)
                        if rounds.has_ended(event):
                            self._look_on(on_event)
                            rounds.begin(self._tasks(shared, on_weights))
            finally:
                with contextlib.suppress(OSError):  # a full disk must not hide what has ended it
                    self._describe()

    def _take(self, event: Event, on_event: OnEvent) -> None:
        if isinstance(event, Stopping) and self._limit.has_stopped:
            event = Notice("The time is up: saving what is being trained …", warns=False)
        self._failed += _take(event, self._folder, on_event)
        is_trial = isinstance(event, Finished) and event.key is not None
        if is_trial and self._limit.is_set:
            self._describe()  # what a kill would make forgotten: the time that was taken

    def _end_in_time(self) -> None:
        """Let the last look be at what there is, since the time is up. Raises RunError if too few.

        A rung whose trials fail does not keep the others from being compared.
        """
        cut = planned_looks.cut_short(self._looks, self._has_ended)
        if len(cut[0].seeds) < LEAST_SEEDS:
            raise RunError(
                f"the time was up before every rung had {LEAST_SEEDS} seeds: give the same command "
                "a longer --time to resume"
            )
        self._looks, self._time_is_up, self._fits_time = cut, True, False

    def _has_ended(self, rung: str, seed: int) -> bool:
        keys = [trial.key for trial in self._plan.trials if trial.key[:2] == (rung, seed)]
        return all(
            key in self._failed_keys or folders.is_finished(folders.trial_folder(self._folder, key))
            for key in keys
        )

    @property
    def _failed_keys(self) -> set[TrialKey]:
        return {each.key for each in self._failed}

    def _find_missing(self) -> list[Trial]:
        """Return the trials of the looks so far that are neither finished nor failed just now."""
        trials = [trial for trial in self._wanted() if trial.key not in self._failed_keys]
        return climb_folder.missing_trials(trials, self._folder, self._how)

    def _look_on(self, on_event: OnEvent) -> None:
        """Look at the results until there are trials to train, or no look is left."""
        while self._look(on_event) and not self._missing:
            pass

    def _look(self, on_event: OnEvent) -> bool:
        """Look at the results once; return whether another look may follow."""
        self._missing = []
        place = planned_looks.undecided(self._looks)
        if place is None or self._limit.is_up:
            return False
        fits_time, self._fits_time = self._fits_time, False  # a look is held now
        new = {*self._looks[place].seeds} - {*self._looks[place - 1].seeds}
        if not new & {*self._plan.seeds}:  # this command is for fewer
            return False
        if fits_time and self._limit.is_set and place == 1:
            self._fit_time(on_event)
        if place == len(self._looks):
            return False
        self._looks, said = looking.decide(
            self._plan.ladder, self._folder, self._looks, self._known(), self._plan.margin
        )
        on_event(Notice(said, warns=False))
        self._missing = self._find_missing()
        self._trains |= bool(self._missing)
        self._time_is_up &= not self._missing
        self._describe()
        return True

    def _fit_time(self, on_event: OnEvent) -> None:
        """Plan as many looks as there is time for, before the first is held."""
        planned = [len(look.seeds) for look in self._looks]
        counts = self._limit.within(planned)
        family = len(questions.family(self._plan.ladder))
        self._looks = planned_looks.replan(self._looks, counts, family)
        self._describe()
        if len(counts) == 1:
            said = f"After {planned[0]} seeds: there is no time for a look at {planned[1]}."
            on_event(Notice(said, warns=False))

    def _known(self) -> list[TrialKey]:
        """Return the trials of the looks so far, of all commands, and whatever else is finished.

        A look is complete when all of its trials are, whichever command asked for them.
        """
        folds = dict.fromkeys(trial.key.fold for trial in self._plan.trials)
        decided = [
            TrialKey(rung, seed, fold)
            for rung, seeds in planned_looks.seeds_by_rung(self._looks).items()
            if rung in self._plan.rungs
            for seed in seeds
            for fold in folds
        ]
        finished = [
            trial.key
            for trial in self._plan.trials
            if folders.is_finished(folders.trial_folder(self._folder, trial.key))
        ]
        return list(dict.fromkeys([*decided, *finished, *self._earlier]))

    def _wanted(self) -> list[Trial]:
        """Return the trials of the looks so far, finished or not."""
        seeds = planned_looks.seeds_by_rung(self._looks)
        return [trial for trial in self._plan.trials if trial.key.seed in seeds[trial.rung]]

    def _describe(self) -> None:
        taken = Spent(round(self._limit.spent, 1), self._time_is_up, self._fits_time)
        climb_folder.describe(
            self._plan,
            self._folder,
            self._known(),
            self._looks,
            self._engine,
            trains=self._trains,
            taken=taken,
        )

    def _tasks(self, shared: Path | None, on_weights: OnWeights) -> list[Task]:
        """Return what is to be done in a round, the costliest trials first.

        Where the time may be up at any moment, seeds are done one after another: what all rungs
        have can be compared.
        """
        weights = weigh(self._missing)
        if self._limit.is_up or not weights:
            return []
        on_weights(weights)
        for trial in self._missing:
            self._how.clear(folders.trial_folder(self._folder, trial.key))
        one_by_one = self._limit.is_set
        order = sorted(
            self._missing,
            key=lambda trial: (one_by_one and trial.key.seed, -weights[trial.key]),
        )
        return _tasks(order, self._folder, shared)


@contextlib.contextmanager
def _shared_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder for what trials share; after a kill the next climb removes it."""
    shared = folder / f"{files.MARK}shared.tmp"
    shared.mkdir()
    try:
        yield shared
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _tasks(trials: Sequence[Trial], folder: Path, shared: Path | None) -> list[Task]:
    """Return what makes the corrupted images that trials on one disk share, and then the trials."""
    command = provenance.command()
    tasks = [*_features(trials), *_sharing(trials, shared)] if shared else []
    for trial in trials:
        place = folders.trial_folder(folder, trial.key)
        tasks.append(Task(trial.key, run_trial, (replace(trial, shared=shared), place, command)))
    return tasks


def _features(trials: Sequence[Trial]) -> list[Task]:
    """Return what computes the features of frozen backbones, each for all trials that use it."""
    found = (FeatureBank.of(trial.experiment, trial.dataset) for trial in trials)
    banks = {bank.folder: bank for bank in found if bank is not None}
    return [Task(None, bank.make, (part,)) for bank in banks.values() for part in bank.missing]


def _sharing(trials: Sequence[Trial], shared: Path) -> list[Task]:
    of_images = {(trial.dataset.bank.folder, trial.key.fold): trial.dataset for trial in trials}
    sets = [CorruptedImages.of(dataset, shared) for dataset in of_images.values()]
    new = [each for each in sets if each.kept and not each.kept.exists()]  # in this climb's rounds
    images = [
        Task(None, each.keep, (name,))
        for each in worth_keeping(new, shared)
        for name in corruptions.NAMES
    ]
    return [*images, *_features_of_degraded(trials, shared)]


def _features_of_degraded(trials: Sequence[Trial], shared: Path) -> list[Task]:
    found = (
        CorruptedFeatures.of(trial.experiment, CorruptedImages.of(trial.dataset, shared))
        for trial in trials
    )
    sets = {each.place: each for each in found if each is not None}
    return [Task(None, each.make, (name,)) for each in sets.values() for name in each.missing]


def _take(event: Event, folder: Path, on_event: OnEvent) -> list[Failed]:
    """Take what happened: keep the error of a trial that failed, and return it."""
    match event:
        case Stopping() | Notice():  # of no trial
            on_event(event)
        case Started() | Message() | Finished() | Failed() | Halted() | Overdue():
            if event.key is not None:
                on_event(event)
                return climb_folder.note_failure(event, folder)
            if isinstance(event, Message):
                on_event(Notice(str(event.value), warns=False))
            if isinstance(event, Failed):  # each trial makes its own, and fails where it cannot
                on_event(Notice(UNSHARED))
        case _:
            assert_never(event)
    return []


def _told_once(on_event: OnEvent) -> OnEvent:
    """Return what passes events on, but each notice once."""
    told: set[str] = set()

    def tell(event: Event) -> None:
        if isinstance(event, Notice):
            if event.text in told:
                return
            told.add(event.text)
        on_event(event)

    return tell
