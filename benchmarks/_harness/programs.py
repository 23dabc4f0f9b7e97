"""Programs side by side: each does the same work several times in turn, and what they tell is
compared.

A program prints one line of JSON at its end. Its `seconds` are measured from outside, from start to
end, less what it says that it `paused`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

HERE = Path(__file__).parents[1]
LOOK_EVERY = 0.25  # seconds, at the memory of a program
LIMIT = 3600  # seconds that a program may take

Figures = dict[str, Any]
Kind = Literal["recipe", "wait", "accuracy"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Side:
    """One of the programs of a row.

    program : a file under benchmarks/, or Python's `-c` or `-m`. arguments : "{round}" stands for
        the round.
    cache : fresh: convladder's cache is empty at each start; kept: as the run before left it.
    times : the work is so many trainings, one after another in one process. The program is asked
        for `made` of them (`--seeds`), and tells the seconds of `each`: every further one is
        counted as long as the last.
    together : so many at the same time.
    needs : a package; where it is not installed, the side is left out.
    environment : variables that it finds beside what all have.
    """

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    cache: Literal["kept", "fresh"] = "kept"
    times: int = 1
    made: int = 2
    together: int = 1
    needs: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def absent(self) -> bool:
        """Whether it cannot be run here."""
        return self.needs is not None and importlib.util.find_spec(self.needs) is None

    def command(self, number: int) -> list[str]:
        start = [self.program] if self.program.startswith("-") else [str(HERE / self.program)]
        seeds = ["--seeds", str(min(self.times, self.made))] if self.times > 1 else []
        return [
            sys.executable,
            *start,
            *(each.replace("{round}", str(number)) for each in self.arguments),
            *seeds,
        ]


@dataclass(frozen=True)
class Ratio:
    """A figure of one side over a figure of another, and what we set out to reach, if anything."""

    name: str
    top: tuple[str, str]
    bottom: tuple[str, str]
    wanted: float | None = None

    def of(self, told: dict[str, Figures]) -> float:
        (top, above), (bottom, below) = self.top, self.bottom
        return float(told[top][above] / told[bottom][below])

    def is_bound(self, told: dict[str, Figures]) -> bool:
        """Whether the ratio is at least that much: the upper side gave up before it had reached its
        goal.
        """
        return bool(told[self.top[0]].get("gave_up"))


@dataclass(frozen=True)
class Row:
    """Some work, who does it, and how they are compared.

    kind : recipe: all train the same network in the same way, or make the same images; accuracy:
        each does what it finds best; wait: what a person waits for, beside something that takes as
        long as people are used to.
    same : figures in which all sides must agree, in each round.
    accuracy_within : how far apart the sides' mean accuracies may be. at_least : what each must
        reach each time, unless it says that it gave up.
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

    def rounds_of(self, ratio: Ratio) -> list[dict[str, Figures]]:
        """Return the rounds in which both of its sides were run."""
        sides = {ratio.top[0], ratio.bottom[0]}
        return [told for told in self.rounds if sides <= told.keys()]

    def ratios(self, ratio: Ratio) -> list[float]:
        """Return the ratio in each of those rounds."""
        return [ratio.of(told) for told in self.rounds_of(ratio)]


def measure_row(
    row: Row, kept: Path, say: Callable[[str], None], earlier: Sequence[dict[str, Figures]] = ()
) -> Iterator[Measured]:
    """Run the sides of a row in turn, every other round backwards; leave out those that cannot run
    here.

    Yields what was measured so far after each round: some take hours, and what is done is not lost.

    kept : the folder in which they run, with the cache that is kept from run to run.
    earlier : what was told in the row's first rounds, which are not run again.
    """
    sides = [side for side in row.sides if not side.absent]
    for side in row.sides:
        if side.absent:
            say(
                f"  {side.name}: left out, {side.needs} is missing (pip install "
                "'convladder[bench]')"
            )
    measured = Measured(row, list(earlier))
    for side in row.first:
        run(side, kept)
    for number in range(len(earlier), row.rounds):
        told: dict[str, Figures] = {}
        for side in sides[:: -1 if number % 2 else 1]:
            told[side.name] = figures = run(side, kept, number, memory=row.memory)
            say(
                f"  {side.name}: "
                + ", ".join(f"{name} {_short(value)}" for name, value in figures.items())
            )
        measured.rounds.append(told)
        yield measured


