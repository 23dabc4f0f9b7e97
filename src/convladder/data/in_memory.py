"""Images that are in memory already: arrays of numbers as pixels, and a dataset of them."""

from __future__ import annotations

import contextlib
import math
import mmap
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core.settings.data import Data
from convladder.data.bank.bank import Bank
from convladder.data.dataset import SplitDataset
from convladder.data.decoding import intensity
from convladder.data.decoding.image_form import ImageForm, Pixels
from convladder.data.decoding.images import bring_to_form
from convladder.data.image_size import form_of
from convladder.data.source import Record
from convladder.data.splits import Splits

Shape = tuple[int, int, int]  # height, width, channels

FEWEST_VALUES = 64  # shorter flat rows are a table's rows, not images: 8x8 is a small image
LEAST_SIDE = 4  # pixels: of smaller images no single pixel can be told from what is shown
CHUNK = 1024
NAME = "memory"  # of the source


@dataclass(frozen=True)
class PixelRange:
    """The values that become the pixels 0 and 255; `as_is` where they are pixels already (uint8).

    levels : nearly all images take up so many of the 256 or more.
    """

    low: float
    high: float
    as_is: bool
    levels: float = 0

    @classmethod
    def of(
        cls,
        values: NDArray[Any],
        shape: Shape | None = None,
        wanted: tuple[float, float] | None = None,
    ) -> PixelRange:
        """Return the range for rows `(N, values)` of this shape; the `wanted` one, if any.

        It is as of deep image files (see `intensity.find_ends`); of rows that fill no image, the
        least value and the largest.
        """
        if values.dtype == np.uint8:
            return cls(0, 255, as_is=True)
        whole = shape is not None and values.shape[1] == math.prod(shape)
        if wanted is None and shape is not None and whole and min(shape[:2]) >= LEAST_SIDE:
            extremes = intensity.find_extremes_of_all(values.reshape(len(values), *shape))
            wanted = intensity.find_ends(extremes)
        low, high = wanted or (float(values.min()), float(values.max()))
        found = cls(low, high, as_is=False)
        levels = np.quantile(found._levels(values), intensity.RARE, method="lower")
        return replace(found, levels=float(levels))

    def misfits(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Say which rows have many values out of range, or far fewer grey levels than usual."""
        if self.as_is:
            return np.zeros(len(values), bool)
        outside = ((values < self.low) | (values > self.high)).mean(axis=1)
        flat = self._levels(values) * intensity.FLAT < self.levels
        unlike: NDArray[np.bool_] = (outside > intensity.OUTSIDE) | flat
        return unlike

    def _levels(self, values: NDArray[Any]) -> NDArray[np.float64]:
        ends = (values.max(axis=1), values.min(axis=1))
        high, low = (each.astype(np.float64).clip(self.low, self.high) for each in ends)
        if not self.high > self.low:  # all images are black
            return np.zeros(len(values))
        levels: NDArray[np.float64] = 255 * ((high - low) / (self.high - self.low))
        return levels

    def pixels(self, values: NDArray[Any]) -> Pixels:
        """Return the values as pixels of the same shape, rounded and clipped to the range.

        Raises ValueError if the values are uint8 and the range is not, or the other way round.
        """
        if (values.dtype == np.uint8) != self.as_is:
            seen = (
                "uint8" if self.as_is else f"numbers from {self.low:g} to {self.high:g}, not uint8"
            )
            raise ValueError(
                f"X is {values.dtype}, but fit was given {seen}: give images of the same type "
                "and range"
            )
        if self.as_is:
            return values
        pixels = np.zeros(values.shape, dtype=np.uint8)
        if self.high > self.low:
            for start in range(0, len(values), CHUNK):
                part = values[start : start + CHUNK].astype(np.float64)
                share = (part.clip(self.low, self.high) - self.low) / (self.high - self.low)
                pixels[start : start + CHUNK] = np.rint(255 * share)
        return pixels


@dataclass(frozen=True)
class MemoryBank(Bank):
    """A bank whose pixels `(N, height, width, channels)` are an array instead of a file."""

    pixels: Pixels

    @cached_property
    def images(self) -> Pixels:
        return self.pixels


def unfold(array: Any) -> tuple[Any, tuple[int, ...]]:
    """Return images `(N, height, width, ...)` as rows `(N, values)`, and the shape that they had.

    Whatever has fewer axes stays as it is.
    """
    if not hasattr(array, "shape"):
        array = np.asarray(array)
    shape = tuple(array.shape)
    rows = np.asarray(array).reshape(shape[0], math.prod(shape[1:])) if len(shape) > 2 else array
    return rows, shape


def find_shape(shape: tuple[int, ...], wanted: tuple[int, ...] | None) -> Shape:
    """Return the shape of one image in an array of this shape.

    Images `(N, height, width)` or `(N, height, width, channels)` say it themselves. Flat rows `(N,
    values)` have the `wanted` shape, or are square and grey; a row of fewer than 64 values that
    fill no square is laid on the smallest square that holds it.

    Raises
    ------
    ValueError
        These are no images, or not of the wanted shape, or the rows' shape must be said.
    """
    named = None
    if wanted is not None:
        named = _checked(tuple(np.atleast_1d(wanted).tolist()), f"image_shape is {wanted!r}")
    if len(shape) > 2:
        found = _checked(shape[1:], f"X has shape {shape}{_channels_first(shape)}")
        if named not in (None, found):
            raise ValueError(
                f"X has images of {found}, but image_shape is {wanted}: leave image_shape out"
            )
        return found
    values = shape[1]
    if named is None:
        return _square(values)
    if math.prod(named) != values:
        raise ValueError(
            f"X has rows of {values} values, but image_shape={wanted} takes {math.prod(named)}"
        )
    return named


def is_one(shape: tuple[int, ...], of_image: Shape) -> bool:
    """Return whether an array of this shape is a single image, without the axis of images."""
    return shape in (of_image, of_image[:2])


def to_images(rows: Pixels, shape: Shape) -> Pixels:
    """Return flat rows `(N, values)` as images `(N, *shape)`, filled up with 0."""
    missing = math.prod(shape) - rows.shape[1]
    filled = np.pad(rows, ((0, 0), (0, missing))) if missing else rows
    return filled.reshape(len(rows), *shape)


def find_form(data: Data, shape: Shape, smallest: int) -> ImageForm:
    """Return the form that the settings ask for, else images as they are.

    Images with a side below `smallest` are enlarged by the least whole factor that suffices.
    """
    factor = max(1, -(-smallest // min(shape[:2])))
    height, width = data.image_size or (factor * shape[0], factor * shape[1])
    channels = data.channels or (1 if shape[2] == 1 else 3)
    return form_of(data, height, width, channels)


def apply_form(images: Pixels, form: ImageForm) -> Pixels:
    """Bring images `(N, height, width, channels)` to the form."""
    if images.shape[1:] == form.shape:
        return images
    return np.stack([bring_to_form(image, form) for image in images])


def cut_validation(labels: NDArray[np.int64], share: float | None, seed: int) -> Splits:
    """Cut this share of each class for validation, at least one image; there is no test split.

    A class with a single image stays in train. Where that leaves nothing to validate on, or `share`
    is None, validation is train itself.
    """
    everything = np.arange(len(labels))
    chosen = np.zeros(len(labels), dtype=bool)
    if share is not None:
        for label in np.unique(labels):
            members = np.random.default_rng([seed, int(label)]).permutation(
                np.flatnonzero(labels == label)
            )
            size = max(1, round(share * len(members))) if len(members) > 1 else 0
            chosen[members[:size]] = True
    validation = everything[chosen] if chosen.any() else everything
    return Splits(train=everything[~chosen], validation=validation, test=everything[:0])


@contextlib.contextmanager
def make_dataset(
    images: Pixels,
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    settings: Data,
    splits: Splits,
) -> Iterator[SplitDataset]:
    """Make a dataset of images `(N, height, width, channels)` that lasts as long as the context.

    Its pixels are a copy, whose memory then goes back to the system. Keras's optimizers leave the
    training step, and with it the pixels, in a registry of TensorFlow that is never emptied.
    """
    buffer = _new_memory(images.nbytes)
    pixels = np.frombuffer(buffer, dtype=np.uint8).reshape(images.shape)
    pixels[:] = images
    height, width, channels = images.shape[1:]
    bank = MemoryBank(
        folder=Path(),
        source=NAME,
        kind="arrays",
        form=ImageForm(
            height, width, 1 if channels == 1 else 3, settings.resize, settings.background
        ),
        class_names=class_names,
        records=tuple(Record(f"X[{index}]", int(label)) for index, label in enumerate(labels)),
        rows=np.arange(len(images)),
        rejections=(),
        ignored={},
        fingerprint="",
        pixels=pixels,
    )
    try:
        yield SplitDataset(settings, bank, splits)
    finally:
        if sys.platform != "win32":  # which has no such call
            buffer.madvise(mmap.MADV_DONTNEED)


def _new_memory(size: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _checked(shape: tuple[int, ...], what: str) -> Shape:
    if len(shape) not in (2, 3) or min(shape) < 1 or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise ValueError(f"{what}: expected images of (height, width) or (height, width, 1 or 3)")
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


def _channels_first(shape: tuple[int, ...]) -> str:
    hint = " (channels come last: X.transpose(0, 2, 3, 1))"
    return hint if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3) else ""


def _square(values: int) -> Shape:
    side = math.isqrt(values)
    if side * side != values:
        if values >= FEWEST_VALUES:
            colour = math.isqrt(values // 3)
            guess = (colour, colour, 3) if 3 * colour * colour == values else "(height, width)"
            raise ValueError(
                f"X has rows of {values} values, which do not form a square: give "
                f"image_shape={guess}"
            )
        side += 1
    return side, side, 1
