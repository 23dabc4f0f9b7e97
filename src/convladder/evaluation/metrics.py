"""Figures of one table of predictions, all by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from convladder.evaluation import predictions

TOP_5_FROM = 10  # classes: among fewer, half the classes are a hit by chance


def compute(table: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of each split of the table, as JSON knows them."""
    return {split: _of_split(predictions.part(table, split)) for split in dict.fromkeys(table["split"])}


def _of_split(table: pd.DataFrame) -> dict[str, Any]:
    names = predictions.class_names(table)
    labels = table["label"].to_numpy(dtype=object)
    predicted = table["predicted"].to_numpy(dtype=object)
    positions = table["label"].map({name: position for position, name in enumerate(names)}).to_numpy()
    chances = predictions.probabilities(table)
    chances = np.clip(chances / chances.sum(axis=1, keepdims=True), np.finfo(np.float64).eps, 1)
    report = metrics.classification_report(
        labels, predicted, labels=names, target_names=names, output_dict=True, zero_division=0.0
    )
    figures = {
        "images": len(table),
        "accuracy": float(np.mean(labels == predicted)),
        "log_loss": float(-np.log(chances[np.arange(len(table)), positions]).mean()),
        "classes": {name: _rounded_row(report[name]) for name in names},
        "macro_average": _rounded_row(report["macro avg"]),
        "weighted_average": _rounded_row(report["weighted avg"]),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=names).tolist(),
    }
    if len(names) >= TOP_5_FROM:
        top_5 = metrics.top_k_accuracy_score(positions, chances, k=5, labels=np.arange(len(names)))
        figures["top_5_accuracy"] = float(top_5)
    return figures


def _rounded_row(row: dict[str, float]) -> dict[str, float]:
    return {
        "precision": float(row["precision"]),
        "recall": float(row["recall"]),
        "f1": float(row["f1-score"]),
        "images": int(row["support"]),
    }
