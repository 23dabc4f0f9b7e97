"""What does a cluster cost beside one machine? The same climb on both, in turn; and what goes over
the network.

    python benchmarks/scaling/cluster.py [--rounds 5] [--seeds 4] [--epochs 30] [--images 60000]

A climb of the digits with two jobs, as a command on this machine and on two Ray nodes of one
processor each, on the loopback: the same processors and no network, so what is seen is what the
cluster itself costs. Kept is how many times as long it took, as the median over rounds with its
range. Then a bank of so many random images of 32x32x3 is sent to a node, several times.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import convladder as cl
import loopback
from _harness import results
from convladder.core.ladder import load_ladder
from convladder.core.tasks import Task
from convladder.experiments import climb_plan
from convladder.experiments.engines import Engine, engine_at
from convladder.experiments.ray.bank_transfer import BankManifest
from convladder.experiments.ray.driver import NodeLane
from convladder.experiments.trial import run_trial
from convladder.results import folders

RUNGS = ("lenet5", "max-pooling")
SENDINGS = 3


def climb(out: Path, seeds: int, epochs: int, *words: str) -> float:
    """Climb, and return the seconds that the command took."""
    command = [
        sys.executable,
        "-m",
        "convladder",
        "climb",
        "digits",
        "--rungs",
        ",".join(RUNGS),
        "--quiet",
    ]
    command += [
        "--seeds",
        str(seeds),
        "--epochs",
        str(epochs),
        "--jobs",
        "2",
        "--out",
        str(out),
        *words,
    ]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def compare(
    folder: Path, nodes: loopback.Nodes, rounds: int, seeds: int, epochs: int
) -> dict[str, Any]:
    """Climb on both in turn; the first round, in which caches are filled, does not count."""
    seconds: dict[str, list[float]] = {"here": [], "cluster": []}
    ways = {"here": (), "cluster": ("--cluster", nodes.address)}
    for number in range(rounds + 1):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            took = climb(folder / f"{name}-{number}", seeds, epochs, *ways[name])
            print(f"{name}: {took:.1f} s", file=sys.stderr, flush=True)
            if number:
                seconds[name].append(took)
    differs = [
        run.relative_to(folder / "here-0").as_posix()
        for run in folders.finished_runs(folder / "here-0")
        if (run / "predictions.csv").read_bytes()
        != (
            folder / "cluster-0" / run.relative_to(folder / "here-0") / "predictions.csv"
        ).read_bytes()
    ]
    run = folders.finished_runs(folder / "cluster-0")[0]
    pairs = list(zip(seconds["cluster"], seconds["here"], strict=True))
    return {
        "seconds": seconds,
        "times_as_long": _spread([far / near for far, near in pairs]),
        "more_seconds": _spread([far - near for far, near in pairs]),
        "differences": differs,
        "trials": len(RUNGS) * seeds,
        "run_bytes": sum(path.stat().st_size for path in run.iterdir() if path.is_file()),
    }


def send(nodes: loopback.Nodes, images: int) -> dict[str, Any]:
    """Send a bank to one node again and again."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (images, 32, 32, 3), np.uint8)
    dataset = cl.load(pixels, np.arange(images) % 10, quiet=True)
    ladder = load_ladder("classic").part(["lenet5"])
    (trial,) = climb_plan.make_plan(
        ladder, [0], {"data.source": dataset.settings.source}, lambda data: dataset
    ).trials
    waybill = BankManifest.of(dataset.bank.folder)
    with engine_at(nodes.address, jobs=1) as engine:
        seconds = [_deliver(engine, dataset.bank.folder, nodes) for _ in range(SENDINGS)]
    task = Task(trial.key, run_trial, (trial, Path("run"), "convladder"))
    return {
        "images": images,
        "bank_bytes": waybill.bytes,
        "bank_seconds": _spread(seconds),
        "task_bytes": len(pickle.dumps(task)),
    }


def _deliver(engine: Engine, folder: Path, nodes: loopback.Nodes) -> float:
    """Send a bank to a node that does not have it, and return the seconds that it took."""
    for number in range(len(nodes.by_id)):
        shutil.rmtree(nodes.cache(number) / "banks" / folder.name, ignore_errors=True)
    (lane,) = engine.pool([], renew_after=1)._lanes
    assert isinstance(lane, NodeLane)
    place = lane._common.places.find(lambda: False, print)
    assert place
    began = time.perf_counter()
    lane._common.deliveries.deliver_bank(folder, place, lambda: False)
    took = time.perf_counter() - began
    place.leave()
    return took


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, loopback.started(Path(folder), nodes=2) as nodes:
        figures = compare(Path(folder), nodes, asked.rounds, asked.seeds, asked.epochs) | send(
            nodes, asked.images
        )
    design = {"rungs": RUNGS, "seeds": asked.seeds, "epochs": asked.epochs, "rounds": asked.rounds}
    results.write_json(asked.out / "cluster.json", design | figures | results.circumstances())


if __name__ == "__main__":
    main(sys.argv[1:])
