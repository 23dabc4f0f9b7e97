"""A climb: the rungs of a ladder with several seeds, over workers; what is finished stays."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, assert_never

from convladder.core import files, signals
from convladder.core.container_limits import cores
from convladder.core.devices import Parallel
from convladder.core.errors import ExperimentError, LadderError, RunError, TrainingError
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder
from convladder.core.settings.data import Data
from convladder.core.settings.train import Train
from convladder.core.tasks import (
    Died,
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Stopping,
    Task,
)
from convladder.core.worker_pool import Pool
from convladder.data.dataset import SplitDataset
from convladder.evaluation import corruptions
from convladder.experiments import resume
from convladder.experiments.corrupted_images import CorruptedImages, worth_keeping
from convladder.experiments.engines import Engine
from convladder.experiments.pretrained import backbones, leakage
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial, assist_trial, run_trial
from convladder.models import shapes
from convladder.results import folders, locks, migrations, outputs, provenance, saved_run
from convladder.results.folders import TrialKey

UNSHARED = (
    "the degraded images cannot be kept for all trials: each trial makes its own, which takes "
    "longer"
)
RENEW_AFTER = 12  # tasks: Keras's memory grows a little with each fit

OnEvent = Callable[[Event], None]
OnWeights = Callable[[dict[TrialKey, float]], None]
Load = Callable[[Data], SplitDataset]


@dataclass(frozen=True)
class Plan:
    """A climb's trials, in the ladder's order, and a hash of all that they depend on."""

    ladder: Ladder
    trials: tuple[Trial, ...]
    identity: str

    @property
    def dataset(self) -> SplitDataset:
        """The images of the ladder's start."""
        return self.trials[0].dataset


def make_plan(
    ladder: Ladder,
    seeds: Sequence[int],
    changes: Mapping[str, Any],
    load: Load,
    say: Say = silent,
) -> Plan:
    """Resolve the experiment of every rung and seed; `changes` apply to the start of the ladder.

    `load` is called once for each way in which the rungs want their images. `say` is told of what
    is fetched for a backbone, and of what that has seen.

    Raises
    ------
    LadderError
        A rung cannot be, or changes nothing, with these changes; or it would be tested on other
        images.
    DataError
        The images cannot be loaded.
    """
    ladder.check(changes)
    load, say = cache(load), cache(say)  # each thing is said once
    if "data.fold" in changes:
        raise ExperimentError("a climb tests every fold: leave data.fold out")
    trials: list[Trial] = []
    first: list[list[str]] = []
    for rung in ladder.rungs:
        experiment = backbones.with_backbone(ladder.experiment(rung.name, changes), say)
        dataset = load(experiment.data)
        folds = [leakage.check_unseen(experiment.model, each, say) for each in dataset.each_fold()]
        tested = [each.paths(each.splits.test) for each in folds]
        first = first or tested
        if tested != first:
            raise LadderError(
                f"rung {rung.name!r} would be tested on other images than {trials[0].rung!r}, and "
                "could not be compared: a rung must leave source, limit, split_seed, test and "
                "folds as they are"
            )
        for each in folds:
            settled = experiment.replace(each.settled())
            trials += [Trial(rung.name, settled.replace({"seed": seed}), each) for seed in seeds]
    return Plan(ladder, tuple(trials), identity_of(trials))


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
        missing = missing_trials(plan, folder, how)
        earlier = _earlier_trials(plan, folder)
        _remove_leftovers(folder)
        weights = _weigh(missing)
        on_weights(weights)
        for trial in missing:
            how.clear(folders.trial_folder(folder, trial.key))
        _describe(plan, folder, earlier, engine, trains=bool(missing))
        order = sorted(missing, key=lambda trial: -weights[trial.key])
        failed, tell = [], _told_once(on_event)
        with _shared_folder(folder) if engine.shares_disk else contextlib.nullcontext() as shared:
            pool = engine.pool(_tasks(order, folder, shared), renew_after=RENEW_AFTER)
            with signals.answered_gently(pool.stop):
                for event in pool.events():
                    failed += _take(event, folder, tell)
        return failed


