"""One process of those that train a network together, for tests: `one_of_several.py FOLDER COUNT ID
HOST:PORT`.

Of several processes each trains twice, the second time with a stop on the way that the last of them
alone was asked for. A single process trains the same on one device, and on two.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convladder.core.devices import ALONE, Parallel
from convladder.core.experiment import Experiment
from convladder.core.settings.data import Data
from convladder.core.worker import Stopped
from convladder.data.loading import load
from convladder.models import gradcam
from convladder.training import fit, multihost
from convladder.training.checkpointer import Checkpointer, FileCheckpointer

HOURS, NEVER = 1e6, 10**6
SMALL: dict[str, Any] = {
    "train.epochs": 2,
    "train.batch_size": 16,
    "train.optimizer": "sgd",  # Adam makes a full step of a gradient that is nothing but rounding
    "train.learning_rate": 0.1,
    "model.filters": (4,),
    "model.dense": (8,),
    "model.batch_norm": True,
    "model.dropout_dense": [0.2],
    "augmentation.brightness": 0.2,
}


def train(folder: Path, parallel: Parallel, keeper: Checkpointer) -> Any:
    """Train on 75 images: four batches of 16, and one of 11, which two devices cannot part."""
    dataset = load(Data(source="digits", limit=150))
    few = replace(dataset, splits=replace(dataset.splits, train=dataset.splits.train[:75]))
    fitted = fit.fit(Experiment().replace(SMALL), few, keeper=keeper, parallel=parallel)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "weights.npz", *fitted.network.get_weights())
    fitted.history.drop(columns="train_seconds").to_csv(folder / "history.csv", index=False)
    return fitted.network


def use(network: Any) -> None:
    """Predict two images, and see where the network looks, as after any training."""
    images = np.zeros((2, *network.input_shape[1:]), np.uint8)
    gradcam.heat_maps(network, images, np.array([0, 1]))
    fit.predictor(network)(images)


def keeper_of(folder: Path, parallel: Parallel, calls: int) -> Checkpointer:
    """Return what keeps in process 0, and is asked to stop in the last one after so many calls."""
    asked = iter([False] * (calls - 1) + [True])
    own = Checkpointer() if parallel.process_id else FileCheckpointer(folder, every=HOURS)
    is_last = parallel.process_id == parallel.processes - 1
    return multihost.SharedCheckpointer(own, lambda: is_last and next(asked, False))


def train_on_devices(folder: Path, parallel: Parallel) -> None:
    train(folder / "one", ALONE, Checkpointer())
    use(train(folder / "devices", parallel, Checkpointer()))
    modules = {name.partition(".")[0] for name in sys.modules}
    (folder / "modules.txt").write_text("\n".join(sorted(modules)))


def train_in_several(folder: Path, parallel: Parallel) -> None:
    own = parallel.process_id
    use(train(folder / f"whole-{own}", parallel, keeper_of(folder / "whole", parallel, NEVER)))
    with contextlib.suppress(Stopped):
        train(folder / "never", parallel, keeper_of(folder / "stopped", parallel, 2))
    train(folder / f"stopped-{own}", parallel, keeper_of(folder / "stopped", parallel, NEVER))


if __name__ == "__main__":
    place, count, number, coordinator = sys.argv[1:]
    several = int(count) > 1
    here = Parallel(1 if several else 2, int(count), int(number), coordinator if several else None)
    with multihost.joined(here, {"images": "digits"}, {}):
        (train_in_several if several else train_on_devices)(Path(place), here)
