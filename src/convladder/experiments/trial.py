"""One experiment, end to end, into a run folder."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.core import files, worker
from convladder.core.devices import ALONE, Parallel
from convladder.core.experiment import Experiment, flatten
from convladder.core.formatting import plural
from convladder.core.tasks import Validated, WarningText
from convladder.core.worker import Emit
from convladder.data.dataset import SplitDataset
from convladder.experiments import artifacts
from convladder.experiments.pretrained import backbones, feature_bank
from convladder.results import (
    folders,
    locks,
    migrations,
    model_card,
    outputs,
    provenance,
    saved_run,
)
from convladder.results.folders import TrialKey

if TYPE_CHECKING:
    from convladder.training.checkpointer import Checkpointer, FileCheckpointer
    from convladder.training.fit import FitResult

_logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 10  # that the worker of a killed climb may need to notice
# settings that change nothing of what comes out: the fingerprint speaks for the data, wherever they
# lie, and the sum for the weights of the backbone
INDIFFERENT = ("data.source", "train.checkpoint_seconds", "model.backbone", "model.weights")


@dataclass(frozen=True)
class Trial:
    """One rung with one seed: an experiment, and the images that it names.

    shared : where a climb keeps what its trials share. changed : what is otherwise than when it was
        begun.
    parallel : the devices and processes that train it.
    """

    rung: str
    experiment: Experiment
    dataset: SplitDataset
    shared: Path | None = None
    changed: tuple[str, ...] = ()
    parallel: Parallel = ALONE

    @property
    def key(self) -> TrialKey:
        return TrialKey.of(self.rung, self.experiment)


def run_trial(trial: Trial, folder: Path, command: str, emit: Emit) -> float:
    """Train, open the test split, and leave a run folder; return the metric on validation.

    Each epoch's figures go to `emit`, and texts for people.
    Until it is finished it is kept beside that folder, and goes on from there; so too where it is
    asked to stop. `command` is what the person typed. Raises ConvladderError for what a person can
    put right.
    """
    started, unfinished = time.perf_counter(), folders.unfinished(folder)
    with (
        trained(trial, unfinished, command, emit) as (fitted, about, seconds_before),
        folders.writing(folder) as new,
    ):
        figures = artifacts.leave(fitted, trial.dataset, trial.experiment, trial.shared, new)
        files.write_json(new / folders.ABOUT, about)
        figures["seconds"] = round(time.perf_counter() - started + seconds_before, 3)
        files.write_json(new / folders.MARKER, figures)
        run = saved_run.SavedRun(new)
        model_card.write(run)
        metric = trial.experiment.judged_by
        validated = Validated(run.measure(metric, "validation"), metric.title)
    outputs.remove_unfinished(unfinished)
    return validated


@contextlib.contextmanager
def trained(
    trial: Trial, unfinished: Path, command: str, emit: Emit
) -> Iterator[tuple[FitResult, dict[str, Any], float]]:
    """Train, or resume what lies in `unfinished`, where nobody else works until the block ends.

    Yields the trained network, what it is of, and the seconds of training that went before.
    """
    from convladder.training import backend
    from convladder.training.checkpointer import FileCheckpointer

    with locks.locked(unfinished, locks.TRAINING, wait=ORPHAN_SECONDS), backend.device_errors():
        keeper = FileCheckpointer(
            unfinished,
            every=trial.experiment.train.checkpoint_seconds,
            asked_to_stop=_stops_alone(trial),
        )
        about = _begin(trial, unfinished, keeper, command)
        keeper.put_damaged_aside()
        _tell(about, emit)
        fitted = _fit(trial, emit, keeper)
        yield fitted, about, keeper.seconds_before


def assist_trial(trial: Trial, emit: Emit) -> None:
    """Compute as any process but the first of several for one network; it writes nothing."""
    from convladder.training import backend
    from convladder.training.checkpointer import Checkpointer

    with backend.device_errors():
        _fit(trial, emit, Checkpointer())


def _fit(trial: Trial, emit: Emit, keeper: Checkpointer) -> FitResult:
    """Train, alone or as one of several processes; a request to stop is answered by saving."""
    from convladder.training import fit, precision

    # handed on: nobody holds it while it trains
    backbone = [backbones.load(trial.experiment.model)]
    if trial.parallel.total == 1:
        precision.warn(trial.experiment.train.precision, emit)
        banked = feature_bank.FeatureBank.of(trial.experiment, trial.dataset)
        features = None if banked is None else banked.read(emit)
        with worker.saves_when_stopped():
            return fit.fit(trial.experiment, trial.dataset, emit, keeper, backbone.pop(), features)
    from convladder.training import multihost

    with multihost.joined(trial.parallel, _alike(trial), _settings(trial)):
        if trial.parallel.processes > 1:
            keeper = multihost.SharedCheckpointer(keeper, worker.stop_asked)
        # not before: it asks for the devices
        precision.warn(trial.experiment.train.precision, emit)
        with worker.saves_when_stopped():
            return fit.fit(
                trial.experiment,
                trial.dataset,
                emit,
                keeper,
                backbone.pop(),
                parallel=trial.parallel,
            )


def _alike(trial: Trial) -> dict[str, str]:
    """Return what must be the same in all processes that train one network."""
    bank, splits = trial.dataset.bank, trial.dataset.splits
    digest = hashlib.sha256(b"|".join(part.tobytes() for part in vars(splits).values())).hexdigest()
    return {
        "versions": str(provenance.versions()),  # first: others may have other settings
        "devices": str(trial.parallel.devices),
        "images": f"{bank.fingerprint} {digest}",
        "settings": str(_settings(trial)),
    }


def _settings(trial: Trial) -> dict[str, str]:
    """Return the settings that matter, as text."""
    settings = {
        key: str(value)
        for key, value in flatten(trial.experiment).items()
        if key not in INDIFFERENT
    }
    return {"rung": trial.rung} | settings


def _stops_alone(trial: Trial) -> Callable[[], bool]:
    """Return what tells whether to stop; several processes ask each other."""
    return worker.stop_asked if trial.parallel.processes == 1 else lambda: False


def _begin(
    trial: Trial, unfinished: Path, keeper: FileCheckpointer, command: str
) -> dict[str, Any]:
    """Say in the unfinished run's folder what it is of, and when it resumed; return that."""
    path, found = unfinished / folders.ABOUT, keeper.newest()
    environment = _environment(trial.parallel, command)
    about: dict[str, Any] = {
        "format": folders.FORMAT,
        "rung": trial.rung,
        "experiment": trial.experiment.model_dump(),
        "data": trial.dataset.provenance(),
        "environment": environment,
    }
    if path.exists() and (found or keeper.damaged):
        earlier = migrations.read_about(path)
        changed, before = list(trial.changed), provenance.last_environment(earlier)["machine"]
        if environment["machine"] != before:
            changed.append(f"the machine was {before} and is now {environment['machine']}")
        resumed = {
            "epoch": found.epoch if found else 0,
            "step": found.step if found else 0,
            "changed": changed,
            "damaged": keeper.damaged,
            "environment": environment,
        }
        about["environment"] = earlier["environment"]
        about["resumed"] = [*earlier.get("resumed", []), resumed]
    files.write_json(path, about)
    return about


def _environment(parallel: Parallel, command: str) -> dict[str, Any]:
    """Return what a result depends on beside the experiment, with the device if it is one."""
    from convladder.training import backend

    environment = provenance.environment(command) | parallel.described()
    # several are made ready before one asks
    device = backend.accelerator() if parallel.total == 1 else None
    if device is not None:
        environment["machine"] += f", {device}"
    elif parallel.total == 1:
        _logger.debug("no accelerator is used: this trial computes on the processor")
    return environment


def _tell(about: dict[str, Any], emit: Emit) -> None:
    """Tell where training goes on, what is damaged, and what has changed since."""
    if "resumed" not in about:
        return
    resumed = about["resumed"][-1]
    epoch, step = resumed["epoch"], resumed["step"]
    where = (
        f"after {plural(epoch, 'epoch')} and {plural(step, 'step')}"
        if epoch or step
        else "from its start"
    )
    if resumed["damaged"]:
        names = ", ".join(resumed["damaged"])
        emit(WarningText(f"damaged checkpoints, not used: {names}"))
    emit(f"resumes {where}")
    for change in resumed["changed"]:
        emit(WarningText(f"changed since it was started: {change}"))
