"""Flip some labels of a data set, train on it, and count which of the suspected label errors were
planted.

python benchmarks/claims/label_errors.py [DATA] [SHARE FLIPPED] [IMAGES]
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import convladder as cl
from convladder.evaluation import predictions

SEEDS = 3
FIRST = 20  # suspects that a person would look at


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


def find(run: cl.Run) -> dict[str, pd.Series[str]]:
    """Return the suspected files, the worst first: ours, and cleanlab's where that is installed."""
    table = run.predictions
    found = {"ours": run.suspected_labels()["path"]}
    if importlib.util.find_spec("cleanlab"):
        from cleanlab.filter import find_label_issues

        labels, chances = predictions.positions(table, "label"), predictions.probabilities(table)
        for way in ("confident_learning", "both"):
            rows = find_label_issues(
                labels, chances, filter_by=way, return_indices_ranked_by="normalized_margin"
            )
            found[f"cleanlab, {way}"] = table["path"].iloc[rows]
    return found


def main(data: str = "digits", share: str = "0.05", limit: str = "") -> None:
    images = cl.load(data, limit=int(limit) if limit else None, quiet=True)
    print(
        f"{data}: {float(share):.0%} of the labels flipped at random; the classic ladder's "
        "dropout-conv"
    )
    print(
        f"seed  {'way':28} test accuracy  planted  suspected  precision  recall  flipped of the "
        f"first {FIRST}"
    )
    for seed in range(SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            planted = plant(images, float(share), seed, Path(folder) / "flipped.npz")
            run = cl.train(
                f"{folder}/flipped.npz", "dropout-conv", seed=seed, out=f"{folder}/run", quiet=True
            )
            asked = planted & set(run.predictions["path"])
            accuracy, found = run.metrics["test"]["accuracy"], find(run)
        for way, suspects in found.items():
            hits = suspects.isin(asked)
            print(
                f"{seed:4}  {way:28} {accuracy:13.3f}  {len(asked):7}  {len(suspects):9}  "
                f"{hits.mean():9.2f}  {hits.sum() / len(asked):6.2f}  {hits.head(FIRST).sum()}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
