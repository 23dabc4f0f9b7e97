"""Runs that stand for one network: a single one, or the folds of one seed put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from convladder.core.errors import RunError
from convladder.core.metrics import ACCURACY, LOG_LOSS, Metric
from convladder.evaluation import (
    calibration,
    cross_validation,
    predictions,
    robustness,
    scores,
    statistics,
)
from convladder.evaluation.calibration import Calibration
from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.robustness import Corrupted, Robustness
from convladder.evaluation.statistics import Estimate
from convladder.results.folders import TrialKey
from convladder.results.saved_run import SavedRun

if TYPE_CHECKING:
    from convladder.evaluation.curves import Curves


@dataclass(frozen=True)
class SeedRun:
    """The runs of one seed, one a fold, in order. Their test images are tested together, once."""

    runs: tuple[SavedRun, ...]

    @property
    def seed(self) -> int:
        return self.runs[0].seed

    @property
    def folds(self) -> int | None:
        return self.runs[0].experiment.data.folds

    def on_validation(self, metric: Metric) -> float:
        """Return the mean of the runs' values of a metric on validation."""
        return float(np.mean([run.measure(metric, "validation") for run in self.runs]))

    def best_run(self, metric: Metric) -> SavedRun:
        """Return the run that is best on validation: that of one fold, where there are several."""
        return max(self.runs, key=lambda run: metric.as_score(run.measure(metric, "validation")))

    @cached_property
    def tested(self) -> pd.DataFrame:
        """The predictions of all test images, fold after fold."""
        return (
            pd.concat(self._tested, ignore_index=True) if len(self._tested) > 1 else self._tested[0]
        )

    @property
    def figures(self) -> dict[str, Any]:
        """What `metrics.json` says of the test images: of all together."""
        if len(self.runs) == 1:
            return dict(self.runs[0].metrics["test"])
        from convladder.evaluation import metrics  # with scikit-learn, which takes long to import

        return dict(metrics.compute(self.tested)["test"])

    @property
    def not_trained_on(self) -> pd.DataFrame:
        """Predictions by networks that were not trained on the image, for each image once.

        Of folds these are of the test images, which are all images; of a single run of those of
        validation too.
        """
        return self.runs[0].predictions if len(self.runs) == 1 else self.tested

    @cached_property
    def tested_in(self) -> Folds:
        """The fold of each test image, `(images,)`."""
        return np.repeat(np.arange(len(self.runs)), [len(table) for table in self._tested])

    @cached_property
    def calibrated(self) -> Calibration:
        """How well test probabilities agree with the facts, each network after its temperature."""
        return calibration.assess(*(run.predictions for run in self.runs))

    @cached_property
    def recipes(self) -> frozenset[Recipe]:
        """How its test images were degraded.

        In one way, unless its folds are of several versions of convladder.
        """
        return frozenset(run.corrupted.recipe for run in self.runs)

    @cached_property
    def corrupted(self) -> Corrupted:
        """Which degraded test images were predicted correctly; rows are those of `tested`.

        Raises RunError where that was not in one way.
        """
        check_recipes([self])
        parts = [run.corrupted for run in self.runs]
        starts = np.cumsum([0, *(len(table) for table in self._tested)])[:-1]
        rows = [part.rows + start for part, start in zip(parts, starts, strict=True)]
        correct = np.concatenate([part.correct for part in parts], axis=-1)
        return Corrupted(np.concatenate(rows), correct, parts[0].recipe)

    @cached_property
    def _tested(self) -> list[pd.DataFrame]:
        """The predictions of each run's test images: cut out once."""
        return [run.tested for run in self.runs]


def best_seed(seeds: Sequence[SeedRun], metric: Metric) -> SeedRun:
    """Return the seed that is best on validation; of those that are equal, by log loss."""
    return max(
        seeds,
        key=lambda each: (metric.as_score(each.on_validation(metric)), -log_loss(each.runs)),
    )


