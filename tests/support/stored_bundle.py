"""A bundle that is stored, so that later versions are known to read those of this one; and how it
was made.

python tests/support/stored_bundle.py     makes it anew, where the format changes, beside the old
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import convladder as cl
from convladder.data.decoding.image_form import Pixels

STORED = Path(__file__).parents[1] / "fixtures" / "format-1.convladder"
EXPECTED = STORED.with_suffix(".json")  # the probabilities of `pictures`
CLASSES = ("blue", "green", "red")
SMALL = {
    "model.filters": [4],
    "model.kernel_size": 3,
    "model.dense": [8],
    "data.image_size": [12, 12],
}


def pictures() -> list[Pixels]:
    """Return images of several shapes: of the network's size, wide, tall, small."""
    draw = np.random.default_rng(0)
    sides = [(12, 12), (12, 12), (20, 33), (41, 30), (5, 7)]
    return [draw.integers(0, 256, (*side, 3), dtype=np.uint8) for side in sides]


def coloured(draw: np.random.Generator, label: int, size: int = 12) -> Pixels:
    """Return an image in which the colour of a class prevails a little."""
    pixels = draw.integers(0, 200, (size, size, 3))
    pixels[..., 2 - label] += 50
    return pixels.astype(np.uint8)


def make_folder(root: Path, images: int = 100) -> Path:
    """Write a class folder of such images."""
    draw = np.random.default_rng(1)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for number in range(images):
            Image.fromarray(coloured(draw, label)).save(root / name / f"{number:03}.png")
    return root


def main() -> None:
    with tempfile.TemporaryDirectory() as spare:
        folder = make_folder(Path(spare) / "colours")
        run = cl.train(
            folder, "lenet5", epochs=12, changes=SMALL, out=Path(spare) / "run", quiet=True
        )
        STORED.parent.mkdir(exist_ok=True)
        STORED.unlink(missing_ok=True)
        run.bundle(STORED)
    found = cl.Predictor.open(STORED).probabilities(pictures())
    EXPECTED.write_text(json.dumps(found.tolist(), indent=1) + "\n")


if __name__ == "__main__":
    main()