def run(side: Side, kept: Path, number: int = 0, *, memory: bool = False) -> Figures:
    """Run a program and return what it told. Raises RuntimeError if it fails or takes an hour."""
    cache = kept / "fresh" if side.cache == "fresh" else kept / "cache"
    shutil.rmtree(kept / "fresh", ignore_errors=True)
    environment = os.environ | {
        "CONVLADDER_CACHE": str(cache),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        **side.environment,
    }
    command = side.command(number)
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        with _running(
            side.together, command, stdout=told, stderr=said, env=environment, cwd=kept
        ) as processes:
            peak = _watch(processes, began + LIMIT) if memory else None
            failed = [process for process in processes if _ends_badly(process, began + LIMIT)]
        seconds = time.perf_counter() - began
        told.seek(0), said.seek(0)
        lines, errors = told.read().strip().splitlines(), said.read()
    if failed:
        raise RuntimeError(f"{' '.join(command)} failed, or took over {LIMIT} s:\n{errors[-2000:]}")
    figures: Figures = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    figures["seconds"] = seconds - figures.get("paused", 0) + _of_those_not_run(side, figures)
    return figures | ({"peak_bytes": peak} if memory else {})


def _ends_badly(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Whether a process ends with an error, or not in time."""
    try:
        return process.wait(max(0, deadline - time.perf_counter())) != 0
    except subprocess.TimeoutExpired:
        return True


@contextlib.contextmanager
def _running(count: int, command: list[str], **how: Any) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield so many processes of a command; none outlives the block."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen(command, **how))
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _of_those_not_run(side: Side, figures: Figures) -> float:
    """Return the seconds of the trainings that were not made: each is counted as long as the last
    that was.
    """
    missing = side.times - min(side.times, side.made)
    return float(missing * figures["each"][-1]) if missing else 0.0


def find_differences(row: Row, rounds: Sequence[dict[str, Figures]]) -> list[str]:
    """Say in which figures the sides do not agree, though they should."""
    found = []
    for name in row.same:
        for told in rounds:
            values = {side: figures.get(name, "not told") for side, figures in told.items()}
            if len({json.dumps(value) for value in values.values()}) > 1:
                found.append(
                    f"{name}: " + ", ".join(f"{side} {value}" for side, value in values.items())
                )
                break
    if row.accuracy_within is not None or row.at_least is not None:
        silent = {side for told in rounds for side, each in told.items() if "accuracy" not in each}
        found += [f"accuracy: {side} not told" for side in sorted(silent)]
    means = _mean_accuracies(row, rounds)
    apart = max(means.values(), default=0) - min(means.values(), default=0)
    if row.accuracy_within is not None and apart > row.accuracy_within:
        found.append("accuracy: " + ", ".join(f"{side} {mean:.3f}" for side, mean in means.items()))
    least = row.at_least or 0
    missed = {
        side
        for told in rounds
        for side, each in told.items()
        if each.get("accuracy", 1) < least and not each.get("gave_up")
    }
    return found + [f"accuracy: {side} did not reach {row.at_least}" for side in sorted(missed)]


def _mean_accuracies(row: Row, rounds: Sequence[dict[str, Figures]]) -> dict[str, float]:
    of_side = {
        side.name: [told[side.name] for told in rounds if side.name in told] for side in row.sides
    }
    return {
        side: statistics.fmean(figures["accuracy"] for figures in told)
        for side, told in of_side.items()
        if told and "accuracy" in told[0]
    }


def _watch(processes: Sequence[subprocess.Popen[bytes]], deadline: float) -> int:
    """Return the most bytes that the processes and their children hold at a time; shared pages
    count in parts.
    """
    most = 0
    while (
        running := [each for each in processes if each.poll() is None]
    ) and time.perf_counter() < deadline:
        most = max(most, sum(_held(process.pid) for process in running))
        with contextlib.suppress(subprocess.TimeoutExpired):
            running[0].wait(LOOK_EVERY)
    return most


def _held(pid: int) -> int:
    """Return the proportional set size of a process and its children."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for each in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                total += each.memory_full_info().pss
    return total


def _short(value: Any) -> str:
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
