"""What a network looked at, without its gradients: what is lost when a part of the image is covered.

Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks", ECCV, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convladder.bundle.predictor import Predictor
from convladder.data.images import Pixels

CELLS = 12  # to a side of the map
PATCH = 0.25  # of a side is covered at a time


def occlusion_map(predictor: Predictor, pixels: Pixels, label: int) -> NDArray[np.float32]:
    """Return where the evidence for a class lies in an image `(height, width, channels)` of the bundle's form.

    Each cell of `(CELLS, CELLS)` is by how much the log probability of the class falls when a grey patch around
    the cell's middle covers a quarter of each side, as a share of the largest fall: from 0 to 1, all 0 where none
    falls.
    """
    height, width = pixels.shape[:2]
    covered = np.repeat(pixels[np.newaxis], CELLS**2, axis=0)
    for cell in range(CELLS**2):
        rows, columns = (
            _span(place, side) for place, side in zip(divmod(cell, CELLS), (height, width), strict=True)
        )
        covered[cell, rows, columns] = predictor.form.background
    chances = np.log(np.maximum(predictor.probabilities(covered)[:, label], np.finfo(np.float32).tiny))
    whole = np.log(max(predictor.probabilities(pixels[np.newaxis])[0, label], np.finfo(np.float32).tiny))
    falls = np.maximum(whole - chances, 0).reshape(CELLS, CELLS)
    most = falls.max()
    return np.zeros_like(falls) if most <= 0 else falls / most


def _span(cell: int, side: int) -> slice:
    """Return the pixels of one side that the patch around a cell covers."""
    middle, reach = (cell + 0.5) * side / CELLS, PATCH * side / 2
    return slice(max(0, round(middle - reach)), max(1, round(middle + reach)))