def train_one(
    trial: Trial, folder: Path, *, threads: int | None, how: ResumePolicy, on_event: OnEvent
) -> saved_run.SavedRun:
    """Run one trial in a worker process with several threads, unless it is finished already.

    Raises
    ------
    RunError
        The folder holds something else, or another process is at work in it.
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
            ready = how.prepare(trial, folder, threads)
            how.clear(folder)
            threads = threads or resume.threads_of(unfinished) or cores()
            task = Task(trial.key, run_trial, (ready, folder, provenance.command()))
            _run_one(task, trial.parallel, threads, on_event)
            if trial.parallel.processes > 1 and not folders.is_finished(folder):
                raise TrainingError(
                    "another process was stopped: run the same commands to resume from the "
                    "newest checkpoint"
                )
    finally:
        resume.forget_if_empty(unfinished)
    return saved_run.SavedRun(folder)


def join(trial: Trial, *, threads: int | None, on_event: OnEvent) -> None:
    """Compute in a worker process for a trial that process 0 of several runs.

    Raises ConvladderError.
    """
    task = Task(trial.key, assist_trial, (trial,))
    if not _run_one(task, trial.parallel, threads or cores(), on_event):
        raise TrainingError(
            "another process was stopped: run the same commands to resume from the newest "
            "checkpoint"
        )


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


def missing_trials(plan: Plan, folder: Path, how: ResumePolicy) -> list[Trial]:
    """Return the trials that are not finished yet.

    Raises RunError where one is of another experiment or other data, or something else is in its
    place.
    """
    missing = []
    for trial in plan.trials:
        place = folders.trial_folder(folder, trial.key)
        outputs.check_run(place)
        if folders.is_finished(place):
            resume.take_finished(saved_run.SavedRun(place), trial)
        else:
            missing.append(trial)
    return [how.prepare(trial, folders.trial_folder(folder, trial.key)) for trial in missing]


def count_finished(plan: Plan, folder: Path) -> int:
    """Return how many of the trials are finished."""
    return sum(
        folders.is_finished(folders.trial_folder(folder, trial.key)) for trial in plan.trials
    )


def find_climb(parent: Path, plan: Plan, say: Say = silent) -> Path | None:
    """Return the newest climb under `parent` of the same trials, finished or not."""
    return resume.find_alike(parent, "climb.json", plan.identity, plan.dataset, say)


def _earlier_trials(plan: Plan, folder: Path) -> list[TrialKey]:
    """Return the finished trials of an earlier climb in the folder that this plan does not have.

    They stay in the results: with fewer seeds than before, none is dropped from sight. Raises
    RunError where they are of rungs that the plan leaves out.
    """
    if not folders.is_climb(folder):
        return []
    listed = [TrialKey(*key) for key in migrations.read_about(folder / "climb.json")["trials"]]
    finished = [key for key in listed if folders.is_finished(folders.trial_folder(folder, key))]
    alike = {(trial.rung, trial.key.fold): trial for trial in plan.trials}
    left_out = sorted({key.rung for key in finished} - {trial.rung for trial in plan.trials})
    if left_out:
        raise RunError(
            f"{folder} holds rungs that this command leaves out ({', '.join(left_out)}): "
            "name them too, or choose another --out"
        )
    planned = {trial.key for trial in plan.trials}
    earlier = [key for key in finished if key not in planned]
    for key in earlier:
        if (key.rung, key.fold) not in alike:
            raise RunError(
                f"{folder} was made with other --folds than this command: choose another --out"
            )
        own = alike[key.rung, key.fold]
        same = replace(own, experiment=own.experiment.replace({"seed": key.seed}))
        resume.check_finished(saved_run.SavedRun(folders.trial_folder(folder, key)), same)
    return earlier


def _describe(
    plan: Plan, folder: Path, earlier: list[TrialKey], engine: Engine, *, trains: bool
) -> None:
    """Say what the climb is of; a command that trains nothing leaves the environment as it is."""
    place = {rung.name: number for number, rung in enumerate(plan.ladder.rungs)}
    trials = sorted(
        [*(trial.key for trial in plan.trials), *earlier],
        key=lambda key: (place[key.rung], key[1:]),
    )
    files.write_json(folder / "ladder.json", plan.ladder.to_json())
    kept = not trains and folders.is_climb(folder)
    environment = (
        migrations.read_about(folder / "climb.json")["environment"]
        if kept
        else engine.environment()
    )
    description = {
        "format": folders.FORMAT,
        "identity": plan.identity,
        "trials": [list(key) for key in trials],
        "data": plan.dataset.provenance(),
        "environment": environment,
    }
    files.write_json(folder / "climb.json", description)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed climb left half-written where climbs write, and no other folders."""
    trials = folder / "trials"
    files.remove_leftovers(
        folder, folder / "plots", *trials.glob("*"), *trials.glob(f"*/*{folders.UNFINISHED}")
    )


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
                return _take_of_trial(event, folder)
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


def _take_of_trial(event: Event, folder: Path) -> list[Failed]:
    """Keep the error of a trial beside its place, until it is begun again; return it."""
    if not isinstance(event, Started | Failed):
        return []
    place = folders.trial_folder(folder, event.key)
    error = folders.error_file(place)
    if isinstance(event, Failed):
        resume.forget_if_empty(folders.unfinished(place))
        _keep_error(error, event)
        return [event]
    error.unlink(missing_ok=True)
    return []


def _keep_error(path: Path, failed: Failed) -> None:
    """Write the error of a trial: in the last line what it comes to.

    Before that comes where it was, or what its process wrote last.

    Raises RunError where the disk is full, as the next trials would find too.
    """
    plain = failed.expected and not isinstance(failed, Died)
    try:
        files.write_text(path, failed.error + "\n" if plain else failed.details)
    except OSError as error:
        raise RunError(
            f"cannot write {path} ({error.strerror}): free some space and run the same "
            "command to resume"
        ) from None


def _weigh(trials: Sequence[Trial]) -> dict[TrialKey, float]:
    """Return how much work each trial is. Raises ExperimentError where images are too small."""
    return {
        trial.key: _flops(trial) * _passes(trial.experiment.train) * len(trial.dataset.splits.train)
        for trial in trials
    }


def _passes(settings: Train) -> float:
    """Return how much work an image is in all its epochs; a whole one counts 1.

    The way back through a network takes about twice as long as the way through it; of frozen layers
    there is none.
    """
    return settings.epochs * (1 - settings.frozen_share * 2 / 3)


def _flops(trial: Trial) -> int:
    shape, model = trial.dataset.bank.form.shape, trial.experiment.model
    shapes.check_size(model, *shape[:2])
    shapes.check_channels(model, shape[2])
    return shapes.count_flops(model, shape, len(trial.dataset.class_names))


def identity_of(trials: Sequence[Trial]) -> str:
    content = [
        f"{trial.rung} {trial.dataset.bank.fingerprint} {_what_it_is(trial.experiment).to_json()}"
        for trial in trials
    ]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _what_it_is(experiment: Experiment) -> Experiment:
    """Return the experiment without what changes no result: checkpoints, the backbone's place."""
    same: dict[str, Any] = {"train.checkpoint_seconds": Train().checkpoint_seconds}
    if experiment.model.backbone_sha256:
        same |= {"model.backbone": "anywhere", "model.weights": None}
    return experiment.replace(same)
