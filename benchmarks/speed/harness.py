"""Programs side by side: each does the same work several times in turn, and what they tell is compared.

A program prints one line of JSON at its end. Its `seconds` are measured from outside, from start to end, less what
it says that it `paused`.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

HERE = Path(__file__).parents[1]
LOOK_EVERY = 0.25  # seconds, at the memory of a program

Figures = dict[str, Any]
Kind = Literal["recipe", "accuracy"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Side:
    """One of the programs of a row.

    program : a file under benchmarks/, or Python's `-c` or `-m`. arguments : "{round}" stands for the round.
    cache : fresh: convladder's cache is empty at each start; kept: as the run before left it.
    times : the work is so many runs like this one, one after another; only one is made.
    together : so many at the same time.
    """

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    cache: str = "kept"
    times: int = 1
    together: int = 1

    def command(self, number: int) -> list[str]:
        start = [self.program] if self.program.startswith("-") else [str(HERE / self.program)]
        return [sys.executable, *start, *(each.replace("{round}", str(number)) for each in self.arguments)]


@dataclass(frozen=True)
class Ratio:
    """A figure of one side over a figure of another, and what it should come to at least."""

    name: str
    top: tuple[str, str]
    bottom: tuple[str, str]
    wanted: float

    def of(self, told: dict[str, Figures]) -> float:
        (top, above), (bottom, below) = self.top, self.bottom
        return float(told[top][above] / told[bottom][below])


@dataclass(frozen=True)
class Row:
    """Some work, who does it, and how they are compared.

    kind : recipe: all do the same, and only the system differs; accuracy: each does what it finds best.
    same : figures in which all sides that tell them must agree.
    accuracy_within : how far apart the sides' mean accuracies may be. at_least : what each must reach.
    first : run once before, untimed, with the kept cache.
    memory : look at how much memory each side takes, all of its processes together.
    """

    name: str
    work: str
    sides: tuple[Side, ...]
    ratios: tuple[Ratio, ...]
    kind: Kind = "recipe"
    rounds: int = 3
    same: tuple[str, ...] = ("images", "parameters", "epochs")
    accuracy_within: float | None = None
    at_least: float | None = None
    first: tuple[Side, ...] = ()
    memory: bool = False


@dataclass
class Measured:
    """What each side of a row told in each round."""

    row: Row
    rounds: list[dict[str, Figures]] = field(default_factory=list)

    def ratios(self, ratio: Ratio) -> list[float]:
        """Return the ratio in each round in which both sides were run."""
        sides = {ratio.top[0], ratio.bottom[0]}
        return [ratio.of(told) for told in self.rounds if sides <= told.keys()]


def measure_row(row: Row, workspace: Path, say: Callable[[str], None]) -> Measured:
    """Run the sides of a row in turn, every other round backwards; leave out those that cannot run here."""
    with tempfile.TemporaryDirectory(dir=workspace) as kept:
        for side in row.first:
            run(side, Path(kept))
        measured, absent = Measured(row), set[str]()
        for number in range(row.rounds):
            told: dict[str, Figures] = {}
            for side in row.sides[:: -1 if number % 2 else 1]:
                if side.name in absent:
                    continue
                figures = run(side, Path(kept), number, memory=row.memory)
                if figures is None:
                    absent.add(side.name)
                    say(f"  {side.name}: left out, a library is missing (pip install 'convladder[bench]')")
                    continue
                told[side.name] = figures
                say(f"  {side.name}: " + ", ".join(f"{name} {_short(value)}" for name, value in figures.items()))
            measured.rounds.append(told)
    return measured


def run(side: Side, kept: Path, number: int = 0, *, memory: bool = False) -> Figures | None:
    """Run a program and return what it told; None where a library that it needs is not installed.

    Raises RuntimeError where it fails.
    """
    cache = kept / "fresh" if side.cache == "fresh" else kept / "cache"
    shutil.rmtree(kept / "fresh", ignore_errors=True)
    environment = os.environ | {
        "CONVLADDER_CACHE": str(cache),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
    }
    command = side.command(number)
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        processes = [
            subprocess.Popen(command, stdout=told, stderr=said, env=environment, cwd=kept)
            for _ in range(side.together)
        ]
        peak = _watch(processes) if memory else None
        failed = [process for process in processes if process.wait()]
        seconds = time.perf_counter() - began
        told.seek(0), said.seek(0)
        lines, errors = told.read().strip().splitlines(), said.read()
    if failed and "ModuleNotFoundError" in errors:
        return None
    if failed:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors[-2000:]}")
    figures: Figures = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    seconds = (seconds - figures.get("paused", 0)) * side.times
    return figures | {"seconds": seconds} | ({"peak_bytes": peak} if memory else {})


def find_differences(row: Row, rounds: Sequence[dict[str, Figures]]) -> list[str]:
    """Say in which figures the sides do not agree, though they should."""
    found = []
    for name in row.same:
        values = {side: figures[name] for told in rounds for side, figures in told.items() if name in figures}
        if len(set(values.values())) > 1:
            found.append(f"{name}: " + ", ".join(f"{side} {value}" for side, value in values.items()))
    means = _mean_accuracies(row, rounds)
    apart = max(means.values(), default=0) - min(means.values(), default=0)
    low = min(means.values(), default=1) < (row.at_least or 0)
    if low or (row.accuracy_within is not None and apart > row.accuracy_within):
        found.append("accuracy: " + ", ".join(f"{side} {mean:.3f}" for side, mean in means.items()))
    return found


def _mean_accuracies(row: Row, rounds: Sequence[dict[str, Figures]]) -> dict[str, float]:
    of_side = {side.name: [told[side.name] for told in rounds if side.name in told] for side in row.sides}
    return {
        side: statistics.fmean(figures["accuracy"] for figures in told)
        for side, told in of_side.items()
        if told and "accuracy" in told[0]
    }


def _watch(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    """Return the most bytes that the processes and their children hold at a time; shared pages count in parts."""
    most = 0
    while any(process.poll() is None for process in processes):
        most = max(most, sum(_held(process.pid) for process in processes))
        time.sleep(LOOK_EVERY)
    return most


def _held(pid: int) -> int:
    """Return the proportional set size of a process and its children."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for each in [parent, *parent.children(recursive=True)]:
            total += each.memory_full_info().pss
    except psutil.Error:  # one has ended meanwhile
        pass
    return total


def _short(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
