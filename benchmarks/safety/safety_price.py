"""What do checkpoints and determinism cost? The same training with and without, in turn, in a
process of its own.

    python benchmarks/safety/safety_price.py [--rounds 3] [--epochs 10] [--rung lenet5] [--images N]

Kept is: how many times as long a training took with checkpoints, and with deterministic operations,
each as the median over rounds with its range; how many checkpoints it wrote, and which share of its
time went into them, which is known better than the difference of two trainings. CIFAR-10 as in
_harness/imageset.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import imageset, results
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.worker import Emit
from convladder.core.worker_pool import call
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load

WAYS: dict[str, dict[str, Any]] = {
    "plain": {"kept": False, "deterministic": False},
    "checkpoints": {"kept": True, "deterministic": False},
    "deterministic": {"kept": False, "deterministic": True},
}


def train(
    experiment: Experiment, dataset: SplitDataset, kept: bool, emit: Emit
) -> tuple[float, int, float]:
    """Return the seconds of a training after its first epoch; how many checkpoints it wrote, in how
    many seconds.

    A task; the checkpoints are those of the whole training.
    """
    from convladder.training import checkpoint, fit
    from convladder.training.checkpointer import Checkpointer, FileCheckpointer

    written = _counted(checkpoint)
    keeping = _timed(FileCheckpointer)
    ends: list[float] = []
    with tempfile.TemporaryDirectory(dir=imageset.workspace()) as folder:
        keeper = (
            FileCheckpointer(Path(folder), every=experiment.train.checkpoint_seconds)
            if kept
            else Checkpointer()
        )
        fit.fit(experiment, dataset, lambda row: ends.append(time.perf_counter()), keeper)
        return time.perf_counter() - ends[0], len(written), sum(keeping)


def _counted(checkpoint: Any) -> list[Any]:
    """Return a list to which every checkpoint is added that is written from now on."""
    written: list[Any] = []
    write: Callable[..., None] = checkpoint.write

    def counting(*arguments: Any) -> None:
        write(*arguments)
        written.append(arguments)

    checkpoint.write = counting
    return written


def _timed(keeper: Any) -> list[float]:
    """Return a list to which the seconds are added of every time that a training is kept from now
    on.
    """
    seconds: list[float] = []
    keep: Callable[..., None] = keeper.keep

    def timed(*arguments: Any) -> None:
        began = time.perf_counter()
        keep(*arguments)
        seconds.append(time.perf_counter() - began)

    keeper.keep = timed
    return seconds


def measure(experiment: Experiment, dataset: SplitDataset, rounds: int) -> dict[str, Any]:
    told: dict[str, list[tuple[float, int, float]]] = {name: [] for name in WAYS}
    for number in range(rounds):
        for name in list(WAYS)[:: -1 if number % 2 else 1]:
            how = WAYS[name]
            changed = experiment.replace({"train.deterministic": how["deterministic"]})
            told[name].append(call(train, changed, dataset, how["kept"]))
            print(f"{name}: {told[name][-1]}", file=sys.stderr, flush=True)
    kept = told["checkpoints"]
    figures: dict[str, Any] = {
        "written": kept[0][1],
        "share": statistics.median(keeping / seconds for seconds, _, keeping in kept),
    }
    for name in ("checkpoints", "deterministic"):
        ratios = [
            own / plain for (own, *_), (plain, *_) in zip(told[name], told["plain"], strict=True)
        ]
        figures[name] = {
            "median": statistics.median(ratios),
            "low": min(ratios),
            "high": max(ratios),
        }
    return figures


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rung", default="lenet5")
    parser.add_argument("--images", type=int, help="of the train split; default: all")
    parser.add_argument("--data", help="default: CIFAR-10")
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    data = asked.data or str(imageset.cifar10(imageset.workspace()))
    changes = {
        "data.source": data,
        "data.on_leak": "keep",
        "train.epochs": asked.epochs,
        "data.limit": asked.images,
    }
    experiment = load_ladder("classic").experiment(asked.rung).replace(changes)
    figures = measure(experiment, load(experiment.data), asked.rounds)
    design = {"rung": asked.rung, "epochs": asked.epochs, "rounds": asked.rounds}
    results.write_json(asked.out / "safety-price.json", design | figures | results.circumstances())


if __name__ == "__main__":
    import safety_price  # workers find the task under this name

    safety_price.main(sys.argv[1:])
