"""Labels that look wrong, found by confident learning.

Northcutt, Jiang, Chuang 2021, "Confident learning: estimating uncertainty in dataset labels", JAIR
70. A network is asked about images that it was not trained on; a label is suspected where the
network is as sure of another class as it is, on average, of that class's own images. That ranks the
labels to look at; how many of them are wrong depends on how good the network is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from convladder.evaluation import predictions


# docs/decisions/014-suspected-labels-are-a-ranking.md
def suspects(table: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions whose label is suspected, the worst first.

    `table` must hold images that the network was not trained on. The columns are `path`, `split`,
    `label`, `suggested` (the class that it looks like) and `margin`: the probability of the label
    less that of the likeliest other class, from -1 up, by which the rows are ordered. The index is
    that of `table`.
    """
    names = predictions.class_names(table)
    chances = predictions.probabilities(table)
    labels = predictions.positions(table, "label")
    rows = np.arange(len(table))
    own = chances[rows, labels]
    counts = np.bincount(labels, minlength=len(names))
    usual = np.where(
        counts, np.bincount(labels, own, minlength=len(names)) / np.maximum(counts, 1), np.inf
    )
    confident = np.where(chances >= usual, chances, -1.0)
    suggested = confident.argmax(axis=1)
    others = chances.copy()
    others[rows, labels] = -1.0
    margin = own - others.max(axis=1)
    suspected = np.flatnonzero((suggested != labels) & (confident.max(axis=1) >= 0))
    worst_first = suspected[np.argsort(margin[suspected], kind="stable")]
    found = table[["path", "split", "label"]].iloc[worst_first]
    return found.assign(
        suggested=np.array(names, dtype=object)[suggested[worst_first]], margin=margin[worst_first]
    )


def suspected_rows(table: pd.DataFrame, split: str) -> list[int]:
    """Return the places of a split's suspected images among its rows, the worst first."""
    found = suspects(table)
    rows = np.flatnonzero(table["split"] == split)
    places: list[int] = np.searchsorted(rows, found.index[found["split"] == split]).tolist()
    return places
