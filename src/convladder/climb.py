"""A climb: every rung of a ladder with several seeds, over worker processes; what is finished stays so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convladder import files, runs
from convladder.config import difference
from convladder.data.dataset import Dataset
from convladder.errors import RunError, TrainingError
from convladder.ladder import Ladder
from convladder.processes import Event, Failed, Finished, Task, call, run_tasks
from convladder.trial import Trial, count_flops, run_trial

RENEW_AFTER = 12  # trials: Keras's memory grows a little with each fit

TrialKey = tuple[str, int]
OnEvent = Callable[[Event], None]
OnWeights = Callable[[dict[TrialKey, float]], None]


@dataclass(frozen=True)
class Plan:
    """What a climb comes to: its trials, in the ladder's order, and a hash of all that they depend on."""

    ladder: Ladder
    trials: tuple[Trial, ...]
    identity: str

    def moved(self, folder: Path) -> Plan:
        """Return the plan with its runs in another folder."""
        trials = (
            replace(trial, folder=runs.trial_folder(folder, trial.rung, trial.seed)) for trial in self.trials
        )
        return replace(self, trials=tuple(trials))


def make_plan(
    ladder: Ladder, dataset: Dataset, seeds: Sequence[int], folder: Path, changes: Mapping[str, Any]
) -> Plan:
    """Resolve the experiment of every rung and seed; `changes` apply to the start of the ladder.

    Raises LadderError where a rung cannot be, or changes nothing, with these changes.
    """
    ladder.check(changes)
    trials = []
    for rung in ladder.rungs:
        experiment = ladder.experiment(rung.name, changes).replace(dataset.settled())
        trials += [
            Trial(rung.name, experiment.replace({"seed": seed}), runs.trial_folder(folder, rung.name, seed))
            for seed in seeds
        ]
    return Plan(ladder, tuple(trials), _identity(trials, dataset))


def climb(
    plan: Plan, dataset: Dataset, folder: Path, *, jobs: int, on_weights: OnWeights, on_event: OnEvent
) -> list[Failed]:
    """Train the missing trials, the costliest first, in single-threaded workers; return those that failed.

    A trial that fails leaves its error beside the other runs, and the others go on. `on_weights` is told
    once how much work each missing trial is, `on_event` whatever happens to one.

    Raises
    ------
    RunError
        The folder holds another climb, or cannot be written.
    ExperimentError
        The images are too small for a rung's network.
    """
    missing = missing_trials(plan, dataset)
    runs.check_writable(folder)
    files.remove_leftovers(folder)
    weights = _weigh(missing, dataset)
    on_weights(weights)
    files.write_json(folder / "ladder.json", plan.ladder.to_json())
    description = {
        "identity": plan.identity,
        "trials": [[trial.rung, trial.seed] for trial in plan.trials],
        "data": dataset.provenance(),
        "environment": runs.environment() | {"jobs": jobs},
    }
    files.write_json(folder / "climb.json", description)
    order = sorted(missing, key=lambda trial: -weights[trial.rung, trial.seed])
    failed = []
    for event in _train(order, dataset, jobs=jobs, threads=1):
        on_event(event)
        error = runs.error_file(runs.trial_folder(folder, *event.key))
        if isinstance(event, Finished):
            error.unlink(missing_ok=True)
        if isinstance(event, Failed):
            files.write_text(error, event.error + "\n" if event.expected else event.details)
            failed.append(event)
    return failed


def train_one(trial: Trial, dataset: Dataset, *, threads: int, on_event: OnEvent) -> runs.Run:
    """Run one trial in a worker process with several threads, unless it is finished already.

    Raises
    ------
    RunError, TrainingError
        The folder holds another run, or the trial failed.
    """
    runs.check_writable(trial.folder.parent)
    if runs.is_finished(trial.folder):
        check_same(runs.Run(trial.folder), trial, dataset)
    else:
        for event in _train([trial], dataset, jobs=1, threads=threads):
            if isinstance(event, Failed):
                raise TrainingError(event.error) if event.expected else RuntimeError(event.details)
            on_event(event)
    return runs.Run(trial.folder)


def missing_trials(plan: Plan, dataset: Dataset) -> list[Trial]:
    """Return the trials that are not finished yet.

    Raises RunError where a finished one is of another experiment or other data.
    """
    missing = []
    for trial in plan.trials:
        if runs.is_finished(trial.folder):
            check_same(runs.Run(trial.folder), trial, dataset)
        else:
            missing.append(trial)
    return missing


def check_same(run: runs.Run, trial: Trial, dataset: Dataset) -> None:
    """Raise RunError where a finished run is not of this trial, naming what differs."""
    if run.about["data"]["fingerprint"] != dataset.bank.fingerprint:
        raise RunError(
            f"{run.folder} was trained on other data ({run.about['data']['source']}): choose another --out"
        )
    differing = difference(run.experiment, trial.experiment)
    differing.pop("data.source", None)  # the fingerprint speaks for the data, wherever they lie
    if differing:
        changes = "; ".join(f"{key} was {old} and is now {new}" for key, (old, new) in differing.items())
        raise RunError(f"{run.folder} is another experiment ({changes}): choose another --out")


def find_unfinished(parent: Path, plan: Plan) -> Path | None:
    """Return the newest climb under `parent` of the same trials on the same data that is not finished."""
    for path in sorted(parent.glob("*/climb.json"), reverse=True):
        description = files.read_json(path)
        if description["identity"] == plan.identity:
            trials = (runs.trial_folder(path.parent, rung, seed) for rung, seed in description["trials"])
            if not all(runs.is_finished(trial) for trial in trials):
                return path.parent
    return None


def _train(trials: Sequence[Trial], dataset: Dataset, *, jobs: int, threads: int) -> Iterator[Event]:
    tasks = [Task((trial.rung, trial.seed), run_trial, (trial, dataset)) for trial in trials]
    return run_tasks(tasks, jobs=jobs, threads=threads, renew_after=RENEW_AFTER)


def _weigh(trials: Sequence[Trial], dataset: Dataset) -> dict[TrialKey, float]:
    """Measure one network a rung, in a worker, so that this process stays without TensorFlow."""
    by_rung = {trial.rung: trial.experiment for trial in trials}
    counts = call(count_flops, list(by_rung.values()), dataset) if by_rung else []
    flops = dict(zip(by_rung, counts, strict=True))
    return {(trial.rung, trial.seed): flops[trial.rung] * trial.experiment.train.epochs for trial in trials}


def _identity(trials: Sequence[Trial], dataset: Dataset) -> str:
    content = [dataset.bank.fingerprint, *(f"{trial.rung} {trial.experiment.to_json()}" for trial in trials)]
    return hashlib.sha256("\n".join(content).encode(errors="surrogateescape")).hexdigest()
