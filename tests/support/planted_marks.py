"""Images of noise with a small mark at a known place, which alone tells the class.

Each also has a decoy as bright that tells nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

SIDE, MARK = 32, 8

Pixels = NDArray[np.uint8]
Places = NDArray[np.int64]


def marks(size: int) -> NDArray[np.float64]:
    """Return a plus, a frame, a cross and stripes, `(4, size, size)`."""
    drawn = np.zeros((4, size, size))
    middle = slice(size // 2 - 1, size // 2 + 1)
    drawn[0, middle, :] = drawn[0, :, middle] = 1
    drawn[1, [0, -1], :] = drawn[1, :, [0, -1]] = 1
    drawn[2] = np.maximum(np.eye(size), np.eye(size)[::-1])
    drawn[3, ::2, :] = 1
    return drawn


def plant(
    images: int, seed: int, side: int = SIDE, size: int = MARK
) -> tuple[Pixels, Places, Places]:
    """Return images `(N, side, side, 1)`, their classes `(N,)`, and the mark's upper left corners
    `(N, 2)`.
    """
    draw = np.random.default_rng(seed)
    classes = draw.integers(0, 4, images)
    pixels = draw.integers(0, 100, (images, side, side, 1))
    corners = _apart(draw, images, side - size, size)
    for image, (mark, decoy), drawn in zip(pixels, corners, marks(size)[classes], strict=True):
        _add(image, mark, drawn)
        _add(image, decoy, draw.permuted(drawn.ravel()).reshape(size, size))
    return pixels.astype(np.uint8), classes, corners[:, 0]


def on_mark(heat: NDArray[Any], corners: Places, size: int = MARK) -> NDArray[np.bool_]:
    """Return for each image whether its hottest pixel is on the mark or next to it."""
    hottest = np.stack(
        np.unravel_index(heat.reshape(len(heat), -1).argmax(axis=1), heat.shape[1:]), axis=1
    )
    return ((hottest >= corners - 1) & (hottest <= corners + size)).all(axis=1)


def brightness(pixels: Pixels, size: int = MARK) -> NDArray[np.float64]:
    """Return the mean brightness around each pixel: what one finds who looks for bright spots."""
    return uniform_filter(pixels[..., 0].astype(np.float64), (0, size, size), mode="constant")


def _apart(draw: np.random.Generator, images: int, last: int, size: int) -> Places:
    """Draw two corners for each image, `(N, 2, 2)`, whose squares do not touch."""
    corners = draw.integers(0, last + 1, (images, 2, 2))
    while (near := (np.abs(corners[:, 0] - corners[:, 1]).max(axis=1) < size + 3)).any():
        corners[near, 1] = draw.integers(0, last + 1, (int(near.sum()), 2))
    return corners


def _add(image: NDArray[Any], corner: Places, drawn: NDArray[np.float64]) -> None:
    top, left = corner
    image[top : top + len(drawn), left : left + len(drawn), 0] += (150 * drawn).astype(int)
