"""A saved network, back out of its run folder and put to work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.errors import ExperimentError, RunError, UnreadableImage
from convladder.core.settings.model import Model
from convladder.core.worker import Emit
from convladder.core.worker_pool import call
from convladder.data.bank.bank import Bank
from convladder.data.decoding.file_bytes import read_file
from convladder.data.decoding.image_form import Pixels
from convladder.data.decoding.images import open_picture
from convladder.data.decoding.picture import fit as fit_to
from convladder.data.image_size import form_of_network
from convladder.data.sources.registry import limits_of
from convladder.evaluation import metrics, predictions
from convladder.experiments.pretrained import leakage
from convladder.results import saved_run

if TYPE_CHECKING:
    import keras

CHUNK = 64  # files whose pixels are held at a time

Logits = NDArray[np.float32]


def load_network(run: saved_run.SavedRun) -> keras.Model:
    """Build the run's network with its weights. Raises RunError where they do not fit."""
    about = run.network
    try:
        return restore(
            run.experiment.model,
            tuple(about["shape"]),
            len(about["class_names"]),
            about["statistics"],
            run.weights,
        )
    except (KeyError, ValueError) as error:
        raise RunError(
            f"the weights in {run.folder / saved_run.WEIGHTS} do not match its settings: {error}"
        ) from None


def restore(
    model: Model,
    shape: tuple[int, int, int],
    classes: int,
    statistics: Sequence[Sequence[float]] | None,
    weights: Mapping[str, NDArray[Any]],
) -> keras.Model:
    """Build a trained network again, from pixels to logits.

    `statistics` are mean and deviation of each channel; `weights` go by their paths. Raises
    KeyError or ValueError where they do not fit.
    """
    from convladder.models import convnet, networks

    pixels = convnet.Statistics(*map(tuple, statistics)) if statistics else None
    network = networks.build(model, shape, classes, pixels)
    network.set_weights([weights[variable.path] for variable in network.weights])
    return network


def list_layers(folder: Path, emit: Emit) -> list[dict[str, Any]]:
    """Return the name, output shape and number of parameters of each layer of a run's network."""
    del emit
    network = load_network(saved_run.SavedRun(folder))
    return [
        {
            "layer": layer.name,
            "output": " × ".join(str(side) for side in layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in network.layers
    ]


def predict_files(
    folder: Path, paths: Sequence[Path], emit: Emit
) -> tuple[Logits, dict[int, str], dict[int, str]]:
    """Predict image files with the network of the run in `folder`; a task for a worker.

    Return the logits `(files, classes)`, with rows of NaN for files that are no images, and these
    by number with their reason; then those that do not fit the images that the network was trained
    on, likewise.
    """
    del emit
    from convladder.training import fit

    run = saved_run.SavedRun(folder)
    about, settings = run.network, run.experiment.data
    form, limits = form_of_network(settings, about), limits_of(settings)
    logits = np.full((len(paths), len(about["class_names"])), np.nan, np.float32)
    predict = fit.predictor(load_network(run))
    errors: dict[int, str] = {}
    misfits: dict[int, str] = {}
    for start in range(0, len(paths), CHUNK):
        pixels: dict[int, Pixels] = {}
        for number, path in enumerate(paths[start : start + CHUNK], start):
            try:
                picture = open_picture(read_file(path, limits), form, limits)
                pixels[number] = fit_to(picture, form)
                misfits |= {number: why} if (why := picture.misfit(form)) else {}
            except UnreadableImage as error:
                errors[number] = str(error)
        if pixels:
            logits[list(pixels)] = predict(np.stack(list(pixels.values())))
    return logits, errors, misfits


def count_seen(run: saved_run.SavedRun, bank: Bank) -> tuple[int, int] | None:
    """Return how many of the images to evaluate the run was trained on, and of how many.

    Images that it was validated on count, too.

    Told by their files and by their decoded pixels; None where the images that the run was made of
    are not in the cache any more.
    """
    asked = bank.facts[evaluated(bank)]
    seen = leakage.count_seen(run, asked)
    return None if seen is None else (seen, len(asked))


def evaluated(bank: Bank) -> NDArray[np.int64]:
    """Return the records of a bank to evaluate: its test split where it has one, else all."""
    tested = np.flatnonzero([record.split == "test" for record in bank.records])
    return tested if len(tested) else np.arange(len(bank.records))


def evaluate_elsewhere(
    run: saved_run.SavedRun, bank: Bank, folder: Path, *, threads: int
) -> dict[str, Any]:
    """Evaluate a run's network on labelled images of another source; classes are matched by name.

    Of a source that names a test split this takes the test split, else all. Leaves
    `predictions.csv` and `evaluation.json` in the folder, and returns the figures. Raises
    ConvladderError where the source has a class that the network does not know.
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

    known = saved_run.SavedRun(folder).network["class_names"]
    for name in bank.class_names:
        if name not in known:
            raise ExperimentError(
                f"{bank.source} has class {name!r}, which {folder} was not trained on: it knows "
                f"{', '.join(known)}"
            )
    indices = evaluated(bank)
    records = [bank.records[index] for index in indices]
    return predictions.make_table(
        [record.path for record in records],
        [record.split if record.split == "test" else "all" for record in records],
        [known.index(bank.class_names[record.label]) for record in records],
        fit.predict_logits(load_network(saved_run.SavedRun(folder)), bank, indices),
        known,
    )
