"""Does a climb that is killed on its way end with the same results as one that is not?

    python benchmarks/safety/killed_climb.py [--data FOLDER] [--kills 5] [--seeds 2] [--epochs 2]
    [--rungs A,B] [--seed 0]

One climb goes through. Another is ended at random moments, in turn by SIGKILL to the command, to
the command and all of its workers, to one worker before SIGTERM to the command, by SIGTERM and by
Ctrl-C, and then started again. Kept is: the kills, how many trials were finished at each and how
many checkpoints there were of others, from where the trials went on that a kill had met, and what
differs in results.csv (times aside) and in the predictions.csv of each trial. CIFAR-10 as in
_harness/imageset.py.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import imageset, results
from convladder.core import files
from convladder.results import folders

TIMES = ["train_milliseconds_per_image", "seconds"]
COMMAND, ALL, WORKER = (
    "SIGKILL to the command",
    "SIGKILL to all processes",
    "SIGKILL to a worker, then SIGTERM",
)
TERM, INTERRUPT = "SIGTERM", "Ctrl-C"
WAYS = (COMMAND, ALL, WORKER, TERM, INTERRUPT)


def start(command: list[str], out: Path) -> psutil.Popen:
    return psutil.Popen(
        [
            sys.executable,
            "-m",
            "convladder",
            "climb",
            *command,
            "--on-leak",
            "keep",
            "--quiet",
            "--out",
            str(out),
        ],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        # what a shell starts in the background ignores Ctrl-C, and so would what that starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_trials(climb: psutil.Popen, out: Path) -> None:
    """Wait until a climb has looked at its images, and begins with its trials."""
    began = time.time()
    while climb.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if (out / "climb.json").stat().st_mtime >= began:
                return
        time.sleep(0.05)


def end(climb: psutil.Popen, way: str, draw: random.Random) -> None:
    """End a running climb in one of the ways, and wait until it is gone."""
    workers = climb.children(recursive=True)
    killed = {
        COMMAND: [climb],
        ALL: [climb, *workers],
        WORKER: draw.sample(workers, min(1, len(workers))),
    }
    for each in killed.get(way, []):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    if way in (WORKER, TERM):
        climb.terminate()
    elif way == INTERRUPT:
        climb.send_signal(signal.SIGINT)
    climb.wait()


def measure(command: list[str], kills: int, seed: int, folder: Path) -> dict[str, Any]:
    draw, whole, killed = random.Random(seed), folder / "whole", folder / "killed"
    climb = start(command, whole)
    wait_for_trials(climb, whole)
    began = time.monotonic()
    if climb.wait():
        raise SystemExit("the climb that is not killed failed")
    seconds = time.monotonic() - began
    trials, told = folders.finished_runs(whole), list[dict[str, Any]]()
    for number in range(kills):
        way, climb = WAYS[number % len(WAYS)], start(command, killed)
        wait_for_trials(climb, killed)
        time.sleep(draw.uniform(0.5, 1.5) * seconds / (kills + 1))
        if climb.poll() is not None or len(folders.finished_runs(killed)) == len(trials):
            break
        end(climb, way, draw)
        begun = len(list(killed.glob(f"trials/*/*{folders.UNFINISHED}/checkpoint-*.json")))
        told.append(
            {"way": way, "finished": len(folders.finished_runs(killed)), "checkpoints": begun}
        )
        print(told[-1], file=sys.stderr, flush=True)
    status = start(command, killed).wait()
    return {
        "kills": told,
        "seconds": round(seconds, 1),
        "status": status,
        "trials": len(trials),
        "went_on": [
            _went_on(run) for run in folders.finished_runs(killed) if "resumed" in _about(run)
        ],
        "differences": compare(killed, whole),
    }


def compare(climb: Path, other: Path) -> list[str]:
    """Return which files of two climbs are not equal: the table of results without its times, all
    predictions.
    """
    found = [] if _without_times(climb) == _without_times(other) else ["results.csv"]
    for run in folders.finished_runs(other):
        name = run.relative_to(other) / "predictions.csv"
        if (
            not (climb / name).exists()
            or (climb / name).read_bytes() != (other / name).read_bytes()
        ):
            found.append(str(name))
    return found


def _without_times(climb: Path) -> str:
    return str(
        pd.read_csv(climb / "results.csv", dtype=str).drop(columns=TIMES).to_csv(index=False)
    )


def _went_on(run: Path) -> str:
    places = [f"epoch {each['epoch']}, step {each['step']}" for each in _about(run)["resumed"]]
    return f"{run.parent.name} {run.name} after {' and '.join(places)}"


def _about(run: Path) -> dict[str, Any]:
    about: dict[str, Any] = files.read_json(run / folders.ABOUT)
    return about


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="default: CIFAR-10")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rungs", help="default: all of the classic ladder")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    data = asked.data or str(imageset.cifar10(imageset.workspace()))
    command = [data, "--seeds", str(asked.seeds), "--epochs", str(asked.epochs)]
    command += ["--rungs", asked.rungs] if asked.rungs else []
    with tempfile.TemporaryDirectory(dir=imageset.workspace()) as folder:
        told = measure(command, asked.kills, asked.seed, Path(folder))
    results.write_json(asked.out / "killed-climb.json", told | results.circumstances())


if __name__ == "__main__":
    main(sys.argv[1:])
