"""Where a network errs: classes, pairs of classes, and single images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.evaluation import predictions
from convladder.evaluation.intervals import Proportion, proportion

OF_PAIR = 6  # images that are kept of a pair


@dataclass(frozen=True)
class Confusion:
    """Images of one class that were taken for another.

    rows : where they stand in the table, the surest mistake first. share : of all images of the
        class.
    """

    label: str
    predicted: str
    rows: tuple[int, ...]
    share: Proportion


def class_accuracies(table: pd.DataFrame) -> dict[str, Proportion]:
    """Return for each class the share of its images that were predicted correctly."""
    right, labels = predictions.correct(table), table["label"].to_numpy()
    members = {name: right[labels == name] for name in predictions.class_names(table)}
    return {
        name: proportion(int(hits.sum()), len(hits)) for name, hits in members.items() if len(hits)
    }


def confused_pairs(table: pd.DataFrame, most: int = 5) -> list[Confusion]:
    """Return the pairs (class, taken for) with the most images, the most frequent first."""
    confidence = predictions.probabilities(table).max(axis=1)
    wrong = np.flatnonzero(~predictions.correct(table))
    surest_first = wrong[np.argsort(-confidence[wrong], kind="stable")]
    labels, taken_for = table["label"].tolist(), table["predicted"].tolist()
    found: dict[tuple[str, str], list[int]] = {}
    for row in surest_first.tolist():
        found.setdefault((labels[row], taken_for[row]), []).append(row)
    pairs = sorted(sorted(found.items()), key=lambda pair: -len(pair[1]))[:most]
    sizes = table["label"].value_counts()
    return [
        Confusion(label, predicted, tuple(rows), proportion(len(rows), int(sizes[label])))
        for (label, predicted), rows in pairs
    ]


def most_wrong(table: pd.DataFrame, most: int = 12) -> NDArray[np.int64]:
    """Return the wrong predictions by the probability of the true class, the least first."""
    chances = predictions.probabilities(table)[
        np.arange(len(table)), predictions.positions(table, "label")
    ]
    wrong = np.flatnonzero(~predictions.correct(table))
    return wrong[np.argsort(chances[wrong], kind="stable")][:most]
