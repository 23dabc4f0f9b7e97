"""Is what a search finds better than what it began with? The claim of `convladder tune` on
CIFAR-10.

python benchmarks/accuracy/tuned.py [--images 8000] [--epochs 6] [--trials 20] [--out
benchmarks/results]

The built-in space around the last rung of the ladder `classic`, on a part of the CIFAR-10 folder
(see _harness/imageset.py). The search lies in the cache, and a later call goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

import convladder as cl
from _harness import imageset, results


def describe(found: cl.Tuning) -> dict[str, Any]:
    """Return what a search found, and what that was worth on test, if anything was claimed."""
    told: dict[str, Any] = {
        "headline": found.headline(),
        "candidates": found.candidates["state"].value_counts().to_dict(),
        "changes": found.changes,
        "search_seconds": found.about["seconds"],
        "rungs": [],
        "claim": None,
    }
    if found.climb is None:
        return told
    for name, standing in found.climb.standings.items():
        accuracy, price = standing.estimate, standing.price
        told["rungs"].append(
            {
                "rung": name,
                "accuracy": accuracy.mean,
                "low": accuracy.low,
                "high": accuracy.high,
                "seeds": len(standing.runs),
                "parameters": price.parameters,
                "flops": price.flops,
                "seconds": sum(run.metrics["seconds"] for run in standing.runs)
                / len(standing.runs),
            }
        )
    (claim,) = found.climb.against_parent
    return told | {
        "claim": vars(claim.difference),
        "images": results.count_images(found.climb.about),
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=8_000, help="of all 60,000, in the same shares"
    )
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    workspace = imageset.workspace()
    found = cl.tune(
        imageset.cifar10(workspace),
        trials=asked.trials,
        epochs=asked.epochs,
        changes={"data.limit": asked.images, "data.on_leak": "keep", "train.precision": "bfloat16"},
        out=workspace / f"tuned-{asked.images}-{asked.epochs}-{asked.trials}",
    )
    told = describe(found) | {"epochs": asked.epochs, **results.circumstances()}
    results.write_json(asked.out / "tuned.json", told)
    found.plot_parallel().figure.savefig(asked.out / "tuned.png", dpi=110, bbox_inches="tight")
    print(found.headline(), found.report(), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
