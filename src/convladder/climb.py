"""A climb: every rung of a ladder with several seeds, over worker processes; what is finished stays finished."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convladder import files, runs
from convladder.config import Experiment, difference
from convladder.data.dataset import Dataset
from convladder.errors import ConvladderError, RunError
from convladder.ladder import Ladder
from convladder.processes import Event, Failed, Finished, Message, Started, Task, call, run_tasks
from convladder.trial import Trial, measure_costs, run_trial

RENEW_AFTER = 12  # trials: Keras's memory grows a little with each fit


@dataclass(frozen=True)
class Plan:
    """What a climb comes to: its trials in the ladder's order, those still missing, and their weights.

    `weights` says how the work of the trials compares: FLOPs of an epoch times epochs.
    """

    ladder: Ladder
    folder: Path
    trials: tuple[Trial, ...]
    missing: tuple[Trial, ...]
    weights: dict[tuple[str, int], float]


OnEvent = Callable[[Event], None]


def make_plan(
    ladder: Ladder, base: Experiment, dataset: Dataset, seeds: Sequence[int], folder: Path, changes: dict[str, Any]
) -> Plan:
    """Resolve every trial, and see which are finished in `folder` already.

    Raises
    ------
    LadderError, ExperimentError
        A rung cannot be with these changes, or the images are too small for it.
    RunError
        The folder holds another climb, or cannot be written.
    """
    ladder.check(base, changes)
    trials = tuple(
        Trial(rung.name, _experiment(ladder, rung.name, base, dataset, changes, seed), _trial_folder(folder, rung.name, seed))
        for rung in ladder.rungs
        for seed in seeds
    )
    for trial in trials:
        if runs.is_finished(trial.folder):
            check_same(runs.Run(trial.folder), trial, dataset)
    missing = tuple(trial for trial in trials if not runs.is_finished(trial.folder))
    return Plan(ladder, folder, trials, missing, _weigh(missing, dataset))


def run_plan(plan: Plan, dataset: Dataset, *, jobs: int, on_event: OnEvent) -> None:
    """Train the missing trials, the costliest first, in single-threaded workers.

    A trial that fails leaves `error.txt` in its folder's place, and the others go on.
    """
    runs.check_writable(plan.folder)
    write_description(plan, dataset)
    order = sorted(plan.missing, key=lambda trial: -plan.weights[trial.rung, trial.seed])
    for _ in _train(order, dataset, jobs, 1, on_event):
        pass


def train_one(trial: Trial, dataset: Dataset, *, threads: int, on_event: OnEvent) -> runs.Run:
    """Run one trial in a worker process with many threads.

    Raises
    ------
    RunError, TrainingError
        The folder holds another run, or the trial failed.
    """
    if runs.is_finished(trial.folder):
        run = runs.Run(trial.folder)
        check_same(run, trial, dataset)
        return run
    runs.check_writable(trial.folder.parent)
    for failed in _train([trial], dataset, 1, threads, on_event):
        raise ConvladderError(failed.error) if failed.expected else RuntimeError(failed.details)
    return runs.Run(trial.folder)


def check_same(run: runs.Run, trial: Trial, dataset: Dataset) -> None:
    """Raise RunError where a finished run is not of this trial, naming what differs."""
    differing = {
        key: pair for key, pair in difference(run.experiment, trial.experiment).items() if key != "data.source"
    }
    if run.about["data"]["fingerprint"] != dataset.bank.fingerprint:
        raise RunError(f"{run.folder} was trained on other data ({run.about['data']['source']}): choose another --out")
    if differing:
        changes = "; ".join(f"{key} was {old} and is now {new}" for key, (old, new) in differing.items())
        raise RunError(f"{run.folder} is another experiment ({changes}): choose another --out")


def find_unfinished(parent: Path, ladder: Ladder, dataset: Dataset, changes: dict[str, Any]) -> Path | None:
    """Return the newest climb under `parent` of the same ladder, data and changes that is not finished."""
    for path in sorted(parent.glob("*/climb.json"), reverse=True):
        description = files.read_json(path)
        same = description["identity"] == _identity(ladder, dataset, changes)
        if same and not (path.parent / "results.csv").exists():
            return path.parent
    return None


def write_description(plan: Plan, dataset: Dataset) -> None:
    """Write `ladder.json` and `climb.json`; the results of an earlier end are no longer the end."""
    (plan.folder / "results.csv").unlink(missing_ok=True)
    files.write_json(plan.folder / "ladder.json", plan.ladder.to_json())
    trials = [{"rung": trial.rung, "seed": trial.seed} for trial in plan.trials]
    data, environment = dataset.provenance(), runs.environment()
    files.write_json(plan.folder / "climb.json", {"trials": trials, "data": data, "environment": environment})


def _identity(ladder: Ladder, dataset: Dataset, changes: dict[str, Any]) -> dict[str, Any]:
    return {}


def _experiment(
    ladder: Ladder, rung: str, base: Experiment, dataset: Dataset, changes: dict[str, Any], seed: int
) -> Experiment:
    return ladder.experiment(rung, base, changes).replace({**dataset.settled(), "seed": seed})


def _trial_folder(folder: Path, rung: str, seed: int) -> Path:
    return folder / "trials" / rung / f"seed-{seed}"
