"""TensorFlow beside JAX on one core: images per second of training, and what comes out over seeds.

    python benchmarks/speed/backends.py --rounds 3

Speed is by the process's own time on the processor, so that other work on the machine matters
little; the first epoch, which compiles, is told apart. The images are the digits, made RGB of 32
pixels to a side.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from convladder.core import backend, worker_process

SPEED = {"data.limit": 600, "data.image_size": (32, 32), "data.channels": 3, "train.epochs": 3}
ACCURACY = {"data.limit": 600, "train.epochs": 15}
SPEED_RUNGS, SEEDS = ("lenet5", "batch-norm"), 5


def measure(rung: str, changes: dict[str, Any]) -> dict[str, float]:
    """Train in this process; return the seconds of its first epoch, its speed after that, and its
    accuracy.
    """
    os.environ.update(backend.environment())  # as a worker has it
    from convladder.core.experiment import Experiment
    from convladder.core.ladder import load_ladder
    from convladder.data.loading import load
    from convladder.training import fit

    experiment = load_ladder("classic").experiment(rung, {"data.source": "digits"}).replace(changes)
    assert isinstance(experiment, Experiment)
    dataset = load(experiment.data)
    ticks = [time.process_time()]
    fitted = fit.fit(experiment, dataset, lambda row: ticks.append(time.process_time()))
    rate = len(dataset.splits.train) * (len(ticks) - 2) / (ticks[-1] - ticks[1])
    logits = fit.predict_logits(fitted.network, dataset.bank, dataset.splits.test)
    accuracy = (logits.argmax(axis=1) == dataset.bank.labels[dataset.splits.test]).mean()
    return {"first": ticks[1] - ticks[0], "rate": rate, "accuracy": float(accuracy)}


def in_process(name: str, rung: str, changes: dict[str, Any]) -> dict[str, float]:
    environment = os.environ | {backend.VARIABLE: name}
    environment |= dict.fromkeys(worker_process.THREAD_VARIABLES, "1")
    command = [sys.executable, __file__, "--one", rung, json.dumps(changes)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], json.loads(given.one[1]))))
        return
    for rung in SPEED_RUNGS:
        found = {
            name: [in_process(name, rung, SPEED) for _ in range(given.rounds)]
            for name in backend.NAMES
        }
        for name, each in found.items():
            rates, first = [one["rate"] for one in each], [one["first"] for one in each]
            print(
                f"{rung}, {name}: {spread(rates)} images a second; first epoch {spread(first)} s",
                flush=True,
            )
    for name in backend.NAMES:
        seeds = [
            in_process(name, "lenet5", ACCURACY | {"seed": seed})["accuracy"]
            for seed in range(SEEDS)
        ]
        deviation = statistics.stdev(seeds)
        print(
            f"lenet5, {name}: accuracy {spread(seeds)} over {SEEDS} seeds, deviation "
            f"{deviation:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
