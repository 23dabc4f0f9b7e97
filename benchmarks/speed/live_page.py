"""What does the live page cost? The same climb with and without, in turn.

    python benchmarks/speed/live_page.py [--rounds 3] [--epochs 3] [--seeds 2] [--images N]

Kept is: how many times as long a climb took with the page, as the median over rounds with its
range; and, since two climbs differ by more than that by chance, which share of its time the thread
took that writes the page, all that it reads for that included. The images are CIFAR-10 as in
_harness/imageset.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import imageset, results
from convladder.api.climb import climb_request
from convladder.experiments.request import ClimbRequest
from convladder.experiments.run_options import RunOptions
from convladder.report.live.page import LivePage
from convladder.report.live.writer import Writer

RUNGS = ["lenet5", "max-pooling", "same-padding"]


@dataclass(frozen=True)
class Told:
    """The seconds of a climb; of the page those of the processor, and its largest size in bytes."""

    seconds: float
    writing: tuple[float, ...]
    size: int


@contextmanager
def timed() -> Iterator[list[float]]:
    """Yield a list to which the seconds of the processor are added of every page."""
    seconds: list[float] = []
    write = Writer.write

    def writing(writer: Writer) -> None:
        began = time.thread_time()
        write(writer)
        seconds.append(time.thread_time() - began)

    with mock.patch.object(Writer, "write", writing):
        yield seconds


def climb(request: ClimbRequest, jobs: int | None, *, shown: bool) -> Told:
    """Climb with the page, or without."""
    begin = LivePage._begin if shown else lambda page: None
    with (
        tempfile.TemporaryDirectory(dir=imageset.workspace()) as folder,
        mock.patch.object(LivePage, "_begin", begin),
        timed() as writing,
    ):
        out = Path(folder) / "climb"
        began = time.perf_counter()
        climb_request(request, RunOptions(out=out, jobs=jobs, quiet=True))
        seconds = time.perf_counter() - began
        page = out / "live.html"
        return Told(seconds, tuple(writing), page.stat().st_size if shown else 0)


def measure(request: ClimbRequest, rounds: int, jobs: int | None) -> dict[str, Any]:
    told: dict[bool, list[Told]] = {True: [], False: []}
    for number in range(rounds):
        for shown in (True, False)[:: -1 if number % 2 else 1]:
            told[shown].append(climb(request, jobs, shown=shown))
            last = told[shown][-1]
            print(f"{shown=}: {last.seconds:.1f} s", len(last.writing), file=sys.stderr, flush=True)
    shares = [sum(each.writing) / each.seconds for each in told[True]]
    ratios = [
        own.seconds / other.seconds for own, other in zip(told[True], told[False], strict=True)
    ]
    return {
        "trials": len(request.rungs or ()) * (request.seeds or 0),
        "pages": statistics.median_low(len(each.writing) for each in told[True]),
        "bytes": max(each.size for each in told[True]),
        "seconds": statistics.median(each.seconds for each in told[True]),
        "share": {"median": statistics.median(shares), "low": min(shares), "high": max(shares)},
        "ratio": {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)},
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, help="default: one a core")
    parser.add_argument("--images", type=int, help="of the train split; default: all")
    parser.add_argument("--data", help="default: CIFAR-10")
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    request = ClimbRequest(
        data=asked.data or str(imageset.cifar10(imageset.workspace())),
        rungs=RUNGS,
        seeds=asked.seeds,
        epochs=asked.epochs,
        changes={"data.on_leak": "keep", "data.limit": asked.images},
    )
    climb(request, asked.jobs, shown=True)  # the images are decoded once, before anything is timed
    figures = measure(request, asked.rounds, asked.jobs)
    design = {"epochs": asked.epochs, "rounds": asked.rounds, "images": asked.images}
    results.write_json(asked.out / "live-page.json", design | figures | results.circumstances())


if __name__ == "__main__":
    main(sys.argv[1:])
