"""What a network looked at, without gradients: what is lost when part of the image is covered.

Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks", ECCV, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convladder.data.decoding.image_form import Pixels
from convladder.results.bundle.predictor import Predictor

CELLS = 12  # to a side of the map
PATCH = 0.25  # of a side is covered at a time

Map = NDArray[np.float32]


# docs/decisions/074-the-servers-evidence-is-occlusion.md
def occlusion_map(predictor: Predictor, pixels: Pixels, label: int) -> Map:
    """Return where the evidence for a class lies in an image `(height, width, channels)`.

    The image is in the bundle's form.

    Each cell of `(CELLS, CELLS)` is by how much the log probability of the class falls when a grey
    patch, as bright as the image on average, covers a quarter of each side around the cell's
    middle, as a share of the largest fall: from 0 to 1, all 0 where none falls.
    """
    rows = [_covered(pixels, row) for row in range(CELLS)]
    chances = np.stack([_log(predictor.probabilities(each)[:, label]) for each in rows])
    falls = np.maximum(_log(predictor.probabilities(pixels[np.newaxis])[:, label]) - chances, 0)
    most = falls.max()
    return np.zeros_like(falls) if most <= 0 else falls / most


def _covered(pixels: Pixels, row: int) -> Pixels:
    """Return a copy of the image for each cell of a row, with the patch around it covered.

    One that is brighter or darker would be something to see itself: on planted evidence this puts
    more on it (`benchmarks/claims/evidence.py`). The mean colour would be evidence where colours
    are.
    """
    height, width = pixels.shape[:2]
    grey = round(float(pixels.mean()))
    covered = np.repeat(pixels[np.newaxis], CELLS, axis=0)
    for column in range(CELLS):
        covered[column, _span(row, height), _span(column, width)] = grey
    return covered


def _log(chances: Map) -> Map:
    logarithms: Map = np.log(np.maximum(chances, np.finfo(np.float32).tiny))
    return logarithms


def _span(cell: int, side: int) -> slice:
    """Return the pixels of one side that the patch around a cell covers."""
    middle, reach = (cell + 0.5) * side / CELLS, PATCH * side / 2
    return slice(max(0, round(middle - reach)), max(1, round(middle + reach)))
