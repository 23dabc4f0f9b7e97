"""Is a training that was killed, at any moment, the same in the end as one that was not?

    python benchmarks/kill.py [--kills 200] [--jobs N] [--seed 0]

Each kill is a training of its own (digits; batch normalisation, dropout and all augmentation; a checkpoint every
few steps), ended by SIGKILL: half of them at a random moment, half inside the writing of a checkpoint, within or
after a random one of its operations on the disk. It is then started again, and compared with one that nothing
happened to: every tensor of the last checkpoint (weights, optimizer, seeds, best weights), the history but for its
times, every byte of predictions.csv, and the weights of the run. Printed is JSON: the kills, how many hit the
writing of a checkpoint, how many came too late, and how many trainings came out equal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convladder import files, folders, processes, runs
from convladder.config import Experiment
from convladder.training import checkpoint

OPERATIONS = ("_write_synced", "_rename", "sync_folder", "remove")
EPOCHS, STEPS_PER_CALL = 4, 2
TIME = "train_seconds"
CHANGES: dict[str, Any] = {
    "data.source": "digits",
    "data.limit": 300,
    "model.batch_norm": True,
    "model.dropout_conv": [0.1],
    "model.dropout_dense": [0.2],
    "train.epochs": EPOCHS,
    **{f"augmentation.{kind}": 0.1 for kind in ("brightness", "rotation", "shift", "shear", "zoom")},
}


@dataclass(frozen=True)
class Outcome:
    """What came of a kill: whether it hit a training, and the writing of a checkpoint; what differs in the end."""

    hit: bool
    writing: bool
    differences: list[str]


def train(run: Path, operation: int | None) -> None:
    """Train and test into a run folder, keeping all checkpoints' folder; be killed at an operation on the disk."""
    from convladder import trial
    from convladder.data.dataset import load
    from convladder.training import keeper, steps

    steps.MOST_STEPS, keeper.PRICE = STEPS_PER_CALL, float("inf")  # a checkpoint after every call
    keeper.CheckpointKeeper._waited = lambda self: float("inf")  # type: ignore[method-assign]
    trial.shutil.rmtree = lambda *_, **__: None  # type: ignore[attr-defined]
    experiment = Experiment().replace(CHANGES)
    dataset = load(experiment.data)
    if operation is not None:
        _die_at(operation)
    trial.run_trial(trial.Trial("lenet5", experiment, dataset), run, "kill.py", emit=lambda row: None)


def _die_at(fatal: int) -> None:
    """Kill this process at so-manieth of its operations on the disk: a write in its middle, any other after it."""
    done = 0

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            nonlocal done
            done += 1
            if done < fatal:
                real(*arguments)
                return
            if len(arguments) == 2 and isinstance(arguments[1], bytes):
                arguments[0].write_bytes(arguments[1][: len(arguments[1]) // 2])
            else:
                real(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in OPERATIONS:
        setattr(files, name, counted(getattr(files, name)))


def kill(folder: Path, reference: Path, number: int, seed: int) -> Outcome:
    """Kill a training and go on with it; compare it with the reference."""
    draw, run = random.Random(f"{seed}/{number}"), folder / f"run-{number}"
    if number % 2:
        hit = start(run, draw.randint(1, 250)).wait() == -signal.SIGKILL
        writing = hit
    else:
        hit, writing = _kill_at_random(run, draw), False
    status = start(run).wait()
    differences = [f"the second start ended with status {status}"] if status else compare(run, reference)
    shutil.rmtree(run, ignore_errors=True)
    shutil.rmtree(folders.unfinished(run), ignore_errors=True)
    return Outcome(hit, writing, differences)


def _kill_at_random(run: Path, draw: random.Random) -> bool:
    """Kill a training at a random moment from its start on."""
    process = start(run)
    while process.poll() is None and not (folders.unfinished(run) / folders.ABOUT).exists():
        time.sleep(0.01)
    time.sleep(draw.uniform(0, 3))
    process.kill()
    return process.wait() == -signal.SIGKILL


def start(run: Path, operation: int | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--train", str(run)]
    if operation:
        command += ["--operation", str(operation)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    one_thread = dict.fromkeys(processes.THREAD_VARIABLES, "1")
    return subprocess.Popen(command, env=os.environ | quiet | one_thread, stderr=subprocess.DEVNULL)


def compare(run: Path, reference: Path) -> list[str]:
    """Return what is not equal in two finished runs and their last checkpoints."""
    (one, _), (two, _) = (checkpoint.read_newest(folders.unfinished(each)) for each in (run, reference))
    if one is None or two is None:
        return ["there is no checkpoint"]
    found = _unequal(one.tensors, two.tensors)
    with np.load(run / runs.WEIGHTS) as weights, np.load(reference / runs.WEIGHTS) as others:
        found += _unequal(weights, others)
    if _without_times(one) != _without_times(two):
        found.append("the history")
    if not runs.Run(run).history.drop(columns=TIME).equals(runs.Run(reference).history.drop(columns=TIME)):
        found.append("history.csv")
    if (run / "predictions.csv").read_bytes() != (reference / "predictions.csv").read_bytes():
        found.append("predictions.csv")
    return found


def _unequal(tensors: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name in sorted({*tensors, *others})
        if name not in tensors or name not in others or tensors[name].tobytes() != others[name].tobytes()
    ]


def _without_times(kept: checkpoint.Checkpoint) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != TIME} for row in kept.course["history"]]


def measure(kills: int, jobs: int, seed: int, folder: Path) -> dict[str, Any]:
    reference = folder / "reference"
    if start(reference).wait():
        raise SystemExit("the training that is not killed failed")
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(lambda number: kill(folder, reference, number, seed), range(kills)))
    return {
        "kills": sum(each.hit for each in outcomes),
        "in the writing of a checkpoint": sum(each.writing for each in outcomes),
        "too late": sum(not each.hit for each in outcomes),
        "equal": sum(not each.differences for each in outcomes),
        "differences": [each.differences for each in outcomes if each.differences],
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=processes.cores())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--operation", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.train:
        train(asked.train, asked.operation)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(asked.kills, asked.jobs, asked.seed, Path(folder)), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