def log_loss(runs: Sequence[SavedRun]) -> float:
    """Return the mean log loss on validation."""
    return fmean(run.measure(LOG_LOSS, "validation") for run in runs)


def not_trained_on(seeds: Sequence[SeedRun]) -> pd.DataFrame:
    """Average over seeds what networks predict of images that they were not trained on.

    Each image is there once. Raises RunError where the seeds are not of the same images.
    """
    return predictions.average([each.not_trained_on for each in seeds])


def pool(runs: Sequence[SavedRun]) -> tuple[SeedRun, ...]:
    """Put the runs of each seed together, in order; a seed that lacks a fold is left out."""
    by_seed: dict[int, list[SavedRun]] = {}
    for run in runs:
        by_seed.setdefault(run.seed, []).append(run)
    found = []
    for of_seed in by_seed.values():
        folds = of_seed[0].experiment.data.folds
        if folds is None:
            found += [SeedRun((run,)) for run in of_seed]
        elif len(of_seed) == folds:
            found.append(SeedRun(tuple(sorted(of_seed, key=lambda run: run.experiment.data.fold))))
    return tuple(found)


def trial_name(run: SavedRun) -> str:
    """Return which run of its rung it is, such as `seed 0` or `fold 2, seed 0`."""
    return TrialKey.of(run.rung, run.experiment).name


def estimate_of(run: SavedRun) -> Estimate:
    """Estimate a run's metric from its own test images, with an interval for the choice of these.

    Raises RunError where the metric cannot be measured on them.
    """
    metric, answers = run.experiment.judged_by, predictions.answers(run.tested)
    if said := scores.why_not(metric, answers.counts, "test"):
        raise RunError(f"{run.folder}: {said}")
    if metric == ACCURACY:
        return statistics.estimate(predictions.correct(run.tested)[np.newaxis])
    table, wrong = scores.score(metric, answers)[np.newaxis], scores.if_wrong(metric, answers)
    found = statistics.estimate(table, scale=scores.scale(metric, answers), wrong=wrong)
    return found.turned() if metric.lower_is_better else found


def robustness_of(run: SavedRun) -> Robustness:
    """Measure how much accuracy one run keeps on its own test images when they are degraded."""
    return measure_robustness([SeedRun((run,))])


def check_recipes(pooled: Iterable[SeedRun]) -> None:
    """Raise RunError where the test images of runs were not degraded in one way."""
    runs = [run for each in pooled for run in each.runs]
    for run in runs[1:]:
        if run.corrupted.recipe != runs[0].corrupted.recipe:
            raise RunError(
                f"{run.folder} and {runs[0].folder} were tested on differently degraded images, "
                "by different versions of convladder: train one of them again to compare them"
            )


def measure_robustness(seeds: Sequence[SeedRun]) -> Robustness:
    """Measure how much accuracy networks of one kind keep when the test images are degraded.

    Raises RunError where these were not degraded in one way.
    """
    check_recipes(seeds)
    first = seeds[0]
    clean = np.stack([predictions.correct(each.tested)[each.corrupted.rows] for each in seeds])
    estimate = partial(cross_validation.estimate, folds=first.tested_in[first.corrupted.rows])
    return robustness.measure([each.corrupted for each in seeds], clean, estimate)


def measure_curves(seeds: Sequence[SeedRun]) -> Curves:
    """Measure the ROC and precision-recall curves of networks of one kind.

    Raises RunError where they were not tested on the same images.
    """
    from convladder.evaluation.curves import Curves  # with scikit-learn, as above

    folds = seeds[0].tested_in if len(seeds[0].runs) > 1 else None
    try:
        return Curves([each.tested for each in seeds], folds)
    except ValueError as error:
        folders = ", ".join(str(each.runs[0].folder) for each in seeds)
        raise RunError(f"{error}: {folders}. Curves are of runs of one rung") from None
