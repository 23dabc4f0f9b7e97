"""What each technique past the notebook brings, and when: accuracy against seconds of training,
rung by rung.

python benchmarks/accuracy/modern.py [--images 60000] [--epochs 20] [--seeds N] [--rungs A,B] [--out
benchmarks/results]

The ladder `modern` on the CIFAR-10 folder (see _harness/imageset.py), and the notebook's last
network on the same images, trained as the notebook trains it: the line to beat. Hours; what is
trained is kept in the cache, and a later call goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

import convladder as cl
from _harness import curves, imageset, results
from _harness.curves import Curve
from convladder.results.group_summary import Claim, GroupSummary

NOTEBOOK = "dropout-conv"  # its last network
NOTEBOOK_EPOCHS = 20
NOTEBOOK_SEEDS = 3
IMAGES = 60_000  # of CIFAR-10, those for testing included


def describe(
    standing: GroupSummary, against_parent: Claim | None, against_start: Claim | None
) -> dict[str, Any]:
    """Return what a rung came to, what it costs, and how it got there: the means over its seeds."""
    histories = [run.history for run in standing.runs]
    epochs = min(map(len, histories))
    seconds = np.mean([history["train_seconds"][:epochs].cumsum() for history in histories], axis=0)
    validated = np.mean([history["val_accuracy"][:epochs] for history in histories], axis=0)
    accuracy = standing.estimate
    return {
        "rung": standing.name,
        "parent": against_parent.reference if against_parent else None,
        "seeds": len(standing.runs),
        "accuracy": accuracy.mean,
        "low": accuracy.low,
        "high": accuracy.high,
        "difference": vars(against_parent.difference) if against_parent else None,
        "gained": vars(against_start.difference) if against_start else None,
        "parameters": standing.price.parameters,
        "flops": standing.price.flops,
        "seconds": seconds[-1],
        "curve": np.stack([seconds, validated], axis=1).round(4).tolist(),
    }


def describe_all(climbed: cl.Climb) -> list[dict[str, Any]]:
    """Return a row a rung."""
    steps = {claim.name: claim for claim in climbed.against_parent}
    starts = {claim.name: claim for claim in climbed.against_start}
    return [
        describe(standing, steps.get(name), starts.get(name))
        for name, standing in climbed.standings.items()
    ]


def curves_of(told: dict[str, Any]) -> list[Curve]:
    """Return a curve a rung, the first and the best told apart, and the notebook's."""
    rungs, (notebook,) = told["rungs"], told["notebook"]
    start, best = rungs[0], max(rungs, key=lambda rung: rung["accuracy"])
    found = [Curve(rung["curve"], width=0.9) for rung in rungs]
    found.append(Curve(start["curve"], f"{start['rung']}, the start", curves.INK))
    if best is not start:
        found.append(Curve(best["curve"], f"{best['rung']}, the best", curves.BLUE))
    return [*found, Curve(notebook["curve"], "the notebook's last network", curves.ORANGE, "--")]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="of all 60,000, in the same shares"
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--seeds", type=int, help="for every rung; default: as many as can decide a step"
    )
    parser.add_argument(
        "--precision",
        default="float32",
        help="of the ladder, bfloat16 for a processor that has it; the notebook's is float32",
    )
    parser.add_argument(
        "--rungs", type=lambda text: text.split(","), help="of the ladder modern; default: all"
    )
    parser.add_argument(
        "--smallest", action="store_true", help="a few images, two rungs, one seed: to try it"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    workspace, make = imageset.workspace(), imageset.cifar10
    rungs, epochs, seeds, notebook_epochs = asked.rungs, asked.epochs, asked.seeds, NOTEBOOK_EPOCHS
    changes: dict[str, Any] = {"data.on_leak": "keep"}
    if asked.images < IMAGES:
        changes["data.limit"] = asked.images
    if asked.smallest:
        make, rungs, epochs, seeds, notebook_epochs = (
            imageset.few,
            ["classic-top", "cosine"],
            2,
            1,
            1,
        )
    folder, kept = make(workspace), asked.out if asked.smallest else workspace
    modern = cl.climb(
        folder,
        "modern",
        rungs=rungs,
        epochs=epochs,
        changes=changes | {"train.precision": asked.precision},
        out=kept / f"modern-{asked.images}-{epochs}",
        seeds=seeds,
        quiet=asked.smallest,
    )
    notebook = cl.climb(
        folder,
        "notebook",
        rungs=[NOTEBOOK],
        epochs=notebook_epochs,
        changes=changes,
        out=kept / f"notebook-{asked.images}",
        seeds=seeds or NOTEBOOK_SEEDS,
        quiet=asked.smallest,
    )
    told = {
        "images": results.count_images(modern.about),
        "epochs": epochs,
        "notebook_epochs": notebook_epochs,
        "precision": asked.precision,
        "rungs": describe_all(modern),
        "notebook": describe_all(notebook),
        **results.circumstances(),
    }
    results.write_json(asked.out / "modern.json", told)
    curves.draw(curves_of(told), "seconds of training, one core a trial", asked.out / "modern.png")


if __name__ == "__main__":
    main(sys.argv[1:])
