"""What a page shows of the predictions on test: one panel after the other, in sections.

A panel is a row of a section and a template `panels/NAME.html`, which is given what the row makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convladder.evaluation import (
    curve_bands,
    metrics,
    mistakes,
    prediction_sets,
    wording,
)
from convladder.report import (
    confusion_picture,
    curve_plots,
    galleries,
    mistake_gallery,
    plots,
    threshold_rows,
)
from convladder.report.pictures import Pictures
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, measure_curves, trial_name

WANTED = (0.9, 0.95, 0.99)  # accuracies for which a threshold is shown, and coverages of sets
MOST_LISTED = 200  # pairs of classes in a table of mistakes

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


@dataclass(frozen=True)
class Panel:
    """One part of the page: the name of its template, and what makes the values in it."""

    name: str
    values: Callable[[Subject], Values]


@dataclass(frozen=True)
class Commonest:
    """The class that most test images have: None if several have as many. share : of all images."""

    name: str | None
    share: float


def show(subject: Subject) -> Values:
    """Return the panels of each section, and all that is in them."""
    shown: Values = {
        "panels": {name: [panel.name for panel in panels] for name, panels in SECTIONS.items()},
        "networks": len(subject.pooled.runs),
        "shown": subject.run,
        "shown_as": trial_name(subject.run),
        "test": subject.pooled.figures,
        "commonest": commonest_class(subject.pooled.figures),
    }
    for panel in (panel for panels in SECTIONS.values() for panel in panels):
        shown |= panel.values(subject)
    return shown


def commonest_class(test: Mapping[str, Any]) -> Commonest:
    """Return which class most test images have, and how many of all."""
    counts = {name: row["images"] for name, row in test["classes"].items()}
    most = max(counts.values())
    names = [name for name, count in counts.items() if count == most]
    return Commonest(names[0] if len(names) == 1 else None, most / test["images"])


def _confusion(subject: Subject) -> Values:
    test = subject.pooled.figures
    matrix, classes = np.array(test["confusion_matrix"]), list(test["classes"])
    subject.pictures.keep_chart("confusion", plots.draw_confusion(matrix, classes))
    picture = confusion_picture.picture_of(matrix, classes)
    return {"confusion": picture, "layout": confusion_picture, "most_listed": MOST_LISTED}


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
        shown["roc"] = add("roc", curve_plots.draw_roc(found), "ROC curves by class")
        shown["precision_recall"] = add(
            "precision-recall",
            curve_plots.draw_precision_recall(found),
            "Precision-recall curves by class",
        )
    return shown


def _gallery(subject: Subject) -> Values:
    """One gallery is on the page; two pictures of samples alone are kept as files."""
    subject.pictures.keep("samples", galleries.samples_of(subject.run))
    subject.pictures.keep("heat", galleries.heat_of(subject.run))
    return {
        "gallery": mistake_gallery.gather(subject.pooled, subject.run, subject.seeds),
        "seeds": len(subject.seeds),
        "disputed": mistake_gallery.DISPUTED,
        "worst": mistake_gallery.WORST,
        "confused": mistake_gallery.CONFUSED,
    }


def _pairs(subject: Subject) -> Values:
    return {"pairs": mistakes.confused_pairs(subject.pooled.tested)}


def _calibration(subject: Subject) -> Values:
    found = subject.pooled.calibrated
    drawn = plots.draw_reliability(found.bins, found.bins_after)
    said = "Accuracy on test against confidence, as trained and after the temperature"
    return {
        "calibration_reading": wording.of_calibration(found, len(subject.pooled.runs)),
        "calibrated": found,
        "reliability": subject.pictures.add("reliability", drawn, said),
    }


def _threshold(subject: Subject) -> Values:
    return {"thresholds": threshold_rows.rows_of(subject.run.predictions, WANTED)}


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


SECTIONS = {
    "mistakes": (
        Panel("pairs", _pairs),
        Panel("gallery", _gallery),
        Panel("confusion", _confusion),
        Panel("classes", _classes),
    ),
    "confidence": (
        Panel("calibration", _calibration),
        Panel("threshold", _threshold),
        Panel("sets", _sets),
        Panel("ranking", _ranking),
    ),
    "inside": (Panel("layers", _layers),),
}
