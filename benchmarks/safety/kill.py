"""Is a training that was killed, at any moment, the same in the end as one that was not?

    python benchmarks/safety/kill.py [--trainings 200] [--jobs N] [--seed 0]

Trainings (digits; batch normalisation, dropout and all augmentation) are ended by SIGKILL and
started again:

- half of them inside the writing of a checkpoint, of which there is one every few steps: within or
after a random
  one of its operations on the disk;
- a third at a random moment;
- a sixth are `convladder train` itself, killed three times each at random moments: it, its worker,
or both.

Each is then compared with one that nothing happened to: every tensor of the last checkpoint
(weights, optimizer, seeds, best weights; of the command no checkpoint is left), the history but for
its times, every byte of predictions.csv, and the weights of the run. Kept is: the kills of each
kind, how many came too late, how many trainings went on from a checkpoint, how many workers
outlived their command, and how many trainings came out equal.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import results
from convladder.core import container_limits, files, worker_process
from convladder.core.experiment import Experiment
from convladder.results import folders, saved_run
from convladder.training import checkpoint

OPERATIONS = ("_write_synced", "_rename", "sync_folder", "remove")
EPOCHS, STEPS_PER_CALL = 4, 2
COMMAND_EPOCHS, COMMAND_KILLS = 100, 3
ORPHAN_SECONDS = 10  # that a worker may outlive its command
TIME = "train_seconds"
WRITING, MOMENT, COMMAND = (
    "in the writing of a checkpoint",
    "at a random moment",
    "of the command or its worker",
)
KINDS = (COMMAND, WRITING, MOMENT, WRITING, MOMENT, WRITING)
CHANGES: dict[str, Any] = {
    "data.source": "digits",
    "data.limit": 300,
    "model.batch_norm": True,
    "model.dropout_conv": [0.1],
    "model.dropout_dense": [0.2],
    "train.epochs": EPOCHS,
    **{
        f"augmentation.{kind}": 0.1 for kind in ("brightness", "rotation", "shift", "shear", "zoom")
    },
}


@dataclass
class Outcome:
    """What came of a training's kills: how many hit it, and of what kind they were; what differs in
    the end.

    went_on : whether it went on from a checkpoint, and was not restarted.
    """

    kind: str
    hits: int = 0
    misses: int = 0
    orphans: int = 0
    went_on: bool = False
    differences: list[str] = field(default_factory=list)

    def count(self, *, hit: bool) -> None:
        self.hits += hit
        self.misses += not hit


@dataclass(frozen=True)
class Reference:
    """A training that nothing happened to, how long it took, and how many operations on checkpoints
    it made.
    """

    run: Path
    seconds: float
    operations: int


def train(run: Path, fatal: float) -> None:
    """Train and test into a run folder, keeping all checkpoints' folder; be killed at an operation
    on one.

    Prints how many such operations there were.
    """
    from convladder.data.loading import load
    from convladder.experiments import trial
    from convladder.training import checkpointer, steps

    steps.MOST_STEPS, checkpointer.PRICE = (
        STEPS_PER_CALL,
        float("inf"),
    )  # a checkpoint after every call
    checkpointer.FileCheckpointer._waited = lambda self: float("inf")  # type: ignore[method-assign]
    trial.outputs.remove_unfinished = lambda *_: None  # type: ignore[attr-defined]
    experiment = Experiment().replace(CHANGES)
    dataset = load(experiment.data)
    counted = _die_at(fatal, folders.unfinished(run))
    trial.run_trial(
        trial.Trial("lenet5", experiment, dataset), run, "kill.py", emit=lambda row: None
    )
    sys.stdout.write(f"{sum(counted.values())}\n")


def _die_at(fatal: float, folder: Path) -> Counter[str]:
    """Kill this process at so-manieth operation on a checkpoint: a write in its middle, any other
    after it.

    Returns what counts them.
    """
    done: Counter[str] = Counter()

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            if "checkpoint-" not in arguments[0].name and arguments[0] != folder:
                real(*arguments)
                return
            done[real.__name__] += 1
            if sum(done.values()) < fatal:
                real(*arguments)
                return
            if len(arguments) == 2 and isinstance(arguments[1], bytes):
                arguments[0].write_bytes(arguments[1][: len(arguments[1]) // 2])
            else:
                real(*arguments)
            psutil.Process().kill()

        return call

    for name in OPERATIONS:
        setattr(files, name, counted(getattr(files, name)))
    return done


def kill(folder: Path, references: Mapping[str, Reference], number: int, seed: int) -> Outcome:
    """Kill a training and go on with it; compare it with the one of its kind that was not."""
    draw, run = random.Random(f"{seed}/{number}"), folder / f"run-{number}"
    outcome = Outcome(KINDS[number % len(KINDS)])
    reference, begin = references[outcome.kind], start_command if outcome.kind == COMMAND else start
    if outcome.kind == WRITING:
        outcome.count(hit=start(run, draw.randint(1, reference.operations)).wait() < 0)
    elif outcome.kind == MOMENT:
        outcome.count(hit=_kill_at_random(run, reference, draw))
    else:
        for _ in range(COMMAND_KILLS):
            if not folders.is_finished(run):
                _kill_command(run, reference, draw, outcome)
    status = begin(run).wait()
    outcome.differences = (
        [f"the last start ended with status {status}"] if status else compare(run, reference.run)
    )
    resumed = [] if status else saved_run.SavedRun(run).about.get("resumed", [])
    outcome.went_on = any(each["epoch"] or each["step"] for each in resumed)
    shutil.rmtree(run, ignore_errors=True)
    shutil.rmtree(folders.unfinished(run), ignore_errors=True)
    return outcome


def _kill_at_random(run: Path, reference: Reference, draw: random.Random) -> bool:
    """Kill a training at a random moment from its start on; return whether it was still there."""
    process = start(run)
    _wait_for_start(process, run)
    time.sleep(draw.uniform(0, reference.seconds))
    process.kill()
    return process.wait() < 0


def _kill_command(run: Path, reference: Reference, draw: random.Random, outcome: Outcome) -> None:
    """Kill the command, its worker or both at a random moment; see whether the worker ends."""
    process = start_command(run)
    command = psutil.Process(process.pid)
    _wait_for_start(process, run)
    time.sleep(draw.uniform(0, reference.seconds / 2))
    outcome.count(hit=process.poll() is None)
    workers = command.children(recursive=True) if process.poll() is None else []
    for each in draw.choice([[command], workers, [command, *workers]]):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    outcome.orphans += len(psutil.wait_procs(workers, ORPHAN_SECONDS)[1])


def _wait_for_start(process: subprocess.Popen[str], run: Path) -> None:
    while process.poll() is None and not (folders.unfinished(run) / folders.ABOUT).exists():
        time.sleep(0.01)


def start(run: Path, fatal: float = float("inf")) -> subprocess.Popen[str]:
    return _start(__file__, "--train", str(run), "--fatal", str(fatal))


def start_command(run: Path) -> subprocess.Popen[str]:
    changes = CHANGES | {"train.epochs": COMMAND_EPOCHS, "train.checkpoint_seconds": 1}
    settings = [
        f"--set={key}={json.dumps(value)}" for key, value in changes.items() if key != "data.source"
    ]
    return _start(
        "-m",
        "convladder",
        "train",
        "digits",
        "--rung",
        "lenet5",
        "--jobs",
        "1",
        "--out",
        str(run),
        *settings,
    )


def _start(*arguments: str) -> subprocess.Popen[str]:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    one_thread = dict.fromkeys(worker_process.THREAD_VARIABLES, "1")
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | quiet | one_thread,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def compare(run: Path, reference: Path) -> list[str]:
    """Return what is not equal in two finished runs and in their last checkpoints, as far as these
    are left.
    """
    (one, _), (two, _) = (
        checkpoint.read_newest(folders.unfinished(each)) for each in (run, reference)
    )
    if (one is None) != (two is None):
        return ["one of them has no checkpoint"]
    found = _unequal(one.tensors, two.tensors) if one and two else []
    with (
        np.load(run / saved_run.WEIGHTS) as weights,
        np.load(reference / saved_run.WEIGHTS) as others,
    ):
        found += _unequal(weights, others)
    if one and two and _without_times(one) != _without_times(two):
        found.append("the history")
    if (
        not saved_run.SavedRun(run)
        .history.drop(columns=TIME)
        .equals(saved_run.SavedRun(reference).history.drop(columns=TIME))
    ):
        found.append("history.csv")
    if (run / "predictions.csv").read_bytes() != (reference / "predictions.csv").read_bytes():
        found.append("predictions.csv")
    return found


def _unequal(tensors: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name in sorted({*tensors, *others})
        if name not in tensors
        or name not in others
        or tensors[name].tobytes() != others[name].tobytes()
    ]


def _without_times(kept: checkpoint.Checkpoint) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name != TIME}
        for row in kept.course["history"]
    ]


def refer(begin: Callable[[Path], subprocess.Popen[str]], run: Path) -> Reference:
    """Train without a kill. Raises RuntimeError where that fails."""
    process = begin(run)
    _wait_for_start(process, run)
    began = time.monotonic()
    told, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the training that is not killed failed")
    last = told.strip().splitlines()[-1]
    return Reference(run, time.monotonic() - began, int(last) if last.isdigit() else 0)


def measure(trainings: int, jobs: int, seed: int, folder: Path) -> dict[str, Any]:
    alone = refer(start, folder / "reference")
    command = refer(start_command, folder / "command")
    references = {WRITING: alone, MOMENT: alone, COMMAND: command}
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(
            pool.map(lambda number: kill(folder, references, number, seed), range(trainings))
        )
    return {
        "trainings": len(outcomes),
        "kills": sum(each.hits for each in outcomes),
        "kinds": {
            kind: sum(each.hits for each in outcomes if each.kind == kind)
            for kind in sorted(set(KINDS))
        },
        "went_on": sum(each.went_on for each in outcomes),
        "too_late": sum(each.misses for each in outcomes),
        "orphans": sum(each.orphans for each in outcomes),
        "equal": sum(not each.differences for each in outcomes),
        "differences": [each.differences for each in outcomes if each.differences],
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trainings", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=container_limits.cores())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fatal", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.train:
        train(asked.train, asked.fatal)
        return
    with tempfile.TemporaryDirectory() as folder:
        told = measure(asked.trainings, asked.jobs, asked.seed, Path(folder))
    results.write_json(asked.out / "kills.json", told | results.circumstances())


if __name__ == "__main__":
    main(sys.argv[1:])
