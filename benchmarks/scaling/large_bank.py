"""Does a trial train from a bank that is larger than memory, how fast, and at what peak of memory?

    python benchmarks/scaling/large_bank.py [IMAGES] [SIDE]

Makes so many images (default 50,000 of 64x64; 500,000 take 6 GB of disk in the cache), trains
LeNet-5 for an epoch in a process of its own, and then on as many from an array in memory, where
there is room. Printed are the images per second of both, their ratio, and the memory of each
process in GB: its peak, what it holds itself at the end (RssAnon), and the pages of the bank that
the system keeps for it and may take away (RssFile). To set a limit, run it in a memory cgroup; what
it then reads from the disk is the price.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness.generated import open_generated
from convladder.core.container_limits import cores
from convladder.core.experiment import Experiment
from convladder.core.settings.data import Data
from convladder.core.worker import Emit
from convladder.core.worker_pool import call
from convladder.data.dataset import SplitDataset
from convladder.data.in_memory import MemoryBank
from convladder.data.loading import load

IMAGES, SIDE = 50_000, 64


def make(images: int, side: int) -> SplitDataset:
    return load(
        Data(source="generated", image_size=(side, side), channels=3), open_generated(images, side)
    )


def train(dataset: SplitDataset, in_memory: bool, emit: Emit) -> dict[str, float]:
    """Train for an epoch; a task for a worker. Return images per second and the peak of memory in
    GB.
    """
    del emit
    from convladder.training import fit

    if in_memory:
        bank = dataset.bank
        pixels = np.array(np.load(bank.folder / "images.npy", mmap_mode="r"))
        held = {
            name: value
            for name, value in vars(bank).items()
            if name not in ("images", "facts", "pairs", "labels")
        }
        dataset = replace(dataset, bank=MemoryBank(**held, pixels=pixels))
    experiment = Experiment().replace({"train.epochs": 1, "model.pooling": "max"})
    history = fit.fit(experiment, dataset).history
    seconds = float(history["train_seconds"].iloc[0])
    return {
        "images/s": len(dataset.splits.train) / seconds,
        "accuracy": float(history["val_accuracy"].iloc[0]),
        **peak(),
    }


def peak() -> dict[str, float]:
    """Return the most that this process has held, in GB, and how much of what it holds now is its
    own.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kilobytes = {name: float(status[name].split()[0]) for name in ("VmHWM", "RssAnon", "RssFile")}
    return {name: value / 1e6 for name, value in kilobytes.items()}


def show(name: str, figures: dict[str, float]) -> None:
    print(
        f"{name}: " + ", ".join(f"{key} {value:,.3g}" for key, value in figures.items()), flush=True
    )


def main(arguments: list[str]) -> None:
    images, side = (*map(int, arguments), *(IMAGES, SIDE)[len(arguments) :])
    started = time.perf_counter()
    dataset = make(images, side)
    size = images * side * side * 3 / 1e9
    seconds = time.perf_counter() - started
    print(
        f"{images:,} images of {side}x{side}, {size:.2f} GB; bank ready in {seconds:.0f} s",
        flush=True,
    )
    show("this process", peak())
    results: dict[str, Any] = {}
    for name, in_memory in (("from the bank", False), ("from memory", True)):
        try:
            results[name] = call(train, dataset, in_memory, threads=cores())
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}".strip())
        else:
            show(name, results[name])
    if len(results) == 2:
        speeds = [figures["images/s"] for figures in results.values()]
        print(f"from the bank at {speeds[0] / speeds[1]:.2f} of the speed from memory")


if __name__ == "__main__":
    import large_bank  # under the name by which a worker can import it

    large_bank.main(sys.argv[1:])
