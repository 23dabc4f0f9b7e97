"""What bfloat16 brings: speed and accuracy of each rung of the classic ladder, beside float32.

python benchmarks/speed/precision.py [--images 10000] [--epochs 4] [--seeds 4] [--out
benchmarks/results]

Half an hour on four cores. CIFAR-10 as in _harness/imageset.py; a stratified subset of so many of
its images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

import convladder as cl
from _harness import imageset, results
from convladder.core import container_limits
from convladder.results.saved_climb import SavedClimb

BFLOAT16 = "-bfloat16"


def in_pairs(ladder: cl.Ladder) -> cl.Ladder:
    """Return the ladder with a rung beside each that computes in bfloat16."""
    pairs = []
    for rung in ladder.rungs:
        change = {"train.precision": "bfloat16"}
        pairs += [rung, cl.Rung(name=rung.name + BFLOAT16, parent=rung.name, change=change)]
    return replace(ladder, name="precision", rungs=tuple(pairs))


def compare(folder: Path) -> list[dict[str, Any]]:
    """Return for each rung how many times as fast it was, and the difference in accuracy with its
    interval.
    """
    found = SavedClimb(folder)
    names = [name for name in found.standings if not name.endswith(BFLOAT16)]
    claims = found.lineup.claims([(name + BFLOAT16, name) for name in names])
    return [
        {
            "rung": name,
            **_speed(found, name),
            "accuracy": found.standings[name].estimate.mean,
            "difference": claim.difference.difference,
            "low": claim.difference.low,
            "high": claim.difference.high,
            "verdict": claim.difference.verdict,
        }
        for name, claim in zip(names, claims, strict=True)
    ]


def _speed(found: SavedClimb, name: str) -> dict[str, float]:
    """Return how many times as fast the rung trains in bfloat16: the median over seeds, and the
    range.
    """
    full, half = (found.standings[each].runs for each in (name, name + BFLOAT16))
    ratios = [_time(one) / _time(other) for one, other in zip(full, half, strict=True)]
    return {"speed": statistics.median(ratios), "slowest": min(ratios), "fastest": max(ratios)}


def _time(run: Any) -> float:
    """Return the milliseconds for an image in the run's median epoch after the first."""
    return float(run.metrics["price"]["train_milliseconds_per_image"])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument(
        "--smallest", action="store_true", help="a few images, two rungs, one seed: to try it"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    ladder = cl.load_ladder("classic")
    folder, images, epochs, seeds = imageset.cifar10, asked.images, asked.epochs, asked.seeds
    if asked.smallest:
        ladder, folder, images, epochs, seeds = ladder.part(["lenet5"]), imageset.few, 300, 2, 1
    jobs = max(1, container_limits.cores() // 2)  # so that trials do not slow each other down
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "climb"
        cl.climb(
            folder(imageset.workspace()),
            in_pairs(ladder),
            seeds=seeds,
            epochs=epochs,
            jobs=jobs,
            out=out,
            changes={"data.limit": images, "data.on_leak": "keep"},
        )
        rows = compare(out)
    told = {
        "images": images,
        "epochs": epochs,
        "seeds": seeds,
        "jobs": jobs,
        "rungs": rows,
        **results.circumstances(),
    }
    results.write_json(asked.out / "precision.json", told)
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
