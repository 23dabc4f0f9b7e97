"""The table of predictions: the one thing from which every figure is derived.

One row per image: `path`, `split`, `label`, `predicted`, and a column `p:<class>` for each class.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from convladder.core import files
from convladder.core.errors import RunError
from convladder.evaluation.frames import keep_any_text

keep_any_text()

PREFIX = "p:"
_DIGITS = "%.8g"

Places = NDArray[np.integer[Any]]  # positions in the list of classes


@dataclass(frozen=True)
class Answers:
    """What was predicted of n images.

    Their true and predicted classes `(n,)`, and the probability of each class, `(n, classes)`.
    """

    class_names: Sequence[str]
    labels: Places
    predicted: Places
    probabilities: NDArray[np.float64]

    @property
    def counts(self) -> dict[str, int]:
        """How many images each class has."""
        counted = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counted.tolist(), strict=True))

    def of(self, images: NDArray[np.bool_]) -> Answers:
        """Return those of some of the images; `images` is `(n,)`."""
        parts = (self.labels[images], self.predicted[images], self.probabilities[images])
        return Answers(self.class_names, *parts)


def answers_of(
    class_names: Sequence[str], labels: Sequence[int] | Places, logits: NDArray[np.float32]
) -> Answers:
    """Return the answers that logits `(N, classes)` are; labels are positions in `class_names`."""
    chances = softmax(logits.astype(np.float64), axis=1)
    return Answers(class_names, np.asarray(labels), logits.argmax(axis=1), chances)


def make_table(
    paths: Sequence[str],
    splits: Sequence[str],
    labels: Sequence[int],
    logits: NDArray[np.float32],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Make the table of logits `(N, classes)`; labels are positions in `class_names`."""
    names, found = np.array(class_names, dtype=object), answers_of(class_names, labels, logits)
    table = pd.DataFrame(
        {
            "path": list(paths),
            "split": list(splits),
            "label": names[list(labels)],
            "predicted": names[found.predicted],
        }
    )
    columns = pd.DataFrame(found.probabilities, columns=[PREFIX + name for name in class_names])
    return pd.concat([table, columns], axis=1)


def write(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Write the table, and return it as it will be read: figures come from what is on disk."""
    files.write_text(path, _to_csv(table))
    return read(path)


def _to_csv(table: pd.DataFrame) -> str:
    # all text is quoted, since a class or file name may hold any line break
    return table.to_csv(
        index=False, float_format=_DIGITS, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
    )


def read(path: Path) -> pd.DataFrame:
    """Read a table of predictions. Raises RunError where the file is none."""
    try:
        columns = pd.read_csv(path, nrows=0, encoding_errors="surrogateescape").columns
        words = {"path", "split", "label", "predicted"}
        # plain objects: Arrow's strings cannot hold file names that are not UTF-8
        kinds = {name: object if name in words else np.float64 for name in columns}
        table = pd.read_csv(
            path, dtype=kinds, keep_default_na=False, encoding_errors="surrogateescape"
        )
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read the predictions in {path}: {error}") from None
    if not words <= set(columns):
        raise RunError(
            f"{path} is not a table of predictions: it lacks "
            f"{', '.join(sorted(words - set(columns)))}"
        )
    return table


def class_names(table: pd.DataFrame) -> list[str]:
    """Return the classes in their order."""
    return [name.removeprefix(PREFIX) for name in table.columns if name.startswith(PREFIX)]


def probabilities(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the probabilities, `(N, classes)`."""
    columns = [name for name in table.columns if name.startswith(PREFIX)]
    values: NDArray[np.float64] = table[columns].to_numpy(dtype=np.float64)
    return values


def positions(table: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """Return the classes in `label` or `predicted` as positions in `class_names`, `(N,)`."""
    place = {name: number for number, name in enumerate(class_names(table))}
    return np.asarray(table[column].map(place), dtype=np.int64)


def answers(table: pd.DataFrame) -> Answers:
    """Return all rows as arrays."""
    labels, predicted = (positions(table, column) for column in ("label", "predicted"))
    chances = probabilities(table)
    sums = chances.sum(axis=1, keepdims=True)  # not quite 1, as digits are cut off
    return Answers(class_names(table), labels, predicted, chances / sums)


def part(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the rows of one split."""
    return table[table["split"] == split].reset_index(drop=True)


def correct(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows are predicted correctly, `(N,)`."""
    right: NDArray[np.bool_] = (table["label"] == table["predicted"]).to_numpy(dtype=bool)
    return right


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return what several networks predict together: the mean of their probabilities.

    `predicted` is the class of the largest mean. The rows, one per image, are in the order of the
    first table. Raises RunError where the tables are of other images, labels or classes.
    """
    first = tables[0]
    rest = [_in_order(table, first) for table in tables[1:]]
    means = np.mean([probabilities(table) for table in (first, *rest)], axis=0)
    names = np.array(class_names(first), dtype=object)
    columns = dict(zip((PREFIX + name for name in names), means.T, strict=True))
    return first.assign(predicted=names[means.argmax(axis=1)], **columns)


def _in_order(table: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order of a first table's. Raises RunError where others are there."""
    images = ["split", "path"]
    if not table[images].equals(first[images]):
        wanted = pd.MultiIndex.from_frame(first[images])
        found = table.set_index(images)
        if len(found) != len(wanted) or not wanted.isin(found.index).all():
            raise RunError("predictions of other images cannot be averaged with the first's")
        table = found.loc[wanted].reset_index()
    same_labels = table["label"].tolist() == first["label"].tolist()
    if class_names(table) != class_names(first) or not same_labels:
        raise RunError("predictions of other classes or labels cannot be averaged with the first's")
    return table
