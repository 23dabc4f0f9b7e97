"""The small forms of an image by which its copies are found: a thumbnail, and a smaller one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from convladder.data.decoding.image_form import Pixels

SIDE, SMALL = 32, 16  # of a thumbnail, and of the smaller one
LARGE_SIDE = 64  # of a large thumbnail
LEAST_LARGE = 64  # pixels to a side of images that have a large one: fewer have no such detail


def make_thumbnails(images: Sequence[Image.Image], side: int = SIDE) -> Pixels:
    """Return N whole images stretched to `(N, side, side, 3)`."""
    small = [_resize(_convert(_reduce(image, 4 * side), "RGB"), side) for image in images]
    return np.array([np.asarray(each) for each in small], dtype=np.uint8).reshape(-1, side, side, 3)


def reduce_thumbnails(thumbnails: Pixels) -> Pixels:
    """Return thumbnails reduced to `(N, 16, 16, 3)`, by the means of four pixels."""
    blocks = thumbnails.reshape(-1, SMALL, SIDE // SMALL, SMALL, SIDE // SMALL, 3)
    reduced: Pixels = np.rint(blocks.mean((2, 4))).astype(np.uint8)
    return reduced


def _reduce(image: Image.Image, side: int) -> Image.Image:
    """Divide the sides of a large image by a whole number: plain means are many times faster."""
    factor = min(image.size) // side
    return image.reduce(factor) if factor > 1 and image.mode not in ("P", "1") else image


def _convert(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _resize(image: Image.Image, side: int) -> Image.Image:
    return (
        image
        if image.size == (side, side)
        else image.resize((side, side), Image.Resampling.BILINEAR)
    )
