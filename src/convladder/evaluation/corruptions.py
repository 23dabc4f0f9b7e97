"""Images degraded in five strengths: noise, blur, brightness, contrast, JPEG, shift and rotation.

Names and severities are those of ImageNet-C, and for images under 64 pixels a side those of
CIFAR-10-C: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to common
corruptions and perturbations", ICLR (github.com/hendrycks/robustness). Shift and rotation, which
these have not, are our own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.uint8]  # (N, height, width, channels)
Draw = np.random.Generator

# docs/decisions/089-how-images-are-degraded-is-part-of-what-is-compared.md
VERSION = 1  # of all that `corrupt` does: any change raises it, so that older runs are told apart
STRENGTHS = 5
LARGE = 64  # pixels a side, from which ImageNet-C's severities are taken


@dataclass(frozen=True)
class Corruption:
    """One way to degrade images.

    change : takes images, a severity, and what draws at random. small, large : its severities, for
    small images and for large ones.
    """

    name: str
    change: Callable[[Pixels, float, Draw], Pixels]
    small: tuple[float, ...]
    large: tuple[float, ...]

    def severities(self, height: int, width: int) -> tuple[float, ...]:
        """Return those of its strengths for images of this size."""
        return self.large if min(height, width) >= LARGE else self.small


def _gaussian_noise(images: Pixels, deviation: float, draw: Draw) -> Pixels:
    noise = draw.standard_normal(images.shape, dtype=np.float32)
    return _cut(images + np.float32(255 * deviation) * noise)


def _gaussian_blur(images: Pixels, deviation: float, draw: Draw) -> Pixels:
    del draw
    return _cut(
        ndimage.gaussian_filter(
            images.astype(np.float32), (0, deviation, deviation, 0), mode="nearest"
        )
    )


def _brightness(images: Pixels, added: float, draw: Draw) -> Pixels:
    """Add to the V of HSV, which scales the channels; black becomes grey."""
    del draw
    value = images.max(axis=-1, keepdims=True).astype(np.float32)
    brighter = np.minimum(value + 255 * added, 255)
    return _cut(np.where(value > 0, images * brighter / np.maximum(value, 1), brighter))


def _contrast(images: Pixels, left: float, draw: Draw) -> Pixels:
    del draw
    means = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _cut((images - means) * np.float32(left) + means)


def _jpeg_compression(images: Pixels, quality: float, draw: Draw) -> Pixels:
    del draw
    return np.stack([_through_jpeg(image, int(quality)) for image in images])


def _through_jpeg(image: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file), dtype=np.uint8).reshape(image.shape)


def _shift(images: Pixels, share: float, draw: Draw) -> Pixels:
    """Shift images by a share of their sides in one of eight directions, repeating the edge."""
    directions = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)])
    height, width = images.shape[1:3]
    step = np.maximum(1, np.rint([share * height, share * width])).astype(int)
    steps = step * directions[draw.integers(len(directions), size=len(images))]
    rows = np.clip(np.arange(height) - steps[:, :1], 0, height - 1)
    columns = np.clip(np.arange(width) - steps[:, 1:], 0, width - 1)
    shifted: Pixels = images[
        np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return shifted


def _rotation(images: Pixels, degrees: float, draw: Draw) -> Pixels:
    """Turn each image about its centre to one side or the other; edge pixels are repeated."""
    rotated = images.astype(np.float32)
    to_left = draw.random(len(images)) < 0.5
    for chosen, angle in ((to_left, degrees), (~to_left, -degrees)):
        if chosen.any():
            rotated[chosen] = ndimage.rotate(
                rotated[chosen], angle, axes=(1, 2), reshape=False, order=1, mode="nearest"
            )
    return _cut(rotated)


def _cut(values: NDArray[np.floating[Any]]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


_SHIFTS = (1 / 16, 2 / 16, 3 / 16, 4 / 16, 5 / 16)  # of the side
_ANGLES = (5, 10, 15, 20, 30)  # degrees

# A new one goes to the end: what is drawn for each depends on its place.
CORRUPTIONS = {
    each.name: each
    for each in (
        Corruption(  # deviation, of 1
            "gaussian_noise",
            _gaussian_noise,
            (0.04, 0.06, 0.08, 0.09, 0.10),
            (0.08, 0.12, 0.18, 0.26, 0.38),
        ),
        Corruption(  # deviation in pixels
            "gaussian_blur", _gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1), (1, 2, 3, 4, 6)
        ),
        Corruption(  # added to the value, of 1
            "brightness", _brightness, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)
        ),
        Corruption(  # share that is left
            "contrast", _contrast, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)
        ),
        Corruption(  # quality
            "jpeg_compression", _jpeg_compression, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7)
        ),
        Corruption("shift", _shift, _SHIFTS, _SHIFTS),
        Corruption("rotation", _rotation, _ANGLES, _ANGLES),
    )
}
NAMES = tuple(CORRUPTIONS)
# Runs that keep no record were made with these severities: to change some, keep them here.
_FIRST = dict(CORRUPTIONS)


@dataclass(frozen=True)
class Recipe:
    """How images were degraded: only what was made by equal recipes is compared.

    severities : for each of the names those of its strengths. version : of the code.
    """

    names: tuple[str, ...]
    severities: tuple[tuple[float, ...], ...]
    version: int


def recipe(height: int, width: int) -> Recipe:
    """Return how images of this size are degraded."""
    return Recipe(NAMES, _severities(CORRUPTIONS, NAMES, height, width), VERSION)


def first_recipe(names: Sequence[str], height: int, width: int) -> Recipe:
    """Return how images were degraded before runs kept a record of that.

    Raises KeyError for unknown names.
    """
    return Recipe(tuple(names), _severities(_FIRST, names, height, width), 1)


def corrupt(images: Pixels, name: str, strength: int, seed: int = 0) -> Pixels:
    """Return the images `(N, height, width, channels)` degraded in a strength from 1 to 5.

    What is drawn at random depends on seed, corruption and strength alone. Raises ValueError for an
    unknown name.
    """
    severity = recipe(*images.shape[1:3]).severities[NAMES.index(name)][strength - 1]
    draw = np.random.default_rng([seed, NAMES.index(name), strength])
    return CORRUPTIONS[name].change(images, severity, draw)


def _severities(
    known: Mapping[str, Corruption], names: Iterable[str], height: int, width: int
) -> tuple[tuple[float, ...], ...]:
    return tuple(known[name].severities(height, width) for name in names)
