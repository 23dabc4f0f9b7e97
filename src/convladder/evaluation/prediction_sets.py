"""Prediction sets of one network: chosen on validation, and their coverage measured on test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.evaluation import calibration, conformal, predictions
from convladder.evaluation.intervals import Proportion, proportion


@dataclass(frozen=True)
class PredictionSets:
    """Sets that should hold the true class of so many new images, and what they do on test.

    wanted : the coverage that was asked for. least_probability : the probability, after
    temperature, from which on a class belongs to the set of an image; the likeliest one always
    does. None where there are too few validation images. coverage : the share of test images whose
    set holds the true class. single : the share whose set has one class. mean_size : the mean
    number of classes. These three are of no images, and None, without sets. validation : the number
    of validation images.
    """

    wanted: float
    least_probability: float | None
    coverage: Proportion
    single: Proportion
    mean_size: float | None
    validation: int

    @property
    def fewest(self) -> int:
        """How many validation images it takes at least to promise the coverage."""
        return conformal.fewest_images(self.wanted)


def measure(table: pd.DataFrame, coverage: float = conformal.COVERAGE) -> PredictionSets:
    """Choose sets of this coverage on the split `validation` of a table; judge them on `test`.

    Both after the temperature, as probabilities are shown (`calibration`). Raises ExperimentError
    where the coverage is not between 0 and 1.
    """
    conformal.check_coverage(coverage)
    validation, test = (predictions.part(table, name) for name in ("validation", "test"))
    temperature = calibration.temperature_of(table)
    least = conformal.least_probability(
        _of_true_class(_heated(validation, temperature), validation), coverage
    )
    if least is None:
        none = proportion(0, 0)
        return PredictionSets(coverage, None, none, none, None, len(validation))
    held = conformal.members(_heated(test, temperature), least)
    sizes = held.sum(axis=1)
    return PredictionSets(
        wanted=coverage,
        least_probability=least,
        coverage=proportion(int(_of_true_class(held, test).sum()), len(test)),
        single=proportion(int((sizes == 1).sum()), len(test)),
        mean_size=float(sizes.mean()) if len(sizes) else None,
        validation=len(validation),
    )


def _heated(rows: pd.DataFrame, temperature: float) -> NDArray[np.float64]:
    return calibration.apply_temperature(predictions.probabilities(rows), temperature)


def _of_true_class(values: NDArray[Any], rows: pd.DataFrame) -> NDArray[Any]:
    """Return of values `(N, classes)` those of each image's true class, `(N,)`."""
    found: NDArray[Any] = values[np.arange(len(rows)), predictions.positions(rows, "label")]
    return found
