"""What a trial leaves in its run folder: network, predictions, images, evidence, figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from convladder.core import files
from convladder.core.experiment import Experiment
from convladder.core.settings.train import Train
from convladder.data.dataset import SplitDataset
from convladder.data.decoding.image_form import Pixels
from convladder.evaluation import corruptions, label_errors, metrics, mistakes, predictions
from convladder.evaluation.robustness import Corrupted
from convladder.experiments.corrupted_images import CorruptedImages
from convladder.experiments.pretrained.corrupted_features import CorruptedFeatures
from convladder.results import saved_run
from convladder.results.saved_run import Features, Samples
from convladder.training.state import frozen_epochs

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from convladder.models.cost import Cost
    from convladder.training.fit import FitResult

SAMPLES = 12  # of right and of wrong test images each


def leave(
    fitted: FitResult,
    dataset: SplitDataset,
    experiment: Experiment,
    shared: Path | None,
    folder: Path,
) -> dict[str, Any]:
    """Open the test split; leave all but two files of a run, and return its figures.

    shared : where a climb keeps degraded images for all of its trials.
    """
    from convladder.models import cost

    _write_network(folder, fitted, dataset)
    fitted.history.to_csv(folder / "history.csv", index=False, lineterminator="\n")
    written = predictions.write(_predict(fitted, dataset), folder / "predictions.csv")
    saved_run.write_splits(folder, dataset.split_table())
    samples = _take_samples(fitted.network, written, dataset)
    features = _take_features(fitted.network, samples)
    degraded = CorruptedImages.of(dataset, shared)
    corrupted = _predict_corrupted(fitted, dataset, degraded, experiment)
    saved_run.write_arrays(folder, samples, features, corrupted)
    figures: dict[str, Any] = metrics.compute(written, experiment.judged_by)
    figures["kept_epoch"] = fitted.epoch
    images = len(dataset.splits.train)
    figures["price"] = _price(
        cost.measure(fitted.network), folder, fitted.history, experiment.train, images
    )
    return figures


def _take_samples(network: keras.Model, table: pd.DataFrame, dataset: SplitDataset) -> Samples:
    """Take test images at random, half right and half wrong if possible, and telling mistakes.

    `table` holds the network's predictions. With each goes where the network found evidence for
    what it predicted.
    """
    from convladder.models import gradcam

    test = predictions.part(table, "test")
    rows, drawn = _choose(table)
    pixels = _test_pixels(dataset, rows)
    predicted = predictions.positions(test, "predicted")[rows]
    heat = gradcam.heat_maps(network, pixels, predicted)
    return Samples(pixels, rows, np.arange(len(rows)) < drawn, np.rint(255 * heat).astype(np.uint8))


def _take_features(network: keras.Model, samples: Samples) -> Features:
    """Take the filters of the first convolution, and what each layer makes of the first sample."""
    from convladder.models import feature_maps

    pixels = samples.pixels[0]
    return Features(
        pixels, feature_maps.first_filters(network), feature_maps.feature_maps(network, pixels)
    )


def _predict_corrupted(
    fitted: FitResult, dataset: SplitDataset, corrupted: CorruptedImages, experiment: Experiment
) -> Corrupted:
    """Predict the dataset's test images in each corruption and strength."""
    from convladder.training import features, fit

    truth = dataset.bank.labels[dataset.splits.test[corrupted.rows]]
    predict = fit.predictor(fitted.network)
    kept = CorruptedFeatures.of(experiment, corrupted)
    correct = np.zeros((len(corruptions.NAMES), corruptions.STRENGTHS, len(truth)), dtype=bool)
    for place, name in enumerate(corruptions.NAMES):
        if kept is not None and (vectors := kept.read(name)) is not None:
            logits = features.classify(fitted.network, np.concatenate(vectors))
            correct[place] = logits.argmax(axis=1).reshape(-1, len(truth)) == truth
            continue
        for level in range(corruptions.STRENGTHS):
            for part, pixels in corrupted.batches(name, level + 1):
                correct[place, level, part] = predict(pixels).argmax(axis=1) == truth[part]
    form = dataset.bank.form
    return Corrupted(corrupted.rows, correct, corruptions.recipe(form.height, form.width))


def _choose(table: pd.DataFrame) -> tuple[NDArray[np.int64], int]:
    """Return rows of the test predictions, and how many, the first, were drawn at random."""
    test = predictions.part(table, "test")
    right = predictions.correct(test)
    draw = np.random.default_rng(0)
    drawn = np.concatenate(
        [draw.permutation(np.flatnonzero(right == wanted))[:SAMPLES] for wanted in (True, False)]
    )
    telling = [
        *mistakes.most_wrong(test).tolist(),
        *label_errors.suspected_rows(table, "test")[:SAMPLES],
    ]
    for pair in mistakes.confused_pairs(test):
        telling += pair.rows[: mistakes.OF_PAIR]
    others = np.setdiff1d(np.array(telling, dtype=np.int64), drawn)
    return np.concatenate([drawn, others]), len(drawn)


def _test_pixels(dataset: SplitDataset, rows: NDArray[np.int64]) -> Pixels:
    return dataset.bank.images[dataset.bank.rows[dataset.splits.test[rows]]]


def _predict(fitted: FitResult, dataset: SplitDataset) -> pd.DataFrame:
    parts = {"validation": dataset.splits.validation, "test": dataset.splits.test}
    indices = np.concatenate(list(parts.values()))
    return predictions.make_table(
        [dataset.bank.records[index].path for index in indices],
        [split for split, members in parts.items() for _ in members],
        dataset.bank.labels[indices].tolist(),
        fitted.predict_logits(dataset.bank, indices),
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
