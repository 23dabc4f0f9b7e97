"""One test image in every kind and strength in which images are degraded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convladder.evaluation import corruptions
from convladder.results.saved_run import SavedRun

Pixels = NDArray[np.uint8]


def mosaic_of(run: SavedRun) -> dict[str, list[Pixels]] | None:
    """Return a run's first kept test image by corruption, in each strength, the weakest first.

    None where the run was tested on images that were degraded in another way than today's.
    """
    pixels = run.samples.pixels[:1]
    recipe = run.corrupted.recipe
    if len(pixels) == 0 or recipe != corruptions.recipe(*pixels.shape[1:3]):
        return None
    strengths = range(1, corruptions.STRENGTHS + 1)
    return {
        name: [corruptions.corrupt(pixels, name, strength)[0] for strength in strengths]
        for name in recipe.names
    }
