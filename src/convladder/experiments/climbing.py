"""A climb: the rungs of a ladder with several seeds, over workers; what is finished stays."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from convladder.core import files, signals
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
from convladder.experiments import climb_folder
from convladder.experiments.climb_plan import Plan, weigh
from convladder.experiments.corrupted_images import CorruptedImages, worth_keeping
from convladder.experiments.engines import Engine
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial, run_trial
from convladder.results import folders, locks, outputs, provenance
from convladder.results.folders import TrialKey

UNSHARED = (
    "the degraded images cannot be kept for all trials: each trial makes its own, which takes "
    "longer"
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

    A trial that fails leaves its error beside the other runs, and the others go on. `on_weights` is
    told once how much work each missing trial is, `on_event` whatever happens to one.

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
        missing = climb_folder.missing_trials(plan, folder, how)
        earlier = climb_folder.earlier_trials(plan, folder)
        plan = replace(plan, margin=climb_folder.settle_margin(plan, folder))
        climb_folder.remove_leftovers(folder)
        weights = weigh(missing)
        on_weights(weights)
        for trial in missing:
            how.clear(folders.trial_folder(folder, trial.key))
        climb_folder.describe(plan, folder, earlier, engine, trains=bool(missing))
        order = sorted(missing, key=lambda trial: -weights[trial.key])
        failed, tell = [], _told_once(on_event)
        with _shared_folder(folder) if engine.shares_disk else contextlib.nullcontext() as shared:
            pool = engine.pool(_tasks(order, folder, shared))
            with signals.answered_gently(pool.stop):
                for event in pool.events():
                    failed += _take(event, folder, tell)
        return failed


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
    tasks = _sharing(trials, shared) if shared else []
    for trial in trials:
        place = folders.trial_folder(folder, trial.key)
        tasks.append(Task(trial.key, run_trial, (replace(trial, shared=shared), place, command)))
    return tasks


def _sharing(trials: Sequence[Trial], shared: Path) -> list[Task]:
    of_images = {(trial.dataset.bank.folder, trial.key.fold): trial.dataset for trial in trials}
    sets = worth_keeping(
        (CorruptedImages.of(dataset, shared) for dataset in of_images.values()), shared
    )
    return [Task(None, each.keep, (name,)) for each in sets for name in corruptions.NAMES]


def _take(event: Event, folder: Path, on_event: OnEvent) -> list[Failed]:
    """Take what happened: keep the error of a trial that failed, and return it."""
    match event:
        case Stopping() | Notice():  # of no trial
            on_event(event)
        case Started() | Message() | Finished() | Failed() | Halted() | Overdue():
            if event.key is not None:
                on_event(event)
                return climb_folder.note_failure(event, folder)
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
