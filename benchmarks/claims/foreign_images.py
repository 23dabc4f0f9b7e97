"""Show a network images of no class that it knows, and count how many of them it is sure of.

The last two classes of a data set are left out of training; beside them come patches of two
photographs and, where the data set is another, handwritten digits.

python benchmarks/claims/foreign_images.py [DATA] [IMAGES]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

import convladder as cl
from convladder.data.decoding.images import bring_to_form
from convladder.evaluation.intervals import proportion

LEFT_OUT = 2  # classes
MOST = 1000  # foreign images of a kind
WANTED = (0.8, 0.9, 0.95)
Pixels = NDArray[np.uint8]


def keep_known(images: cl.Dataset, path: Path) -> None:
    """Write the images of all but the last classes as an npz file."""
    known = len(images.class_names) - LEFT_OUT
    arrays = {}
    for part in ("train", "validation", "test"):
        chosen = images.labels(part) < known
        arrays |= {
            f"x_{part}": images.images(part)[chosen],
            f"y_{part}": images.labels(part)[chosen],
        }
    np.savez(path, class_names=np.array(images.class_names[:known]), **arrays)


def find_foreign(images: cl.Dataset, data: str) -> dict[str, Pixels]:
    """Return images of no known class by their kind."""
    form, known = images.bank.form, len(images.class_names) - LEFT_OUT
    unknown = images.images("test")[images.labels("test") >= known]
    foreign = {"classes left out: " + ", ".join(images.class_names[known:]): unknown}
    draw, side = np.random.default_rng(0), max(form.height, form.width)
    patches = []
    for photograph in load_sample_images().images:
        for _ in range(MOST // 2):
            top, left = (draw.integers(0, length - 2 * side) for length in photograph.shape[:2])
            patches.append(
                bring_to_form(photograph[top : top + 2 * side, left : left + 2 * side], form)
            )
    foreign["patches of photographs"] = np.stack(patches)
    if data != "digits":
        digits = cl.load("digits", quiet=True).images("train")
        foreign["handwritten digits"] = np.stack([bring_to_form(each, form) for each in digits])
    return {kind: pixels[:MOST] for kind, pixels in foreign.items()}


def confidences(run: cl.Run, pixels: Pixels, folder: Path) -> NDArray[np.float64]:
    """Write the images as files, as a person has them, and return how sure the run is of each."""
    folder.mkdir()
    paths = []
    for number, image in enumerate(pixels):
        paths.append(folder / f"{number:05}.png")
        Image.fromarray(image.squeeze()).save(paths[-1])
    return run.predict(paths)["confidence"].to_numpy(dtype=np.float64)


def main(data: str = "digits", limit: str = "") -> None:
    images = cl.load(data, limit=int(limit) if limit else None, quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        keep_known(images, Path(folder, "known.npz"))
        run = cl.train(f"{folder}/known.npz", "dropout-conv", out=f"{folder}/run", quiet=True)
        known = np.load(f"{folder}/known.npz")["x_test"]
        own = confidences(run, known, Path(folder, "own"))
        foreign = {
            kind: confidences(run, pixels, Path(folder, str(number)))
            for number, (kind, pixels) in enumerate(find_foreign(images, data).items())
        }
        accuracy, selections = (
            run.metrics["test"]["accuracy"],
            [run.selection(wanted, as_seen=True) for wanted in WANTED],
        )
    print(
        f"{data} without its last two classes; the classic ladder's dropout-conv, test accuracy "
        f"{accuracy:.3f}"
    )
    for selection in selections:
        least = np.inf if selection.threshold is None else selection.threshold
        print(f"accuracy wanted {selection.wanted:.0%}, least confidence {least:.3f}: sure of")
        for kind, sure in {"own test images": own, **foreign}.items():
            print(f"    {_share(int((sure >= least).sum()), len(sure))} of {len(sure):,}  {kind}")
    print("told from own images by confidence (area under the ROC curve, 0.5 is chance):")
    for kind, sure in foreign.items():
        area = roc_auc_score([1] * len(own) + [0] * len(sure), np.concatenate([own, sure]))
        print(f"    {area:.3f}  {kind}")


def _share(hits: int, images: int) -> str:
    found = proportion(hits, images)
    return f"{100 * hits / images:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


if __name__ == "__main__":
    main(*sys.argv[1:])
