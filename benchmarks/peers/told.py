"""What the peers share: arguments, the arrays that are there before they start, what they tell at
their end.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ARRAYS = "arrays.npz"


def arguments(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument(
        "folder", type=Path, help="of train/ and test/, and arrays.npz of the same images"
    )
    parser.add_argument("--network", default="lenet5")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seeds", type=int, default=1, help="train with so many, one after another"
    )
    parser.add_argument("--validation", type=float, default=0.15)
    parser.add_argument("--target", type=float, default=0.7, help="accuracy at which to stop")
    parser.add_argument(
        "--limit", type=float, default=math.inf, help="seconds of training; then it gives up"
    )
    parser.add_argument("--kinds", help="of augmentation, parted by commas")
    parser.add_argument("--images", type=int, help="train on so many only")
    asked = parser.parse_args()
    asked.size = Image.open(next((asked.folder / "test").rglob("*.jpg"))).size[::-1]
    return asked


def load_arrays(folder: Path) -> tuple[Any, Any, Any, Any]:
    """Return x_train, y_train, x_test, y_test in uint8, as from keras.datasets."""
    with np.load(folder / ARRAYS) as file:
        return file["x_train"], file["y_train"], file["x_test"], file["y_test"]


@dataclass(frozen=True)
class Trained:
    """What a training came to; `epochs` are the seconds of each."""

    images: int
    parameters: int
    epochs: list[float]
    accuracy: float


def train_with_seeds(train: Callable[[int], Trained], asked: argparse.Namespace) -> None:
    """Train with each seed, and print a line of JSON for the harness.

    The steady speed is that of the median epoch after the first of a training.
    """
    runs, each = [], []
    for seed in range(asked.seed, asked.seed + asked.seeds):
        began = time.perf_counter()
        runs.append(train(seed))
        each.append(time.perf_counter() - began)
    one = runs[0]
    steady = float(np.median([seconds for run in runs for seconds in run.epochs[1:] or run.epochs]))
    figures = {"images": one.images, "parameters": one.parameters, "epochs": len(one.epochs)}
    accuracy = float(np.mean([run.accuracy for run in runs]))
    print(
        json.dumps(
            figures | {"accuracy": accuracy, "images_per_second": one.images / steady, "each": each}
        )
    )
