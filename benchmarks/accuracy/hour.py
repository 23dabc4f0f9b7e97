"""The best test accuracy that an hour of training gives on this machine, beside the notebook's last
network.

python benchmarks/accuracy/hour.py [--minutes 60] [--seed 0] [--out benchmarks/results]

One network made of the parts that the ladder `modern` adds, as wide as leaves time for enough
epochs, trained on all cores for as many as there is time for, on the CIFAR-10 folder (see
_harness/imageset.py), in bfloat16 where the machine has that; then the notebook's, trained as the
notebook trains it. What is trained is kept in the cache, and a later call goes on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

import convladder as cl
from _harness import curves, imageset, results
from _harness.curves import Curve
from accuracy.modern import NOTEBOOK, NOTEBOOK_EPOCHS
from convladder.evaluation.intervals import proportion
from convladder.training.precision import is_imitated

START = ("modern", "crop")  # the ladder and the rung that it begins with
RECIPE: dict[str, Any] = {
    "train.batch_size": 128,
    "train.learning_rate": 2e-3,
    "model.residual": [0, 1, 1],
    "model.dropout_conv": [],
    "augmentation.brightness": 0,
    "augmentation.rotation": 0,
    "augmentation.shift": 0,
    "augmentation.shear": 0,
    "augmentation.zoom": 0,
}
PROBE, PROBE_EPOCHS = (
    {"data.limit": 6_000},
    2,
)  # timed before, to see how many epochs there is time for
WIDTHS = (
    64,
    48,
    32,
)  # filters of the first stage, each later has twice as many; of a slow machine the narrowest
ENOUGH = 24  # epochs that a network needs: a wider one with fewer comes to less
SMALLEST: dict[str, Any] = {"model.residual": [0, 1], "train.batch_size": 32}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60, help="of training, on all cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--smallest", action="store_true", help="a few images, a small network: to try it"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    workspace, make, notebook_epochs = imageset.workspace(), imageset.cifar10, NOTEBOOK_EPOCHS
    widths = WIDTHS
    recipe = RECIPE | {"train.precision": "float32" if is_imitated("bfloat16") else "bfloat16"}
    if asked.smallest:
        make, recipe, notebook_epochs, widths = imageset.few, recipe | SMALLEST, 1, (4,)
    folder, kept = make(workspace), asked.out if asked.smallest else workspace
    width, epochs = choose_width(60 * asked.minutes, widths, recipe, folder)
    recipe |= _filters(width)
    best = _train(
        folder, *START, epochs, kept / f"hour-{width}-{epochs}-{asked.seed}", recipe, asked.seed
    )
    place = kept / f"hour-notebook-{asked.seed}"
    notebook = _train(folder, "notebook", NOTEBOOK, notebook_epochs, place, {}, asked.seed)
    (claim,) = cl.compare(notebook, best).claims
    told = {
        "minutes": asked.minutes,
        "recipe": recipe,
        "best": describe(best),
        "notebook": describe(notebook),
        "difference": vars(claim.difference),
        **results.circumstances(),
    }
    results.write_json(asked.out / "hour.json", told)
    lines = [
        Curve(told["best"]["curve"], "the best of an hour", curves.BLUE),
        Curve(told["notebook"]["curve"], "the notebook's last network", curves.ORANGE, "--"),
    ]
    curves.draw(lines, "seconds of training, on all cores", asked.out / "hour.png")


def choose_width(
    seconds: float, widths: tuple[int, ...], recipe: dict[str, Any], folder: Path
) -> tuple[int, int]:
    """Return the widest that leaves time for enough epochs, else the narrowest, and its epochs."""
    for width in widths:
        with tempfile.TemporaryDirectory() as temporary:
            changes = recipe | PROBE | _filters(width)
            timed = _train(folder, *START, PROBE_EPOCHS, Path(temporary) / "run", changes)
            epochs = epochs_in(seconds, timed, folder)
        if epochs >= ENOUGH:
            break
    return width, epochs


def _filters(width: int) -> dict[str, Any]:
    return {"model.filters": [width, 2 * width, 4 * width]}


def epochs_in(seconds: float, timed: cl.Run, folder: Path) -> int:
    """Return how many epochs of all images there is time for, by how long one of a part of them
    took.
    """
    counts = results.count_images(timed.about)
    share = counts["train"] / (counts["train"] + counts["validation"])
    images = share * sum(1 for _ in (folder / "train").glob("*/*"))
    epoch = timed.history["train_seconds"].iloc[-1] * images / counts["train"]
    return max(1, int(seconds / epoch))


def describe(run: cl.Run) -> dict[str, Any]:
    """Return what a run came to, what it cost, and how it got there."""
    test, price, history = run.metrics["test"], run.metrics["price"], run.history
    share = proportion(round(test["accuracy"] * test["images"]), test["images"])
    seconds = history["train_seconds"].cumsum().round(2)
    return {
        "accuracy": test["accuracy"],
        "low": share.low,
        "high": share.high,
        "images": test["images"],
        "parameters": price["parameters"],
        "flops": price["flops"],
        "epochs": len(history),
        "seconds": float(seconds.iloc[-1]),
        "curve": list(zip(seconds, history["val_accuracy"].round(4), strict=True)),
    }


def _train(
    folder: Path,
    ladder: str,
    rung: str,
    epochs: int,
    out: Path,
    changes: dict[str, Any],
    seed: int = 0,
) -> cl.Run:
    changes = {
        "data.on_leak": "keep"
    } | changes  # CIFAR-10 has copies of test images among those to train on
    return cl.train(folder, rung, ladder=ladder, epochs=epochs, seed=seed, changes=changes, out=out)


if __name__ == "__main__":
    main(sys.argv[1:])
