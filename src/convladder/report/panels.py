"""What a page shows of the predictions on test: one panel after the other.

A panel is a row of PANELS and a template `panels/NAME.html`, which is given what the row makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from convladder.evaluation import (
    calibration,
    curve_bands,
    label_errors,
    metrics,
    mistakes,
    prediction_sets,
    predictions,
    wording,
)
from convladder.report import curve_plots, galleries, plots
from convladder.report.pictures import Pictures
from convladder.report.samples import Sample, predicted_as, read_kept, read_samples
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, measure_curves, not_trained_on, trial_name

SUSPECTS = 12  # images with suspected labels
WANTED = (0.9, 0.95, 0.99)  # accuracies for which a threshold is shown, and coverages of sets

Values = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What panels are of.

    `pooled` is for figures of all test images together, `run` for what one network sees, `seeds`
    for what all networks of this kind say. `pictures` takes what they draw.
    """

    pooled: SeedRun
    run: SavedRun
    pictures: Pictures
    seeds: tuple[SeedRun, ...]

    @cached_property
    def kept(self) -> dict[int, Sample]:
        """The test images that are kept, by their row."""
        return read_kept(self.pooled)

    def pick(self, rows: Iterable[int]) -> list[Sample]:
        """Return those of the rows whose images are kept."""
        return [self.kept[row] for row in rows if row in self.kept]


@dataclass(frozen=True)
class Panel:
    """One part of the page: the name of its template, and what makes the values in it."""

    name: str
    values: Callable[[Subject], Values]


def show(subject: Subject) -> Values:
    """Return what `predictions.html` shows: the panels, and all that is in them."""
    shown: Values = {
        "panels": [panel.name for panel in PANELS],
        "networks": len(subject.pooled.runs),
        "shown": subject.run,
        "shown_as": trial_name(subject.run),
        "test": subject.pooled.figures,
    }
    for panel in PANELS:
        shown |= panel.values(subject)
    return shown


def _confusion(subject: Subject) -> Values:
    test = subject.pooled.figures
    matrix, classes = np.array(test["confusion_matrix"]), list(test["classes"])
    return {"confusion": subject.pictures.add("confusion", plots.draw_confusion(matrix, classes))}


def _classes(subject: Subject) -> Values:
    return {
        "class_accuracies": mistakes.class_accuracies(subject.pooled.tested),
        "measured": metrics.told(subject.pooled.figures),
    }


def _ranking(subject: Subject) -> Values:
    found = measure_curves(subject.seeds)
    shown: Values = {"ranked": found, "deciding": curve_bands.DECIDING, "roc": None}
    if found.areas:
        add = subject.pictures.add
        shown["roc"] = add("roc", curve_plots.draw_roc(found))
        shown["precision_recall"] = add(
            "precision-recall", curve_plots.draw_precision_recall(found)
        )
    return shown


def _samples(subject: Subject) -> Values:
    subject.pictures.keep("samples", galleries.samples_of(subject.run))
    samples = read_samples(subject.run)
    return {
        "right_samples": [sample for sample in samples if sample.right],
        "wrong_samples": [sample for sample in samples if not sample.right],
    }


def _heat(subject: Subject) -> Values:
    """Its images are those of the samples."""
    subject.pictures.keep("heat", galleries.heat_of(subject.run))
    return {}


def _pairs(subject: Subject) -> Values:
    table = subject.pooled.tested
    return {
        "pairs": [
            (pair, subject.pick(pair.rows)[: mistakes.OF_PAIR])
            for pair in mistakes.confused_pairs(table)
        ],
        "most_wrong": subject.pick(mistakes.most_wrong(table).tolist()),
    }


def _suspects(subject: Subject) -> Values:
    """Those that all seeds dispute together, of which any seed has kept the image."""
    table = not_trained_on(subject.seeds)
    kept = {each.path: each for seed in subject.seeds for each in read_kept(seed).values()}
    test = predictions.part(table, "test").iloc[label_errors.suspected_rows(table, "test")]
    shown = test[test["path"].isin(kept)].head(SUSPECTS).to_dict("records")
    return {
        "suspects": [predicted_as(kept[row["path"]], row) for row in shown],
        "seeds": len(subject.seeds),
    }


def _calibration(subject: Subject) -> Values:
    found = subject.pooled.calibrated
    drawn = plots.draw_reliability(found.bins, found.bins_after)
    return {
        "calibration_reading": wording.of_calibration(found, len(subject.pooled.runs)),
        "reliability": subject.pictures.add("reliability", drawn),
    }


def _threshold(subject: Subject) -> Values:
    table = subject.run.predictions
    return {"selections": [calibration.select(table, wanted) for wanted in WANTED]}


def _sets(subject: Subject) -> Values:
    table = subject.run.predictions
    return {"sets": [prediction_sets.measure(table, wanted) for wanted in WANTED]}


def _layers(subject: Subject) -> Values:
    subject.pictures.keep("filters", galleries.filters_of(subject.run))
    subject.pictures.keep("features", galleries.features_of(subject.run))
    return {
        "filters": galleries.filter_pictures(subject.run),
        "features": subject.run.features,
    }


PANELS = (
    Panel("confusion", _confusion),
    Panel("classes", _classes),
    Panel("ranking", _ranking),
    Panel("samples", _samples),
    Panel("heat", _heat),
    Panel("pairs", _pairs),
    Panel("suspects", _suspects),
    Panel("calibration", _calibration),
    Panel("threshold", _threshold),
    Panel("sets", _sets),
    Panel("layers", _layers),
)
