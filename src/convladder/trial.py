"""One experiment, end to end, into a run folder; and a saved network back out of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from convladder import files, runs
from convladder.config import Augmentation, Experiment
from convladder.data.bank import Bank
from convladder.data.dataset import Dataset
from convladder.data.images import Pixels
from convladder.errors import ExperimentError, RunError
from convladder.evaluation import labels, metrics, mistakes, predictions
from convladder.ladder import Ladder
from convladder.processes import Emit, call

if TYPE_CHECKING:
    import keras

    from convladder.models.cost import Cost
    from convladder.training.fit import Fitted

SAMPLES = 12  # of right and of wrong test images each
WEIGHTS = "weights.npz"


@dataclass(frozen=True)
class Trial:
    """One rung with one seed: an experiment, and the images that it names."""

    rung: str
    experiment: Experiment
    dataset: Dataset

    @property
    def key(self) -> tuple[str, int]:
        """The rung's name and the seed."""
        return self.rung, self.experiment.seed


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
    with runs.writing(folder) as temporary:
        _write_network(temporary, fitted, dataset)
        fitted.history.to_csv(temporary / "history.csv", index=False, lineterminator="\n")
        written = predictions.write(table, temporary / "predictions.csv")
        runs.write_samples(temporary, _choose_samples(written, dataset))
        about = {
            "rung": trial.rung,
            "experiment": trial.experiment.model_dump(),
            "data": dataset.provenance(),
            "environment": runs.environment(command),
        }
        files.write_json(temporary / "experiment.json", about)
        figures: dict[str, Any] = metrics.compute(written)
        figures["kept_epoch"] = fitted.epoch
        figures["price"] = _price(
            cost.measure(fitted.network), temporary, fitted.history, len(dataset.splits.train)
        )
        figures["seconds"] = round(time.perf_counter() - started, 3)
        files.write_json(temporary / runs.MARKER, figures)


def count_flops(trials: list[Trial], emit: Emit) -> list[int]:
    """Build each trial's network and return its FLOPs for one image.

    Raises ExperimentError where the images are too small for one of them.
    """
    del emit
    return [
        measure_cost(trial.experiment, trial.dataset.bank.form.shape, len(trial.dataset.class_names)).flops
        for trial in trials
    ]


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


def list_layers(folder: Path, emit: Emit) -> list[dict[str, Any]]:
    """Return the name, output shape and number of parameters of each layer of a run's network."""
    del emit
    network = load_network(runs.Run(folder))
    return [
        {
            "layer": layer.name,
            "output": " × ".join(str(side) for side in layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in network.layers
    ]


def augment_images(settings: Augmentation, seed: int, images: Pixels, emit: Emit) -> Pixels:
    """Return the images `(N, height, width, channels)` as a trial of this seed might see them in training."""
    del emit
    from convladder.training import augment

    changed: Any = images.astype(np.float32)
    for layer in augment.build(settings, seed):
        changed = layer(changed, training=True)
    pixels: Pixels = np.rint(np.asarray(changed)).astype(np.uint8)
    return pixels


def load_network(run: runs.Run) -> keras.Model:
    """Build the run's network again and give it its weights. Raises RunError where they do not fit."""
    from convladder.models import convnet

    about = files.read_json(run.folder / "model.json")
    statistics = convnet.Statistics(*map(tuple, about["statistics"])) if about["statistics"] else None
    network = convnet.build(run.experiment.model, tuple(about["shape"]), len(about["class_names"]), statistics)
    try:
        with np.load(run.folder / WEIGHTS, allow_pickle=False) as file:
            network.set_weights([file[variable.path] for variable in network.weights])
    except (OSError, KeyError, ValueError) as error:
        raise RunError(f"the weights in {run.folder / WEIGHTS} do not fit its experiment: {error}") from None
    return network


def evaluate_elsewhere(run: runs.Run, bank: Bank, folder: Path, *, threads: int) -> dict[str, Any]:
    """Evaluate a run's network on labelled images of another source; classes are matched by name.

    Of a source that names a test split this takes the test split, else all. Leaves `predictions.csv` and
    `evaluation.json` in the folder, and returns the figures. Raises ConvladderError where the source has a
    class that the network does not know.
    """
    table = predictions.write(
        call(predict_elsewhere, run.folder, bank, threads=threads), folder / "predictions.csv"
    )
    figures = metrics.compute(table)
    files.write_json(folder / "evaluation.json", figures)
    return figures


def predict_elsewhere(folder: Path, bank: Bank, emit: Emit) -> pd.DataFrame:
    """Predict the images of a bank with the network of the run in `folder`; a task for a worker."""
    del emit
    from convladder.training import fit

    known = files.read_json(folder / "model.json")["class_names"]
    for name in bank.class_names:
        if name not in known:
            raise ExperimentError(
                f"{bank.source} has class {name!r}, which {folder} was not trained on: it knows {', '.join(known)}"
            )
    tested = np.flatnonzero([record.split == "test" for record in bank.records])
    indices = tested if len(tested) else np.arange(len(bank.records))
    records = [bank.records[index] for index in indices]
    return predictions.make_table(
        [record.path for record in records],
        ["test" if len(tested) else "all"] * len(records),
        [known.index(bank.class_names[record.label]) for record in records],
        fit.predict_logits(load_network(runs.Run(folder)), bank, indices),
        known,
    )


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


def _choose_samples(table: pd.DataFrame, dataset: Dataset) -> runs.Samples:
    """Take test images at random, half of them right and half wrong as far as there are any; and the mistakes."""
    test = predictions.part(table, "test")
    right = predictions.correct(test)
    draw = np.random.default_rng(0)
    drawn = np.concatenate(
        [draw.permutation(np.flatnonzero(right == wanted))[:SAMPLES] for wanted in (True, False)]
    )
    telling = [*mistakes.most_wrong(test).tolist(), *labels.suspects(test).index[:SAMPLES]]
    for pair in mistakes.confused_pairs(test):
        telling += pair.rows[: mistakes.OF_PAIR]
    others = np.setdiff1d(np.array(telling, dtype=np.int64), drawn)
    rows = np.concatenate([drawn, others])
    pixels = dataset.bank.images[dataset.bank.rows[dataset.splits.test[rows]]]
    return runs.Samples(pixels, rows, np.arange(len(rows)) < len(drawn))


def _write_network(folder: Path, fitted: Fitted, dataset: Dataset) -> None:
    arrays: dict[str, Any] = {each.path: np.asarray(each.value) for each in fitted.network.weights}
    np.savez(folder / WEIGHTS, **arrays)
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
        "bytes": (folder / WEIGHTS).stat().st_size,
        "train_milliseconds_per_image": round(1000 * settled.median() / images, 6) if len(settled) else None,
    }
