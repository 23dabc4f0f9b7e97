"""One trial by itself, in a worker with several threads: here, or with other processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from convladder.core import files, signals
from convladder.core.container_limits import cores
from convladder.core.devices import Parallel
from convladder.core.errors import RunError, TrainingError
from convladder.core.tasks import Failed, Finished, OnEvent, Stopping, Task
from convladder.core.worker_pool import Pool
from convladder.experiments import resume
from convladder.experiments.climb_plan import check_images
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial, assist_trial, run_trial
from convladder.results import folders, locks, outputs, provenance, saved_run

ANOTHER_STOPPED = (
    "another process was stopped: run the same commands to resume from the newest checkpoint"
)


def train_one(
    trial: Trial, folder: Path, *, threads: int | None, how: ResumePolicy, on_event: OnEvent
) -> saved_run.SavedRun:
    """Run one trial in a worker process with several threads, unless it is finished already.

    Raises
    ------
    RunError
        The folder holds something else, or another process is at work in it.
    ExperimentError
        The images are too small for the network, or have colours that it does not take.
    ConvladderError
        The trial failed: what it raised, or TrainingError where its process died.
    """
    outputs.check_run(folder)
    unfinished = folders.unfinished(folder)
    try:
        with locks.locked(unfinished):
            if folders.is_finished(folder):
                if how.fresh:
                    raise RunError(
                        f"{folder} is finished: to start over, remove it or choose another --out"
                    )
                resume.take_finished(saved_run.SavedRun(folder), trial)
                return saved_run.SavedRun(folder)
            files.remove_leftovers(unfinished)
            files.remove_leftovers_of(folder)
            check_images(trial)
            ready = how.prepare(trial, folder, threads)
            how.clear(folder)
            threads = threads or resume.threads_of(unfinished) or cores()
            task = Task(trial.key, run_trial, (ready, folder, provenance.command()))
            _run_one(task, trial.parallel, threads, on_event)
            if trial.parallel.processes > 1 and not folders.is_finished(folder):
                raise TrainingError(ANOTHER_STOPPED)
    finally:
        resume.forget_if_empty(unfinished)
    return saved_run.SavedRun(folder)


def join(trial: Trial, *, threads: int | None, on_event: OnEvent) -> None:
    """Compute in a worker process for a trial that process 0 of several runs.

    Raises ConvladderError.
    """
    task = Task(trial.key, assist_trial, (trial,))
    if not _run_one(task, trial.parallel, threads or cores(), on_event):
        raise TrainingError(ANOTHER_STOPPED)


def _run_one(task: Task, parallel: Parallel, threads: int, on_event: OnEvent) -> bool:
    """Run a task in a worker of its own, and return whether it was finished."""
    pool = Pool([task], jobs=1, threads=threads)
    stopping = finished = False
    with signals.answered_gently(pool.stop):
        for event in pool.events():
            stopping, finished = (
                stopping or isinstance(event, Stopping),
                finished or isinstance(event, Finished),
            )
            if isinstance(event, Failed) and not stopping:
                raise replace(event, error=parallel.explain(event.error)).as_exception(
                    TrainingError
                )
            on_event(event)
    return finished
