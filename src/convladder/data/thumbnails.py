"""The small forms of an image that its copies are found by: a perceptual hash, a thumbnail and its grey pixels.

The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"): which of
the 8x8 lowest frequencies of a cosine transform exceed their median. It is bit for bit that of the package
imagehash, but where only rounding tells a frequency from the median, as in images of one colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convladder.data.images import Pixels

Hashes = NDArray[np.uint64]

SIDE, COARSE = 32, 8  # of a thumbnail, and of its grey pixels
REDUCED_SIDE = 128  # pixels: larger images are first reduced by plain means, which is many times faster
FREQUENCIES = 8  # to a side of the hash

_COSINES = np.cos(np.pi / SIDE * np.arange(FREQUENCIES)[:, None] * (np.arange(SIDE) + 0.5))  # DCT-II
_MIRRORED = (-1.0) ** np.arange(FREQUENCIES)  # odd waves change sign


def hash_images(images: Sequence[Image.Image]) -> tuple[Hashes, Hashes]:
    """Return the 64-bit perceptual hashes of N upright images and of their mirror images, `(N,)` each."""
    small = [_resize(_convert(_reduce(image), "L"), Image.Resampling.LANCZOS) for image in images]
    grey = np.array([np.asarray(each) for each in small], dtype=np.float64).reshape(-1, SIDE, SIDE)
    waves = _COSINES @ (grey @ _COSINES.T)
    return _pack(waves), _pack(waves * _MIRRORED)


def make_thumbnails(images: Sequence[Image.Image]) -> Pixels:
    """Return N whole images stretched to `(N, 32, 32, 3)`."""
    small = [_resize(_convert(_reduce(image), "RGB"), Image.Resampling.BILINEAR) for image in images]
    return np.array([np.asarray(each) for each in small], dtype=np.uint8).reshape(-1, SIDE, SIDE, 3)


def reduce_thumbnails(thumbnails: Pixels) -> Pixels:
    """Return the grey pixels `(N, 8, 8)` of thumbnails."""
    blocks = thumbnails.reshape(-1, COARSE, SIDE // COARSE, COARSE, SIDE // COARSE, 3)
    reduced: Pixels = np.rint(blocks.mean((2, 4, 5))).astype(np.uint8)
    return reduced


def _pack(waves: NDArray[np.float64]) -> Hashes:
    """Return 64 bits for `(N, 8, 8)`, the first one highest."""
    flat = waves.reshape(-1, FREQUENCIES**2)
    bits = np.packbits(flat > np.median(flat, axis=1, keepdims=True), axis=1)
    return bits.view(">u8").reshape(-1).astype(np.uint64)


def _reduce(image: Image.Image) -> Image.Image:
    """Divide the sides of a large image by a whole number."""
    factor = min(image.size) // REDUCED_SIDE
    return image.reduce(factor) if factor > 1 and image.mode not in ("P", "1") else image


def _convert(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _resize(image: Image.Image, how: Image.Resampling) -> Image.Image:
    return image if image.size == (SIDE, SIDE) else image.resize((SIDE, SIDE), how)
