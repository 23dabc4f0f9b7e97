"""Figures of a table of predictions: those of scikit-learn's report, and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from convladder.core.metrics import ACCURACY, LOG_LOSS, Metric
from convladder.evaluation import predictions, scores
from convladder.evaluation.predictions import Answers, Places

TOP_5_FROM = 20  # classes: among fewer, more than a quarter of all guesses are hits


@dataclass(frozen=True)
class Figure:
    """One figure of all answers. name : as files have it. title : for people.

    fewest_classes : it says nothing of fewer.
    """

    name: str
    title: str
    measure: Callable[[Answers], float]
    fewest_classes: int = 1


def _accuracy(answers: Answers) -> float:
    return scores.value(ACCURACY, answers)


def _log_loss(answers: Answers) -> float:
    return scores.value(LOG_LOSS, answers)


def _top_5_accuracy(answers: Answers) -> float:
    labels, chances = answers.labels, answers.probabilities
    classes = np.arange(chances.shape[1])
    return float(metrics.top_k_accuracy_score(labels, chances, k=5, labels=classes))


FIGURES = (
    Figure("accuracy", "accuracy", _accuracy),
    Figure("log_loss", "log loss", _log_loss),
    Figure("top_5_accuracy", "top-5 accuracy", _top_5_accuracy, TOP_5_FROM),
)


def measured(figures: Mapping[str, Any], judged_by: Metric = ACCURACY) -> dict[str, float]:
    """Return the metrics among the figures of a split, under their names; older runs have fewer."""
    names = dict.fromkeys([*(each.name for each in FIGURES), judged_by.column])
    return {name: figures[name] for name in names if name in figures}


def told(figures: Mapping[str, Any], *, but: str = "") -> str:
    """Write the metrics among the figures of a split; `but` names one to leave out.

    >>> told({"accuracy": 0.9, "log_loss": 0.25, "images": 100})
    'accuracy 0.9000, log loss 0.2500'
    """
    titles = {each.name: each.title for each in FIGURES if each.name != but}
    found = {titles[name]: value for name, value in measured(figures).items() if name in titles}
    return ", ".join(f"{title} {value:.4f}" for title, value in found.items())


def compute(table: pd.DataFrame, judged_by: Metric = ACCURACY) -> dict[str, Any]:
    """Return the figures of each split of the table, as JSON knows them.

    judged_by : a metric that is among them where the images can show it.
    """
    return {
        split: _of_split(predictions.part(table, split), judged_by)
        for split in dict.fromkeys(table["split"])
    }


def _of_split(table: pd.DataFrame, judged_by: Metric) -> dict[str, Any]:
    names = predictions.class_names(table)
    answers = predictions.answers(table)
    labels, predicted = answers.labels, answers.predicted
    classes = np.arange(len(names))
    return {
        "images": len(table),
        **{
            each.name: each.measure(answers)
            for each in FIGURES
            if len(names) >= each.fewest_classes
        },
        **_judged(answers, judged_by),
        "classes": dict(zip(names, _by_class(labels, predicted, classes), strict=True)),
        "macro_average": _average("macro", labels, predicted),
        "weighted_average": _average("weighted", labels, predicted),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def _judged(answers: Answers, metric: Metric) -> dict[str, float]:
    if metric == ACCURACY or scores.why_not(metric, answers.counts, ""):
        return {}
    return {metric.column: scores.value(metric, answers)}


def _by_class(labels: Places, predicted: Places, classes: Places) -> list[Any]:
    columns = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0.0
    )
    return [_row(*values) for values in zip(*columns, strict=True)]


def _average(kind: str, labels: Places, predicted: Places) -> dict[str, float]:
    """Average over the classes that occur, be it as a label or as a prediction."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average=kind, zero_division=0.0
    )
    return _row(precision, recall, f1, len(labels))


def _row(precision: float, recall: float, f1: float, images: int) -> dict[str, float]:
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "images": int(images),
    }
