"""Run folders with known figures, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder
from convladder.evaluation import corruptions, metrics, predictions
from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.robustness import Corrupted
from convladder.results import folders
from convladder.results.folders import TrialKey
from convladder.results.saved_run import Features, Samples, SavedRun, write_arrays

CLASSES = ("cat", "dog")
RECIPE = corruptions.recipe(16, 16)


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
    recipe: Recipe = RECIPE,
    classes: Sequence[str] = CLASSES,
) -> SavedRun:
    """Write a run that is right on these test images, `(images,)`, listed in the given order; and
    read it back.

    `prefix` begins the images' names. `recipe` is how they were made worse. Images are of one of
    the classes after the other; a wrong one is taken for the next class.
    """
    count, others = len(classes), 10 * len(classes)
    order = np.arange(len(right)) if order is None else order
    labels = np.arange(len(right))[order] % count
    predicted = np.where(right[order], labels, (labels + 1) % count)
    paths = [f"{classes[number % count]}/{prefix}{number:04}.png" for number in order]
    splits = ["test"] * len(right) + ["validation"] * others
    logits = 4.0 * np.eye(count)[np.concatenate([predicted, np.arange(others) % count])]
    table = predictions.make_table(
        paths + [f"v/{number}" for number in range(others)],
        splits,
        np.concatenate([labels, np.arange(others) % count]).tolist(),
        logits.astype(np.float32),
        classes,
    )
    written = predictions.write(table, folder / "predictions.csv")
    counts = {part: dict.fromkeys(classes, 10) for part in ("train", "validation", "test")}
    settings = dict(changes or {}) | {"seed": seed, "data.source": source}
    about = {
        "rung": rung,
        "experiment": Experiment().replace(settings).model_dump(),
        "data": {"source": source, "fingerprint": f"of {source}",
                 "class_names": list(classes), "counts": counts,
                 "image_shape": [16, 16, 1], "rejected": [], "kind": "folder", "notes": []},
        "environment": {"versions": {"keras": "3.15", "convladder": "0.1"},
                        "time": "2026-11-23T12:00:00",
                        "machine": "a machine", "cores": 1, "system": "a system", "python": "3.12",
                        "command": "convladder train pets"},
    }  # fmt: skip
    files.write_json(folder / "experiment.json", about)
    correct = np.tile(right[order], (7, 5, 1))
    corrupted = Corrupted(np.arange(len(right)), correct, recipe)
    write_arrays(folder, _make_samples(len(right)), _make_features(), corrupted)
    files.write_text(
        folder / "history.csv", "epoch,accuracy,loss,val_accuracy,val_loss\n1,0.5,0.7,0.5,0.7\n"
    )
    price = {
        "parameters": 1000,
        "macs": 1,
        "flops": 2000,
        "bytes": 4000,
        "train_milliseconds_per_image": 0.1,
    }
    files.write_json(
        folder / "metrics.json",
        metrics.compute(written) | {"price": price, "kept_epoch": 1, "seconds": 1.0},
    )
    return SavedRun(folder)


def _make_samples(images: int) -> Samples:
    """Keep every test image, the first four as drawn at random."""
    rows = np.arange(images)
    pixels = np.zeros((images, 16, 16, 1), np.uint8)
    return Samples(pixels, rows, rows < 4, pixels[..., 0])


def _make_features() -> Features:
    maps = {"conv": np.zeros((8, 8, 2), np.uint8)}
    return Features(np.zeros((16, 16, 1), np.uint8), np.ones((3, 3, 1, 2), np.float32), maps)


def make_climb(
    folder: Path,
    runs: Mapping[TrialKey, Sequence[bool] | NDArray[np.bool_]],
    ladder: Ladder,
    classes: Sequence[str] = CLASSES,
) -> Path:
    """Write a climb of these trials, each right on these of its test images; those without any are
    missing.

    In cross-validation each fold has test images of its own.
    """
    folds = {key.fold for key in runs if key.fold is not None}
    data: Any = {}
    for key, right in runs.items():
        own = {"data.folds": len(folds), "data.fold": key.fold} if folds else {}
        if len(right):
            run = make_run(
                folders.trial_folder(folder, key),
                rung=key.rung,
                seed=key.seed,
                right=np.array(right),
                prefix="" if key.fold is None else f"{key.fold}-",
                changes=ladder.base | dict(ladder.rung(key.rung).change) | own,
                classes=classes,
            )
            data = run.about["data"]
    files.write_json(folder / "ladder.json", ladder.to_json())
    about = {
        "trials": [list(key) for key in runs],
        "data": data,
        "environment": run.about["environment"],
    }
    files.write_json(folder / "climb.json", about)
    return folder


def share_right(share: float, images: int, seed: int) -> NDArray[np.bool_]:
    """Draw which of the images are right."""
    return np.random.default_rng(seed).random(images) < share
