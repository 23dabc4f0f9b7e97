"""Figures of a table of predictions: those of scikit-learn's report, and more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics

from convladder.evaluation import predictions

Places = NDArray[np.integer[Any]]  # positions in the list of classes

TOP_5_FROM = 20  # classes: among fewer, more than a quarter of all guesses are hits


def compute(table: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of each split of the table, as JSON knows them."""
    return {
        split: _of_split(predictions.part(table, split)) for split in dict.fromkeys(table["split"])
    }


def _of_split(table: pd.DataFrame) -> dict[str, Any]:
    names = predictions.class_names(table)
    labels, predicted = (predictions.positions(table, column) for column in ("label", "predicted"))
    chances = predictions.probabilities(table)
    chances = np.clip(chances / chances.sum(axis=1, keepdims=True), np.finfo(np.float64).eps, 1)
    classes = np.arange(len(names))
    figures = {
        "images": len(table),
        "accuracy": float(np.mean(labels == predicted)),
        "log_loss": float(-np.log(chances[np.arange(len(table)), labels]).mean()),
        "classes": dict(zip(names, _by_class(labels, predicted, classes), strict=True)),
        "macro_average": _average("macro", labels, predicted),
        "weighted_average": _average("weighted", labels, predicted),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
    }
    if len(names) >= TOP_5_FROM:
        figures["top_5_accuracy"] = float(
            metrics.top_k_accuracy_score(labels, chances, k=5, labels=classes)
        )
    return figures


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
