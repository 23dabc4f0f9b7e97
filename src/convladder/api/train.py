"""`train` and `join`: one network, trained by one process or by several."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convladder.api import inputs, live_pages
from convladder.api.dataset import Dataset
from convladder.api.run import Run
from convladder.core.devices import ALONE, Parallel
from convladder.core.errors import ExperimentError, RunError
from convladder.core.ladder import Ladder
from convladder.experiments import single_training
from convladder.experiments.judging import check_metric
from convladder.experiments.pretrained import leakage
from convladder.experiments.pretrained.imagenet import Say
from convladder.experiments.request import TrainRequest
from convladder.experiments.run_options import RunOptions
from convladder.experiments.trial import Trial
from convladder.report import progress
from convladder.report.progress import Reporter
from convladder.report.tracking import Tracking
from convladder.report.trial_displays import Quiet
from convladder.results import folders, locks, outputs


def train(
    data: str | Path | Dataset,
    rung: str | None = None,
    *,
    ladder: str | Ladder | None = None,
    seed: int = 0,
    epochs: int | None = None,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    metric: str | None = None,
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
    """Train one rung of a ladder with one seed. The test set is used once, after training.

    If it is interrupted for any reason, the same call resumes it. The result is bit-for-bit
    identical to that of a training that was not.

    Parameters
    ----------
    data
        A source as `load` takes it, or what `load` returned.
    rung
        The rung to train; None takes the last of the ladder.
    ladder
        A built-in ladder or a .toml file; None takes classic, or transfer with `pretrained`. A
        Ladder is taken as it is.
    seed
        The seed (the first one, if there are several).
    epochs
        Epochs per trial; None takes those of the ladder, or 20.
    pretrained
        Start from a network of keras.applications (docs/transfer.md), or from a run or a bundle. A
        network is given by its name, and its ImageNet weights are downloaded once; a run by its
        folder.
    weights
        File of weights (.h5) to use instead of the download (with `pretrained` NAME).
    metric
        What networks are judged by: accuracy, balanced-accuracy, macro-f1, auroc, log-loss, brier,
        or recall@CLASS, precision@CLASS, f1@CLASS; None takes accuracy. Other than accuracy, it
        also says which epoch is kept.
    changes
        Change any setting (docs/settings.md) under its dotted key, such as `{"train.learning_rate":
        3e-4}`; they overrule the rung's.
    threads
        Number of threads; None takes one per core, or as many as the training was begun with.
    out
        Where to write: a new or empty folder, or one to resume; None takes a new dated folder
        under `runs/`, or that of an unfinished run of the same.
    fresh
        Start over instead of resuming an unfinished run (finished runs stay).
    allow_changed
        Resume even if versions, threads or epochs changed (recorded in the run).
    allow_rejects, quiet
        As `load` takes them.
    tensorboard
        Write the figures of each epoch for TensorBoard (an extra), to `OUT.tensorboard`.
    mlflow
        Send the figures to MLflow (an extra): http://HOST:PORT, sqlite:///FILE or a folder.
    parallel
        Train on several devices, or as process 0 of several (on JAX only); the others call `join`.

    Returns
    -------
    Run
        The run, with its figures, tables and plots.

    Raises
    ------
    ConvladderError
        Something that a person can put right: the data, the settings, the folder, or the training
        itself.
    """
    request = TrainRequest(
        data=data,
        rung=rung,
        ladder=ladder,
        seed=seed,
        epochs=epochs,
        pretrained=pretrained,
        weights=weights,
        metric=metric,
        changes=changes,
    )
    how = RunOptions(
        threads=threads,
        out=out,
        fresh=fresh,
        allow_changed=allow_changed,
        allow_rejects=allow_rejects,
        tensorboard=tensorboard,
        mlflow=mlflow,
        parallel=parallel,
        quiet=quiet,
    )
    return train_request(request, how)


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
    metric: str | None = None,
    changes: Mapping[str, Any] | None = None,
    threads: int | None = None,
    allow_rejects: bool = False,
    quiet: bool = False,
) -> None:
    """Help process 0, which calls `train`, to train one network on several processes.

    Nothing is written here; images, settings and versions must be those of process 0. Ends when the
    training does.

    Parameters
    ----------
    data, rung, ladder, seed, epochs, pretrained, weights, metric, changes, threads
        As `train` takes them; `data` may lie elsewhere.
    parallel, allow_rejects, quiet
        As `train` takes them.

    Raises
    ------
    ConvladderError
        Something that a person can put right, and TrainingError where the training was stopped in
        another process.
    """
    request = TrainRequest(
        data=data,
        rung=rung,
        ladder=ladder,
        seed=seed,
        epochs=epochs,
        pretrained=pretrained,
        weights=weights,
        metric=metric,
        changes=changes,
    )
    how = RunOptions(threads=threads, allow_rejects=allow_rejects, parallel=parallel, quiet=quiet)
    join_request(request, how)


def train_request(request: TrainRequest, how: RunOptions) -> Run:
    """Train as `train` does, which says what is raised."""
    reporter = progress.reporter(quiet=how.quiet)
    if how.parallel.process_id:
        raise ExperimentError(
            f"only process 0 trains: process {how.parallel.process_id} must call join"
        )
    inputs.check_counts(threads=how.threads)
    place = outputs.check_at_start(how.out, "run", inputs.name_of(request.data), "runs")
    if place:
        locks.check_unlocked(folders.unfinished(place))
    tracking = Tracking(how.tensorboard, how.mlflow)
    trial = _trial_of(request, how, reporter)
    folder = place or _folder_of(trial, how, reporter.say)
    outputs.check_run(folder, trial.experiment.data.source)
    events = folder.with_name(f"{folder.name}.tensorboard")
    if how.tensorboard:
        outputs.check_event_folder(events)
    trackers = tracking.trackers(folder, events, {trial.key: trial.experiment}, lambda key: folder)
    with (
        inputs.going_on(reporter, folders.unfinished(folder), how.fresh, run=folder),
        live_pages.of_run(trial, folder, how, reporter) as page,
        live_pages.showing(reporter, page, trackers) as (_, on_event),
    ):
        single_training.train_one(
            trial, folder, threads=how.threads, how=how.resume, on_event=on_event
        )
    return Run(folder)


def join_request(request: TrainRequest, how: RunOptions) -> None:
    """Compute as `join` does, which says what is raised."""
    reporter, parallel = progress.reporter(quiet=how.quiet), how.parallel
    if not parallel.process_id:
        raise ExperimentError("process 0 must call train: only the other processes call join")
    inputs.check_counts(threads=how.threads)
    trial = _trial_of(request, how, reporter)
    reporter.say(
        f"process {parallel.process_id} of {parallel.processes} works for process 0, which "
        "shows the progress"
    )
    # figures and texts are those of process 0; a stop is of this one
    single_training.join(trial, threads=how.threads, on_event=Quiet(reporter.console).follow)


def _trial_of(request: TrainRequest, how: RunOptions, reporter: Reporter) -> Trial:
    """Return what is to be trained, with its images loaded."""
    name, experiment = inputs.experiment_of(request, how.parallel, reporter.say)
    dataset = inputs.loader(request.data, how.allow_rejects, reporter)(experiment.data)
    dataset = leakage.check_unseen(experiment.model, dataset, reporter.say)
    check_metric(experiment, [dataset])
    settled = experiment.replace(dataset.settled())
    return Trial(name, settled, dataset, parallel=how.parallel)


def _folder_of(trial: Trial, how: RunOptions, say: Say) -> Path:
    """Return the folder of an unfinished run of the same, or a new one."""
    found = how.resume.find(Path("runs"), trial, say)
    if how.allow_changed and not found:
        raise RunError(
            "--allow-changed found no unfinished run of this under runs/: give the run with --out"
        )
    return found or folders.new_folder("runs", trial.dataset.bank.source)
