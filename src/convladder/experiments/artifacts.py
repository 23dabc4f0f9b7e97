"""What a trial keeps beside its figures: images, evidence, features, and how much it bears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from convladder.data.dataset import SplitDataset
from convladder.data.decoding.image_form import Pixels
from convladder.evaluation import corruptions, label_errors, mistakes, predictions
from convladder.evaluation.robustness import Corrupted
from convladder.experiments.corrupted_images import CorruptedImages
from convladder.results.saved_run import Features, Samples

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

SAMPLES = 12  # of right and of wrong test images each


def take_samples(network: keras.Model, table: pd.DataFrame, dataset: SplitDataset) -> Samples:
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


def take_features(network: keras.Model, samples: Samples) -> Features:
    """Take the filters of the first convolution, and what each layer makes of the first sample."""
    from convladder.models import feature_maps

    pixels = samples.pixels[0]
    return Features(
        pixels, feature_maps.first_filters(network), feature_maps.feature_maps(network, pixels)
    )


def predict_worsened(
    network: keras.Model, dataset: SplitDataset, worsened: CorruptedImages
) -> Corrupted:
    """Predict the dataset's test images in each corruption and strength."""
    from convladder.training import fit

    truth = dataset.bank.labels[dataset.splits.test[worsened.rows]]
    predict = fit.predictor(network)
    correct = np.zeros((len(corruptions.NAMES), corruptions.STRENGTHS, len(truth)), dtype=bool)
    for place, name in enumerate(corruptions.NAMES):
        for level in range(corruptions.STRENGTHS):
            for part, pixels in worsened.batches(name, level + 1):
                correct[place, level, part] = predict(pixels).argmax(axis=1) == truth[part]
    form = dataset.bank.form
    return Corrupted(worsened.rows, correct, corruptions.recipe(form.height, form.width))


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
