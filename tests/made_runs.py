"""Run folders with known figures, without any training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder import files
from convladder.config import Experiment
from convladder.evaluation import metrics, predictions
from convladder.evaluation.robustness import Corrupted
from convladder.runs import CORRUPTED, Run

CLASSES = ("cat", "dog")


def make_run(
    folder: Path,
    *,
    rung: str = "lenet5",
    seed: int = 0,
    right: NDArray[np.bool_],
    changes: Mapping[str, Any] | None = None,
    source: str = "pets",
    order: NDArray[np.int64] | None = None,
    prefix: str = "",
) -> Run:
    """Write a run that is right on these test images, `(images,)`, listed in the given order; and read it back.

    `prefix` begins the images' names.
    """
    order = np.arange(len(right)) if order is None else order
    labels = np.arange(len(right))[order] % 2
    predicted = np.where(right[order], labels, 1 - labels)
    paths = [f"{CLASSES[number % 2]}/{prefix}{number:04}.png" for number in order]
    splits = ["test"] * len(right) + ["validation"] * 20
    logits = 4.0 * np.eye(2)[np.concatenate([predicted, np.arange(20) % 2])]
    table = predictions.make_table(
        paths + [f"v/{number}" for number in range(20)],
        splits,
        np.concatenate([labels, np.arange(20) % 2]).tolist(),
        logits.astype(np.float32),
        CLASSES,
    )
    written = predictions.write(table, folder / "predictions.csv")
    counts = {part: dict.fromkeys(CLASSES, 10) for part in ("train", "validation", "test")}
    settings = dict(changes or {}) | {"seed": seed, "data.source": source}
    about = {
        "rung": rung,
        "experiment": Experiment().replace(settings).model_dump(),
        "data": {"source": source, "fingerprint": f"of {source}", "class_names": list(CLASSES), "counts": counts,
                 "image_shape": [16, 16, 1], "rejected": []},
        "environment": {"versions": {"keras": "3.15", "convladder": "0.1"}, "time": "2026-11-23T12:00:00",
                        "machine": "a machine", "command": "convladder train pets"},
    }  # fmt: skip
    files.write_json(folder / "experiment.json", about)
    correct = np.tile(right[order], (7, 5, 1))
    np.savez(folder / CORRUPTED, **vars(Corrupted(tuple("abcdefg"), np.arange(len(right)), correct)))
    price = {"parameters": 1000, "macs": 1, "flops": 2000, "bytes": 4000, "train_milliseconds_per_image": 0.1}
    files.write_json(
        folder / "metrics.json", metrics.compute(written) | {"price": price, "kept_epoch": 1, "seconds": 1.0}
    )
    return Run(folder)


def share_right(share: float, images: int, seed: int) -> NDArray[np.bool_]:
    """Draw which of the images are right."""
    return np.random.default_rng(seed).random(images) < share
