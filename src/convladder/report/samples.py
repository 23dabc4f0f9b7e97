"""The test images that a run keeps, with what the network made of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from convladder.evaluation import predictions
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun


@dataclass(frozen=True)
class Sample:
    """A test image as the network saw it, and what it made of it.

    heat : where it looked, `(H, W)` from 0 to 255.
    """

    pixels: NDArray[np.uint8]
    heat: NDArray[np.uint8]
    path: str
    label: str
    predicted: str
    probability: float

    @property
    def right(self) -> bool:
        return self.label == self.predicted

    def heated(self) -> NDArray[np.uint8]:
        """Return the image in grey with the heat over it, dark where there is none, `(H, W, 3)`."""
        grey = self.pixels.mean(axis=-1, keepdims=True)
        warm = 255 * colormaps["inferno"](self.heat)[..., :3]
        mixed: NDArray[np.uint8] = np.rint(0.4 * grey + 0.6 * warm).astype(np.uint8)
        return mixed


def read_samples(run: SavedRun) -> list[Sample]:
    """Return the run's random test images with their predictions, the right ones first."""
    return [
        sample
        for sample, drawn in zip(_all_samples(run).values(), run.samples.drawn, strict=True)
        if drawn
    ]


def read_kept(pooled: SeedRun) -> dict[int, Sample]:
    """Return all images that are kept, by their row in the test predictions of all runs."""
    starts = np.cumsum([0, *(len(run.tested) for run in pooled.runs)]).tolist()
    return {
        start + row: sample
        for start, run in zip(starts, pooled.runs, strict=False)
        for row, sample in _all_samples(run).items()
    }


def _all_samples(run: SavedRun) -> dict[int, Sample]:
    rows = run.tested.iloc[run.samples.rows].to_dict("records")
    kept = zip(run.samples.rows.tolist(), run.samples.pixels, run.samples.heat, rows, strict=True)
    return {number: _sample(pixels, heat, row) for number, pixels, heat, row in kept}


def _sample(
    pixels: NDArray[np.uint8], heat: NDArray[np.uint8], row: Mapping[Hashable, Any]
) -> Sample:
    predicted = str(row["predicted"])
    chance = float(row[predictions.PREFIX + predicted])
    return Sample(pixels, heat, str(row["path"]), str(row["label"]), predicted, chance)


def drop_grey_axis(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image `(H, W, 3)` as it is, and a grey one, in either form, as `(H, W)`."""
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
