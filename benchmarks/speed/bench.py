"""Measure convladder beside other programs, in turn on the same work; print the ratios and keep
what was measured.

python benchmarks/speed/bench.py [ROW ...] [--size usual|full|smallest] [--rounds N] [--out
benchmarks/results]

`usual` takes some 20 minutes on four cores, `full` some hours; what was measured at full size is
not replaced by less. What a row needs (images, a climb) is made once and kept in convladder's
cache. `growth`, `modern` and `precision` are programs of their own, which can be named too.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

import page
from _harness import imageset, results
from _harness.programs import measure_row
from accuracy import modern
from scaling import growth
from speed import precision
from speed.rows import ROWS, SIZES

OTHERS = {"growth": growth.main, "modern": modern.main, "precision": precision.main}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default: all"
    )
    parser.add_argument("--size", choices=SIZES, default="usual")
    parser.add_argument(
        "--rounds", type=_count, help="how often each side is run; default: by size"
    )
    parser.add_argument(
        "--more", action="store_true", help="go on from the rounds that the results have"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    for name in asked.rows:
        if name not in ROWS | OTHERS:
            parser.error(f"unknown row {name}: choose from {', '.join(ROWS | OTHERS)}")
    out = asked.out.resolve()
    if asked.size == "smallest" and out == results.RESULTS:
        parser.error("what is measured at the smallest size says nothing: give another --out")
    results.commit()  # that is measured
    summaries = []
    with tempfile.TemporaryDirectory(dir=imageset.workspace()) as kept:
        for name in asked.rows or ROWS:
            if name in ROWS:
                summaries.append(keep(name, asked, Path(kept), out))
            else:
                OTHERS[name](["--out", str(out)])
                publish(out)
    if summaries:
        print(results.as_table(summaries), results.as_line(summaries[-1]), sep="\n\n")


def keep(name: str, asked: argparse.Namespace, kept: Path, out: Path) -> dict[str, Any]:
    """Measure a row, and keep what has come out after each round, unless a larger size is there."""
    path = out / f"{name}.json"
    before = results.size_of(path)
    is_less = before is not None and list(SIZES).index(asked.size) < list(SIZES).index(before)
    if is_less:
        say(
            f"{path} was measured at the size {before}, and is kept: give another --out for this "
            "one"
        )
    for summary in measure(name, asked, kept, path):
        if not is_less:
            results.write_json(path, summary)
            publish(out)
    return summary


def publish(out: Path) -> None:
    """Put the results into docs/, if they are those that it shows."""
    if out == results.RESULTS:
        page.write()


def measure(
    name: str, asked: argparse.Namespace, kept: Path, path: Path
) -> Iterator[dict[str, Any]]:
    """Measure a row, with what earlier ones have left in the folder, and yield what came out after
    each round.

    path : where its results are, if it has any.
    """
    size = SIZES[asked.size]
    row = ROWS[name](size, imageset.workspace())
    row = replace(row, rounds=asked.rounds or row.rounds)
    if not size.same_accuracy:
        row = replace(row, accuracy_within=None)
    say(f"{name}: {row.work}")
    earlier = results.read_earlier(path, row, asked.size) if asked.more else None
    if earlier and len(earlier["rounds"]) >= row.rounds:
        yield earlier
        return
    for measured in measure_row(row, kept, say, earlier["rounds"] if earlier else ()):
        yield results.summarise(measured, asked.size, earlier)


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # so that no program outlives it
    main(sys.argv[1:])
