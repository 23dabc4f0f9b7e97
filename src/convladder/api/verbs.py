"""What Python offers: `load`, `train`, `climb` and `compare`. The command line stands on it.

>>> import convladder as cl
>>> images = cl.load("digits", limit=200)
>>> images.counts()["test"]["7"]
3
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.api import inputs
from convladder.api.check import Check
from convladder.api.climb import Climb
from convladder.api.comparison import Comparison
from convladder.api.dataset import Dataset
from convladder.api.run import Run
from convladder.core import backend
from convladder.core.devices import ALONE, Parallel
from convladder.core.errors import ExperimentError, RunError
from convladder.core.experiment import Data
from convladder.core.ladder import Ladder
from convladder.data import dataset as datasets
from convladder.data import in_memory
from convladder.experiments import climbing, reproduction, resume
from convladder.experiments.engines import engine_at
from convladder.experiments.pretrained import backbones, leakage
from convladder.experiments.ray import connection
from convladder.experiments.reproduction import Reproduction
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.report import progress
from convladder.report.tracking import Tracking, following
from convladder.results import folders, locks, outputs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SEEDS = 5  # fewer hardly show what is there


def load(
    source: str | Path | Data | pd.DataFrame | NDArray[Any],
    labels: Sequence[Any] | NDArray[Any] | None = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    limit: int | None = None,
    changes: Mapping[str, Any] | None = None,
    allow_rejects: bool = False,
    quiet: bool = False,
) -> Dataset:
    """Decode a source's images (or find them decoded) and split them.

    Parameters
    ----------
    source
        A folder of class folders (or of train/val/test folders of them), an archive of it, a table
        of paths and labels, Parquet, `hf:NAME`, an npz file, or a built-in name; or a pandas frame
        with columns `path` and `label`, and `split` and `group` if there are, whose paths start in
        the working folder or in `data.image_root`; or images, `(N, height, width)` or `(N, height,
        width, channels)` of uint8, or of other numbers, which are brought to 8 bits as `data.range`
        says.
    labels
        Of images that are given as an array, `(N,)`: integers or texts.
    image_size
        Pixels to a side, or (height, width); None takes it from the images.
    limit
        Take a stratified subset of so many images.
    changes
        Other settings of the data under their dotted keys, such as `{"data.resize": "crop"}`.
    allow_rejects
        Go on although more than 1 % of the files could not be read.
    quiet
        Show no progress.

    Raises
    ------
    DataError
        The source cannot be read, has too few images in a class, or too many unreadable files.
    """
    given = {"data.image_size": inputs.pair(image_size), "data.limit": limit}
    known = {key: value for key, value in given.items() if value is not None} | dict(changes or {})
    settings, opened = inputs.source_of(source, labels, known)
    return inputs.load_dataset(
        settings, allow_rejects, progress.reporter(quiet=quiet), source=opened
    )


def check(
    source: str | Path | Data | Dataset | pd.DataFrame | NDArray[np.uint8],
    labels: Sequence[Any] | NDArray[Any] | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Check:
    """Read every file, and say what would spoil figures made from them: broken files, copies,
    leaks, odd images.

    Parameters
    ----------
    source, labels, changes, quiet
        As `load` takes them; `source` may be what `load` returned, too.

    Raises
    ------
    DataError
        The source cannot be read.
    """
    settings, opened = inputs.source_of(source, labels, changes or {})
    with progress.reporter(quiet=quiet).counting() as on_progress:
        return Check(**vars(datasets.check(settings, opened, progress=on_progress)))


def train(
    data: str | Path | Dataset,
    rung: str | None = None,
    *,
    ladder: str | Ladder | None = None,
    seed: int = 0,
    epochs: int | None = None,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    threads: int | None = None,
    out: str | Path | None = None,
    fresh: bool = False,
    allow_changed: bool = False,
    allow_rejects: bool = False,
    tensorboard: bool = False,
    mlflow: str | None = None,
    parallel: Parallel = ALONE,
    quiet: bool = False,
) -> Run:
    """Train one rung of a ladder with one seed; open the test images once.

    A training that was stopped, by whatever, goes on where it was, and comes to the same bits as
    one that was not.

    Parameters
    ----------
    data
        A source as `load` takes it, or what `load` returned.
    rung
        The rung's name; None takes the ladder's last.
    ladder
        A built-in ladder's name, the path of a TOML file, or a Ladder; None takes "classic", or
        "transfer" with `pretrained`.
    pretrained
        The backbone that the ladder starts from: the name of a network of keras.applications, whose
        ImageNet weights are downloaded once, or the folder of a run.
    weights
        A file (.h5) of weights for that network, instead of ImageNet's.
    changes
        Settings under their dotted keys, such as `{"train.learning_rate": 3e-4}`; they overrule the
        rung's.
    threads
        Threads to train with; None takes one a core, or as many as the training was begun with.
    out
        The run's folder; None takes that of an unfinished run of the same, or makes a dated one,
        under `runs/`.
    fresh
        Start over where an unfinished run would go on; a finished run is never replaced.
    allow_changed
        Go on with an unfinished run although versions, threads or the number of epochs differ, and
        keep a record of that.
    tensorboard
        Write the figures of each epoch for TensorBoard, to `OUT.tensorboard`; takes the extra
        `tensorboard`.
    mlflow
        The address of an MLflow server, or of its database, to tell of the run; takes the extra
        `mlflow`.
    parallel
        Train on several devices, or as process 0 of several (on JAX alone); the others call `join`.

    Raises
    ------
    ConvladderError
        Something that a person can put right: the data, the settings, the folder, or the training
        itself.
    """
    reporter = progress.reporter(quiet=quiet)
    if parallel.process_id:
        raise ExperimentError(f"process 0 trains, and process {parallel.process_id} calls join")
    inputs.check_counts(threads=threads)
    place = outputs.check_at_start(out, "run", inputs.name_of(data), "runs")
    if place:
        locks.check_unlocked(folders.unfinished(place))
    tracking = Tracking(tensorboard, mlflow)
    given = inputs.changes_of(epochs, changes) | {"seed": seed}
    begun = inputs.Start(data, rung, ladder, pretrained, weights)
    name, experiment = begun.experiment(given, parallel, reporter.say)
    dataset = inputs.loader(data, allow_rejects, reporter)(experiment.data)
    dataset = leakage.check_unseen(experiment.model, dataset, reporter.say)
    trial = Trial(name, experiment.replace(dataset.settled()), dataset, parallel=parallel)
    how = ResumePolicy(fresh=fresh, allow_changed=allow_changed)
    found = place or how.find(Path("runs"), trial, reporter.say)
    if allow_changed and not found:
        raise RunError(
            "--allow-changed found no unfinished run of this under runs/: say with --out which is "
            "meant"
        )
    folder = found or folders.new_folder("runs", dataset.bank.source)
    outputs.check_run(folder, experiment.data.source)
    events = folder.with_name(f"{folder.name}.tensorboard")
    if tensorboard:
        outputs.check_event_folder(events)
    trackers = tracking.trackers(folder, events, {trial.key: trial.experiment}, lambda key: folder)
    with (
        inputs.going_on(reporter, folders.unfinished(folder), fresh, run=folder),
        reporter.trials() as display,
        following(display.follow, trackers, reporter.say) as on_event,
    ):
        climbing.train_one(trial, folder, threads=threads, how=how, on_event=on_event)
    return Run(folder)


def join(
    data: str | Path | Dataset,
    rung: str | None = None,
    *,
    parallel: Parallel,
    ladder: str | Ladder | None = None,
    seed: int = 0,
    epochs: int | None = None,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    threads: int | None = None,
    allow_rejects: bool = False,
    quiet: bool = False,
) -> None:
    """Compute in one of several processes that train one network, of which process 0 calls `train`
    meanwhile.

    Nothing is written here; images, settings and versions must be those of process 0. Ends when the
    training does.

    Parameters
    ----------
    data, rung, ladder, seed, epochs, pretrained, weights, changes, threads, parallel
        As `train` takes them; `data` may lie elsewhere.

    Raises
    ------
    ConvladderError
        Something that a person can put right, and TrainingError where the training was stopped in
        another process.
    """
    reporter = progress.reporter(quiet=quiet)
    if not parallel.process_id:
        raise ExperimentError("process 0 calls train, and the others join")
    inputs.check_counts(threads=threads)
    given = inputs.changes_of(epochs, changes) | {"seed": seed}
    begun = inputs.Start(data, rung, ladder, pretrained, weights)
    name, experiment = begun.experiment(given, parallel, reporter.say)
    dataset = inputs.loader(data, allow_rejects, reporter)(experiment.data)
    dataset = leakage.check_unseen(experiment.model, dataset, reporter.say)
    trial = Trial(name, experiment.replace(dataset.settled()), dataset, parallel=parallel)
    reporter.say(
        f"process {parallel.process_id} of {parallel.processes} computes for process 0, which "
        "tells how it goes"
    )
    # figures and texts are those of process 0; a stop is of this one
    climbing.join(trial, threads=threads, on_event=progress.Quiet(reporter.console).follow)


def climb(
    data: str | Path | Dataset,
    ladder: str | Ladder | None = None,
    *,
    rungs: Sequence[str] | None = None,
    seeds: int | None = None,
    seed: int = 0,
    folds: int | None = None,
    epochs: int | None = None,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    out: str | Path | None = None,
    fresh: bool = False,
    allow_changed: bool = False,
    allow_rejects: bool = False,
    tensorboard: bool = False,
    mlflow: str | None = None,
    quiet: bool = False,
) -> Climb:
    """Train every rung of a ladder with several seeds; what is finished already is not trained
    again.

    A trial that was stopped, by whatever, goes on where it was, and comes to the same bits as one
    that was not.

    Parameters
    ----------
    data, ladder, pretrained, weights, changes
        As `train` takes them; changes apply to the start of the ladder.
    rungs
        Climb these rungs only.
    seeds, seed
        How many seeds for each rung, and the first; None takes 5, or 1 with folds.
    folds
        Cross-validation: part the images into so many folds, and test each in turn. For small data.
    jobs
        Trials at a time; None takes one a core, or as many as there is memory for.
    cluster
        Train on the Ray cluster at this address: `auto`, `HOST:PORT` or `ray://HOST:PORT`; takes
        the extra `cluster`. None trains on this machine.
    out
        The climb's folder; None takes an earlier climb of the same trials under `climbs/`, or makes
        a dated one.
    fresh
        Start over: without `out` in a new folder; unfinished trials begin anew, finished ones are
        never replaced.
    allow_changed
        Go on with unfinished trials although versions or the number of epochs differ, and keep a
        record of that.
    tensorboard, mlflow
        As `train` takes them; TensorBoard's files go to `OUT/tensorboard`, and each trial is an
        MLflow run.

    Raises
    ------
    ConvladderError
        Something that a person can put right. A trial that fails raises nothing: it is in
        `failures`.
    """
    reporter = progress.reporter(quiet=quiet)
    backend.chosen()
    given_place = outputs.check_at_start(out, "climb", inputs.name_of(data), "climbs")
    if given_place:
        locks.check_unlocked(given_place)
    chosen = inputs.ladder_of(ladder, pretrained)
    inputs.check_counts(seeds=seeds, jobs=jobs)
    if cluster:
        connection.check_address(cluster)
    tracking = Tracking(tensorboard, mlflow)
    if isinstance(rungs, str):
        raise ExperimentError(
            f"rungs are a list of names, such as [{rungs!r}]; got the text {rungs!r}"
        )
    if rungs is not None:
        chosen = chosen.part(rungs)
    given = inputs.changes_of(epochs, changes)
    settings = inputs.data_settings(data) | inputs.backbone_of(pretrained, weights, given) | given
    settings |= {} if folds is None else {"data.folds": folds}
    inputs.check_data(settings)
    seeds = seeds or (1 if settings.get("data.folds") else SEEDS)
    load, seed_range = inputs.loader(data, allow_rejects, reporter), range(seed, seed + seeds)
    inputs.check_seeds(seed, seeds)
    plan = climbing.make_plan(chosen, seed_range, settings, load, reporter.say)
    source = settings["data.source"]
    earlier = given_place or (
        None if fresh else climbing.find_climb(Path("climbs"), plan, reporter.say)
    )
    if allow_changed and not earlier:
        raise RunError(
            "--allow-changed found no climb of these trials under climbs/: say with --out which "
            "is meant"
        )
    folder = earlier or folders.new_folder("climbs", source)
    folders.check_outside(folder, source)
    finished = climbing.count_finished(plan, folder)
    if finished:
        reporter.say(f"{finished} of {len(plan.trials)} trials are finished already in {folder}")
    how = ResumePolicy(fresh=fresh, allow_changed=allow_changed)
    experiments = {trial.key: trial.experiment for trial in plan.trials}
    place = partial(folders.trial_folder, folder)
    trackers = tracking.trackers(folder, folder / "tensorboard", experiments, place)
    with (
        inputs.going_on(reporter, folder, fresh),
        reporter.trials() as display,
        following(display.follow, trackers, reporter.say) as on_event,
        engine_at(cluster, jobs) as engine,
    ):
        climbing.climb(
            plan, folder, engine=engine, how=how, on_weights=display.expect, on_event=on_event
        )
    return Climb(folder)


def reproduce(
    run: str | Path | Run,
    data: str | Path | Dataset | None = None,
    *,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Reproduction:
    """Train a run again from its `experiment.json`, and say whether its predictions come out the
    same.

    Parameters
    ----------
    run
        A run, or its folder.
    data
        Where its images are now; None takes where they were.
    pretrained, weights
        Where the run is now that it began with, or the file of weights; None takes where they were.
    out
        Keep the new run there, and go on with it if that was stopped; None keeps nothing.

    Raises
    ------
    DataError
        The images are not those that the run was made of.
    RunError
        The folder holds no run, or there is one at `out` already.
    ConvladderError
        The training failed: what it raised, or TrainingError where its process died.
    """
    reporter = progress.reporter(quiet=quiet)
    backend.chosen()
    first = run if isinstance(run, Run) else Run(run)
    if out and Path(out).resolve() == first.folder.resolve():
        raise RunError(f"{out} is the run itself: choose another --out for the new one")
    if first.experiment.data.source == in_memory.NAME and not isinstance(data, Dataset):
        raise ExperimentError(
            "the run was made of images in memory: give them, as load returns them, as data"
        )
    where = {} if data is None else {"data.source": str(data)}
    source = first.experiment.data.source if data is None else inputs.name_of(data)
    place = outputs.place_of(out, "run", source) if out else None
    dataset = (
        data
        if isinstance(data, Dataset)
        else inputs.load_dataset(first.experiment.replace(where).data, True, reporter)
    )
    moved = first.experiment.replace(backbones.moved(first.experiment.model, pretrained, weights))
    experiment = backbones.with_backbone(moved, reporter.say)
    trial = Trial(first.rung, experiment, reproduction.with_splits_of(first, dataset))
    with tempfile.TemporaryDirectory() as spare:
        folder = place or Path(spare) / "run"
        with (
            inputs.going_on(reporter, folders.unfinished(folder) if place else None, run=folder),
            reporter.trials() as display,
        ):
            threads = resume.threads_of(first.folder)
            again = climbing.train_one(
                trial, folder, threads=threads, how=ResumePolicy(), on_event=display.follow
            )
        return reproduction.compare(first, again)


def compare(*runs: str | Path | Run | Sequence[str | Path | Run]) -> Comparison:
    """Compare runs that were tested on the same images with the first of them.

    Parameters
    ----------
    runs
        Runs, their folders, folders that hold runs, such as `climbs/NAME/trials/batch-norm`, or
        lists of these. Runs that differ in nothing but their seed are one group.

    Raises
    ------
    RunError
        A folder holds no run, there are fewer than two, or they were not tested on the same images.
    """
    given: list[str | Path | Run] = []
    for run in runs:
        if isinstance(run, Climb):
            raise ExperimentError(
                "compare takes runs: of a climb, such as climb.runs('batch-norm')"
            )
        given += [run] if isinstance(run, str | Path | Run) else run
    return Comparison([run.folder if isinstance(run, Run) else run for run in given])
