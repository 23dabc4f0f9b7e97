"""Images made by a formula, as many as are wanted: a source for benchmarks that workers can read
too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convladder.data.decoding.image_form import Pixels
from convladder.data.decoding.picture import Header
from convladder.data.source import Listing, Record, Source

CLASSES = 10


def open_generated(images: int, side: int) -> Source:
    """Open so many images of `side` pixels to a side, in ten classes that can be learned."""
    names = tuple(f"class-{label}" for label in range(CLASSES))
    records = [
        Record(f"{number}", number % CLASSES, place=(number, side)) for number in range(images)
    ]
    return Source(
        name=f"{images} generated images",
        kind="generated",
        fingerprint="1",
        listing=lambda: Listing(names, tuple(records)),
        fetch=make_image,
        headers=lambda: [Header(side, side, "RGB")],
    )


def make_image(record: Record) -> Pixels:
    """Make the image of a record of `open_generated`."""
    number, side = record.place
    return draw_image(number, record.label, side)


def draw_image(number: int, label: int, side: int) -> Pixels:
    """Make noise over a wave whose direction is that of the image's class."""
    draw = np.random.default_rng(number)
    angle = np.pi * label / CLASSES
    rows, columns = np.mgrid[0:side, 0:side] * (2 * np.pi * draw.uniform(2, 4) / side)
    wave = np.sin(np.cos(angle) * columns + np.sin(angle) * rows + draw.uniform(0, 2 * np.pi))
    pixels: NDArray[np.float64] = (
        128 + 40 * wave[..., np.newaxis] + draw.normal(0, 25, (side, side, 3))
    )
    return pixels.clip(0, 255).astype(np.uint8)
