"""Flip some labels of a data set, train on it, and count which of the suspected label errors were
planted: those of one seed, and those of several seeds together.

python benchmarks/claims/label_errors.py [DATA] [SHARE FLIPPED] [IMAGES] [TIMES]

Each time other labels are flipped, and five seeds are trained. Figures of one and of three seeds
are averaged over all choices of so many of the five.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import convladder as cl
from convladder.evaluation import label_errors, predictions

SEEDS = 5
TOGETHER = (1, 3, 5)
RUNG = "dropout-conv"
FIRST = 20  # suspects that a person would look at


@dataclass(frozen=True)
class Found:
    """Suspects of which we know whether they were planted.

    precision : share of the suspects that were. recall : share of the planted ones that are
    suspected. first : how many of the first twenty were planted.
    """

    suspected: float
    precision: float
    recall: float
    first: float

    @classmethod
    def of(cls, suspects: pd.Series[str], planted: set[str]) -> Found:
        """Count the planted ones among the suspected files, the worst first."""
        hits = suspects.isin(planted)
        precision = float(hits.mean()) if len(hits) else float("nan")
        return cls(len(hits), precision, hits.sum() / len(planted), float(hits.head(FIRST).sum()))

    @classmethod
    def mean(cls, several: Sequence[Found]) -> Found:
        """Average over several choices of seeds."""
        return cls(*np.mean([list(vars(each).values()) for each in several], axis=0).tolist())


def plant(images: cl.Dataset, share: float, seed: int, path: Path) -> set[str]:
    """Write the images with flipped labels as an npz file; return the names of the flipped ones
    there.
    """
    draw, classes = np.random.default_rng(seed), len(images.class_names)
    arrays, planted = {}, set()
    for part in ("train", "validation", "test"):
        labels = images.labels(part)
        flipped = draw.random(len(labels)) < share
        others = (labels + draw.integers(1, classes, len(labels))) % classes
        arrays |= {f"x_{part}": images.images(part), f"y_{part}": np.where(flipped, others, labels)}
        planted |= {f"{part}[{number}]" for number in np.flatnonzero(flipped)}
    np.savez(path, class_names=np.array(images.class_names), **arrays)
    return planted


def find(tables: Sequence[pd.DataFrame], planted: set[str]) -> dict[str, Found]:
    """Count what is suspected by so many seeds; and by cleanlab of one, where it is installed."""
    found = {}
    for count in TOGETHER:
        averaged = [predictions.average(chosen) for chosen in combinations(tables, count)]
        found[f"{count} seed{'s'[: count > 1]}"] = Found.mean(
            [Found.of(label_errors.suspects(table)["path"], planted) for table in averaged]
        )
    if importlib.util.find_spec("cleanlab"):
        for way in ("confident_learning", "both"):
            found[f"cleanlab, {way}"] = Found.mean(
                [Found.of(_cleanlab(table, way), planted) for table in tables]
            )
    return found


def _cleanlab(table: pd.DataFrame, way: str) -> pd.Series[str]:
    from cleanlab.filter import find_label_issues

    labels, chances = predictions.positions(table, "label"), predictions.probabilities(table)
    rows = find_label_issues(
        labels, chances, filter_by=way, return_indices_ranked_by="normalized_margin"
    )
    return table["path"].iloc[rows]


def main(data: str = "digits", share: str = "0.05", limit: str = "", times: str = "3") -> None:
    images = cl.load(data, limit=int(limit) if limit else None, quiet=True)
    print(
        f"{data}: {float(share):.0%} of the labels flipped at random; the classic ladder's {RUNG}"
    )
    print(
        f"time  {'together':28} test accuracy  planted  suspected  precision  recall  flipped of "
        f"the first {FIRST}"
    )
    for time in range(int(times)):
        with tempfile.TemporaryDirectory() as folder:
            planted = plant(images, float(share), time, Path(folder) / "flipped.npz")
            climb = cl.climb(
                f"{folder}/flipped.npz",
                rungs=[RUNG],
                seeds=SEEDS,
                out=f"{folder}/climb",
                quiet=True,
            )
            runs = climb.runs(RUNG)
            asked = planted & set(runs[0].predictions["path"])
            accuracy = np.mean([run.metrics["test"]["accuracy"] for run in runs])
            found = find([run.predictions for run in runs], asked)
        for way, each in found.items():
            print(
                f"{time:4}  {way:28} {accuracy:13.3f}  {len(asked):7}  {each.suspected:9.1f}  "
                f"{each.precision:9.3f}  {each.recall:6.3f}  {each.first:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
