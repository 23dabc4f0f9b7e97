"""One experiment, end to end, into a run folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from convladder import card, files, folders, insight, provenance, runs
from convladder.config import Augmentation, Experiment
from convladder.data.dataset import Dataset
from convladder.data.images import Pixels
from convladder.evaluation import metrics, predictions
from convladder.folders import TrialKey
from convladder.ladder import Ladder
from convladder.processes import Emit
from convladder.worsened import Worsened

if TYPE_CHECKING:
    import keras

    from convladder.models.cost import Cost
    from convladder.training.fit import Fitted


@dataclass(frozen=True)
class Trial:
    """One rung with one seed: an experiment, and the images that it names.

    shared : where a climb keeps what its trials share.
    """

    rung: str
    experiment: Experiment
    dataset: Dataset
    shared: Path | None = None

    @property
    def key(self) -> TrialKey:
        return TrialKey.of(self.rung, self.experiment)


def run_trial(trial: Trial, folder: Path, command: str, emit: Emit) -> None:
    """Train, open the test split, and leave a run folder. Each epoch's figures go to `emit`.

    `command` is what the person typed. Raises ConvladderError for what a person can put right; then nothing
    is left behind.
    """
    from convladder.models import cost
    from convladder.training import fit

    started = time.perf_counter()
    dataset = trial.dataset
    fitted = fit.fit(trial.experiment, dataset, emit)
    table = _predict(fitted.network, dataset)
    with folders.writing(folder) as temporary:
        _write_network(temporary, fitted, dataset)
        fitted.history.to_csv(temporary / "history.csv", index=False, lineterminator="\n")
        written = predictions.write(table, temporary / "predictions.csv")
        runs.write_splits(temporary, dataset.split_table())
        samples = insight.take_samples(fitted.network, written, dataset)
        features = insight.take_features(fitted.network, samples)
        worsened = Worsened.of(dataset, trial.shared)
        corrupted = insight.predict_worsened(fitted.network, dataset, worsened)
        runs.write_arrays(temporary, samples, features, corrupted)
        about = {
            "rung": trial.rung,
            "experiment": trial.experiment.model_dump(),
            "data": dataset.provenance(),
            "environment": provenance.environment(command),
        }
        files.write_json(temporary / "experiment.json", about)
        figures: dict[str, Any] = metrics.compute(written)
        figures["kept_epoch"] = fitted.epoch
        figures["price"] = _price(
            cost.measure(fitted.network), temporary, fitted.history, len(dataset.splits.train)
        )
        figures["seconds"] = round(time.perf_counter() - started, 3)
        files.write_json(temporary / folders.MARKER, figures)
    card.write(runs.Run(folder))


def measure_cost(experiment: Experiment, shape: tuple[int, int, int], classes: int) -> Cost:
    """Return what the experiment's network costs for images of this shape `(height, width, channels)`."""
    from convladder.models import convnet, cost

    blank = convnet.Statistics((0.0,) * shape[2], (1.0,) * shape[2])
    return cost.measure(convnet.build(experiment.model, shape, classes, blank))


def measure_ladder(
    ladder: Ladder, shape: tuple[int, int, int], classes: int, emit: Emit
) -> dict[str, dict[str, int]]:
    """Return the cost (see `Cost`) of each rung for images of this shape, or of the size that it names."""
    del emit
    costs = {}
    for rung in ladder.rungs:
        experiment = ladder.experiment(rung.name)
        height, width = experiment.data.image_size or shape[:2]
        cost = measure_cost(experiment, (height, width, experiment.data.channels or shape[2]), classes)
        costs[rung.name] = vars(cost)  # plain, so that the caller need not import Keras to read it
    return costs


def augment_images(settings: Augmentation, seed: int, images: Pixels, emit: Emit) -> Pixels:
    """Return the images `(N, height, width, channels)` as a trial of this seed might see them in training."""
    del emit
    from convladder.training import augment

    changed: Any = images.astype(np.float32)
    for layer in augment.build(settings, seed):
        changed = layer(changed, training=True)
    pixels: Pixels = np.rint(np.asarray(changed)).astype(np.uint8)
    return pixels


def _predict(network: keras.Model, dataset: Dataset) -> pd.DataFrame:
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


def _write_network(folder: Path, fitted: Fitted, dataset: Dataset) -> None:
    arrays: dict[str, Any] = {each.path: np.asarray(each.value) for each in fitted.network.weights}
    np.savez(folder / runs.WEIGHTS, **arrays)
    statistics = fitted.statistics
    files.write_json(
        folder / "model.json",
        {
            "shape": dataset.bank.form.shape,
            "class_names": dataset.class_names,
            "statistics": [statistics.mean, statistics.deviation] if statistics else None,
        },
    )


def _price(price: Cost, folder: Path, history: pd.DataFrame, images: int) -> dict[str, float | None]:
    settled = history["train_seconds"].iloc[1:]  # the first epoch compiles
    return {
        "parameters": price.parameters,
        "macs": price.macs,
        "flops": price.flops,
        "bytes": (folder / runs.WEIGHTS).stat().st_size,
        "train_milliseconds_per_image": round(1000 * settled.median() / images, 6) if len(settled) else None,
    }
