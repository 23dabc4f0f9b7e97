"""One experiment, end to end, into a run folder."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from convladder.core import files, worker
from convladder.core.devices import ALONE, Parallel
from convladder.core.experiment import Augmentation, Experiment, Train, flatten
from convladder.core.formatting import plural
from convladder.core.ladder import Ladder
from convladder.core.tasks import WarningText
from convladder.core.worker import Emit
from convladder.data.dataset import SplitDataset
from convladder.data.decoding.images import Pixels
from convladder.evaluation import metrics, predictions
from convladder.experiments import artifacts
from convladder.experiments.corrupted_images import CorruptedImages
from convladder.experiments.pretrained import backbones
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
from convladder.training.state import frozen_epochs

_logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    import keras

    from convladder.models.cost import Cost
    from convladder.training.checkpointer import Checkpointer, FileCheckpointer
    from convladder.training.fit import FitResult

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
    """Train, open the test split, and leave a run folder; return the accuracy on validation.

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
        figures = _leave(trial, fitted, new)
        files.write_json(new / folders.ABOUT, about)
        figures["seconds"] = round(time.perf_counter() - started + seconds_before, 3)
        files.write_json(new / folders.MARKER, figures)
        model_card.write(saved_run.SavedRun(new))
    outputs.remove_unfinished(unfinished)
    return float(figures["validation"]["accuracy"])


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
        with worker.saves_when_stopped():
            return fit.fit(trial.experiment, trial.dataset, emit, keeper, backbone.pop())
    from convladder.training import multihost

    with multihost.joined(trial.parallel, _alike(trial), _settings(trial)):
        if trial.parallel.processes > 1:
            keeper = multihost.SharedCheckpointer(keeper, worker.stop_asked)
        # not before: it asks for the devices
        precision.warn(trial.experiment.train.precision, emit)
        with worker.saves_when_stopped():
            return fit.fit(
                trial.experiment, trial.dataset, emit, keeper, backbone.pop(), trial.parallel
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


def _leave(trial: Trial, fitted: FitResult, folder: Path) -> dict[str, Any]:
    """Open the test split; leave all but two files of a run, and return its figures."""
    from convladder.models import cost

    dataset = trial.dataset
    _write_network(folder, fitted, dataset)
    fitted.history.to_csv(folder / "history.csv", index=False, lineterminator="\n")
    written = predictions.write(_predict(fitted.network, dataset), folder / "predictions.csv")
    saved_run.write_splits(folder, dataset.split_table())
    samples = artifacts.take_samples(fitted.network, written, dataset)
    features = artifacts.take_features(fitted.network, samples)
    corrupted = artifacts.predict_worsened(
        fitted.network, dataset, CorruptedImages.of(dataset, trial.shared)
    )
    saved_run.write_arrays(folder, samples, features, corrupted)
    figures: dict[str, Any] = metrics.compute(written)
    figures["kept_epoch"] = fitted.epoch
    settings, images = trial.experiment.train, len(dataset.splits.train)
    figures["price"] = _price(
        cost.measure(fitted.network), folder, fitted.history, settings, images
    )
    return figures


def measure_cost(experiment: Experiment, shape: tuple[int, int, int], classes: int) -> Cost:
    """Return the cost of an experiment's network for images `(height, width, channels)`."""
    from convladder.models import convnet, cost, networks

    channels = experiment.model.channels or shape[2]
    blank = convnet.Statistics((0.0,) * channels, (1.0,) * channels)
    network = networks.build(experiment.model, shape, classes, blank)
    networks.freeze(network, experiment.train.frozen_share == 1)
    return cost.measure(network)


def measure_ladder(
    ladder: Ladder,
    shape: tuple[int, int, int],
    classes: int,
    changes: Mapping[str, Any],
    emit: Emit,
) -> dict[str, dict[str, int]]:
    """Return the cost (see `Cost`) of each rung for images of this shape or of its own size.

    `changes` apply to the start of the ladder. The cost is empty where it depends on a backbone
    that is not named.
    """
    del emit
    costs: dict[str, dict[str, int]] = {}
    for rung in ladder.rungs:
        experiment = ladder.experiment(rung.name, changes)
        if experiment.model.architecture == backbones.AS_BACKBONE:
            costs[rung.name] = {}
            continue
        height, width = experiment.data.image_size or shape[:2]
        cost = measure_cost(
            experiment, (height, width, experiment.data.channels or shape[2]), classes
        )
        costs[rung.name] = vars(cost)  # plain, so that the caller need not import Keras to read it
    return costs


def augment_images(settings: Augmentation, seed: int, images: Pixels, emit: Emit) -> Pixels:
    """Return images `(N, height, width, channels)` as this seed might see them in training."""
    del emit
    from convladder.training import augmentation

    changed: Any = images.astype(np.float32)
    for layer in augmentation.build(settings, seed):
        changed = layer(changed, training=True)
    pixels: Pixels = np.rint(np.asarray(changed)).astype(np.uint8)
    return pixels


def _predict(network: keras.Model, dataset: SplitDataset) -> pd.DataFrame:
    from convladder.training import fit

    parts = {"validation": dataset.splits.validation, "test": dataset.splits.test}
    indices = np.concatenate(list(parts.values()))
    return predictions.make_table(
        [dataset.bank.records[index].path for index in indices],
        [split for split, members in parts.items() for _ in members],
        dataset.bank.labels[indices].tolist(),
        fit.predict_logits(network, dataset.bank, indices),
        dataset.class_names,
    )


def _write_network(folder: Path, fitted: FitResult, dataset: SplitDataset) -> None:
    arrays: dict[str, Any] = {each.path: np.asarray(each.value) for each in fitted.network.weights}
    np.savez(folder / saved_run.WEIGHTS, **arrays)
    statistics = fitted.statistics
    files.write_json(
        folder / "model.json",
        {
            "shape": dataset.bank.form.shape,
            "class_names": dataset.class_names,
            "statistics": [statistics.mean, statistics.deviation] if statistics else None,
            "intensity": dataset.bank.form.intensity and vars(dataset.bank.form.intensity),
        },
    )


def _price(
    price: Cost, folder: Path, history: pd.DataFrame, settings: Train, images: int
) -> dict[str, float | None]:
    # in the first epoch, and where the backbone is first trained
    compiled = [0, frozen_epochs(settings)]
    settled = history["train_seconds"].drop(index=compiled, errors="ignore")
    return {
        "parameters": price.parameters,
        "trained_parameters": price.trained,
        "macs": price.macs,
        "flops": price.flops,
        "bytes": (folder / saved_run.WEIGHTS).stat().st_size,
        "train_milliseconds_per_image": round(1000 * settled.median() / images, 6)
        if len(settled)
        else None,
    }
