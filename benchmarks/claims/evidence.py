"""Plant the evidence for each class at a known place, and count how often the heat maps find it.

Each image is noise with one of four small marks, which tells its class, and a decoy as bright that
tells nothing. Whoever looks for brightness finds the mark in half of the images.

python benchmarks/claims/evidence.py [RUNG ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import convladder as cl
from convladder.experiments.inference import load_network
from convladder.models import gradcam
from convladder.models.gradcam import LEAST_CELLS
from convladder.results import saved_run
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.occlusion import CELLS, occlusion_map
from convladder.results.bundle.predictor import Predictor
from planted_marks import MARK, SIDE, Pixels, Places, brightness, on_mark, plant

RUNGS = (
    "lenet5 max-pooling same-padding more-conv-layers smaller-kernels batch-norm dropout-conv"
).split()
LAYERS = {
    1: "the last convolution",
    LEAST_CELLS: f"the deepest with {LEAST_CELLS} cells",
    12: "… with 12 cells",
}
PARTS = {"train": 3000, "validation": 400, "test": 400}


def share_on_mark(heat: NDArray[Any], corners: Places, size: int = MARK) -> float:
    """Return the mean share of an image's heat that lies on its mark."""
    shares = [
        each[top : top + size, left : left + size].sum() / max(each.sum(), 1e-9)
        for each, (top, left) in zip(heat, corners, strict=True)
    ]
    return float(np.mean(shares))


def occluded(bundle: Bundle, pixels: Pixels, classes: Places) -> NDArray[Any]:
    """Return the occlusion map of each image, as large as the image."""
    predictor = Predictor(bundle)
    side = np.arange(SIDE) * CELLS // SIDE
    maps = np.stack(
        [
            occlusion_map(predictor, image, label)
            for image, label in zip(pixels, classes, strict=True)
        ]
    )
    return maps[:, side][:, :, side]


def _row(name: str, heat: NDArray[Any], corners: Places) -> str:
    return (
        f"{name:48} {100 * on_mark(heat, corners).mean():8.0f} % "
        f"{100 * share_on_mark(heat, corners):8.0f} %"
    )


def main(*rungs: str) -> None:
    pixels, classes, corners = plant(PARTS["test"], seed=2)
    print(f"{'':48} hottest on the mark   heat on the mark")
    chance = (MARK + 2) ** 2 / SIDE**2, MARK**2 / SIDE**2
    print(f"{'chance, by area':48} {100 * chance[0]:8.0f} % {100 * chance[1]:8.0f} %")
    print(_row("brightness alone", brightness(pixels), corners))
    with tempfile.TemporaryDirectory() as folder:
        arrays = {}
        for seed, (part, images) in enumerate(PARTS.items()):
            arrays[f"x_{part}"], arrays[f"y_{part}"], _ = plant(images, seed)
        np.savez(Path(folder, "planted.npz"), **arrays)
        for rung in rungs or RUNGS:
            run = cl.train(f"{folder}/planted.npz", rung, out=f"{folder}/{rung}", quiet=True)
            network = load_network(saved_run.SavedRun(run.folder))
            print(f"{rung}, test accuracy {run.metrics['test']['accuracy']:.3f}")
            for cells, name in LAYERS.items():
                heat = gradcam.heat_maps(network, pixels, classes, least_cells=cells)
                print(_row(f"    {name}", heat, corners))
            absent = gradcam.heat_maps(network, pixels, (classes + 1) % 4)
            print(_row("    asked for a class that is not there", absent, corners))
            covered = occluded(Bundle(run.bundle(f"{folder}/{rung}.convladder")), pixels, classes)
            print(_row("    occlusion, as the page of serve", covered, corners), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
