"""Which values of deep images become black and white: one range, found and kept for a set.

Deep is what has more than 8 bits: 16-bit and 32-bit integers, and floats. A file of 16 bits seldom
says how many of them its camera fills; divided by 257, twelve bits come to sixteen grey levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]  # (height, width) or (height, width, 3), before they are pixels
Pixels = NDArray[np.uint8]

DEEPEST = 65_535  # of 16 bits
USUAL = 0.9  # of the images lie in the core, the range of what is common
RARE = 0.01  # of the images may take up fewer grey levels than is said of a set
MIXED = 0.1  # of the images have 8 bits, at least: fewer are strays, and do not decide for the rest
BITS = (8, 10, 12, 14, 16)  # that cameras have
STEPS = 16  # at least, that a range has: its ends are rounded outward to whole ones
BLOCK = 2**20  # values that are computed at a time
SAMPLED = 2**16  # values of a large image tell what is usual among those that vary
OUTSIDE = 0.1  # of an image's values, beyond what was usual, are cut: it does not fit
FLAT = 3  # times fewer grey levels than nearly all images of a set: it does not fit


@dataclass(frozen=True)
class Extremes:
    """The least and largest value of an image, and those that squares of 2 x 2 pixels reach.

    A dead or hot pixel, or a broken row or column of a sensor, is no square; nor are thin strokes
    or single hits. So `usual_low` and `usual_high` hold eight in ten of the values that differ from
    the median, which is the ground of such images. whole : whether these are whole numbers, and not
    floats.
    """

    least: float
    largest: float
    low: float
    high: float
    whole: bool
    usual_low: float = np.nan
    usual_high: float = np.nan


@dataclass(frozen=True)
class IntensityRange:
    """The values of deep images that become 0 and 255; what lies outside is cut.

    mixed : whether a share of the set had 8 bits (see `is_mixed`); these stay as they are. outside
        : the largest share of values that was cut of an image of the set. levels : nearly all of
        its images take up so many grey levels or more.
    """

    low: float
    high: float
    mixed: bool = False
    outside: float = 1.0
    levels: int = 0

    def __str__(self) -> str:
        return f"{written(self.low)} to {written(self.high)}"


FULL = IntensityRange(0, DEEPEST)


@dataclass(frozen=True)
class Stretch:
    """How a deep image was brought to 8 bits: from which values, and what share was cut off."""

    least: float
    largest: float
    outside: float

    def __str__(self) -> str:
        return f"{written(self.least)} to {written(self.largest)}"


class UnknownRange(Exception):
    """An image is deep, and the range of its set is not known yet; these are its own values."""

    def __init__(self, extremes: Extremes) -> None:
        super().__init__(extremes)
        self.extremes = extremes


def written(value: float) -> str:
    """Return a value as people read it.

    >>> written(1310.0), written(0.25)
    ('1,310', '0.25')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:.4g}"


def find_extremes(values: Values) -> Extremes:
    """Return the extremes of an image's values, without those that are no numbers, or NaN."""
    bands = [_extremes_of(band[np.newaxis]) for band in _bands(values, overlap=1)]
    found = np.stack([ends for ends, _ in bands])[:, :, 0]
    lows, highs = np.fmin.reduce(found[:, ::2]), np.fmax.reduce(found[:, 1::2])
    whole = all(each.all() for _, each in bands)
    usual = _usual_of(_sample(values)).ravel().tolist()
    return Extremes(float(lows[0]), float(highs[0]), float(lows[1]), float(highs[1]), whole, *usual)


def find_extremes_of_all(images: Values) -> list[Extremes]:
    """Return the extremes of each of N images `(N, height, width, channels)` in memory."""
    found: list[Extremes] = []
    for band in _bands(images):
        ends, whole = _extremes_of(band)
        usual = _usual_of(np.stack([_sample(image)[0] for image in band]))
        columns = zip(*ends.tolist(), whole.tolist(), *usual.tolist(), strict=True)
        found += [Extremes(*each) for each in columns]
    return found


def find_ends(extremes: Sequence[Extremes]) -> tuple[float, float]:
    """Choose the low and the high end of one range for the images that have these extremes.

    It holds every value, but those that are further from the core than the core is wide; and the
    core is what nine in ten images have, single pixels apart. So neither a hot pixel nor one image
    of another kind takes more than two thirds of the grey levels from the rest, and what is rare
    but real is kept.

    Where images consist of single pixels (thin strokes, sparse hits) such a core has no width, or
    cuts what half of them show: then what is usual among the values that vary belongs to it. Only
    if all values of all images are the same, both ends are.
    """
    table = np.array([list(vars(each).values()) for each in extremes], np.float64).T
    (least, largest, low, high), varies = table[:4], table[1] > table[0]
    bounds = float(np.fmin.reduce(least)), float(np.fmax.reduce(largest))
    core = _core_of(low, high)
    if varies.any():
        usual_low, usual_high = table[5:, varies]
        found = _widened(core, bounds)
        cut = np.median(usual_low) < found[0] or np.median(usual_high) > found[1]
        if cut or not core[1] > core[0]:
            of_varying = _core_of(usual_low, usual_high)
            core = min(*core, of_varying[0]), max(*core, of_varying[1])
    return _widened(core, bounds) if core[1] > core[0] else bounds


def is_mixed(deep: int, total: int) -> bool:
    """Whether of a set's images, so many of them deep, a real share has 8 bits."""
    return total - deep >= max(1, MIXED * total)


def find_range(extremes: Sequence[Extremes], *, mixed: bool) -> IntensityRange:
    """Choose one range for the images that have these extremes, with round ends.

    Where a real share of a set has 8 bits (`mixed`), these images are most likely of the same
    scale, from zero to the largest value that the bits of the camera have: then the range is that.
    """
    low, high = find_ends(extremes)
    whole = all(each.whole for each in extremes)
    if mixed and whole and low >= 0 and high <= DEEPEST:
        return IntensityRange(0, next(top for bits in BITS if (top := 2**bits - 1) >= high))
    return _rounded(low, high, whole=whole)


def stretch(values: Values, intensity: IntensityRange) -> Pixels:
    """Return values as pixels, from 0 at the low end of the range to 255 at the high one."""
    table = None
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        table = _scaled(np.arange(DEEPEST + 1), intensity)
    pixels = np.empty(values.shape, np.uint8)
    for start, band in zip(_starts(values), _bands(values), strict=True):
        pixels[start : start + len(band)] = (
            _scaled(band, intensity) if table is None else table[band]
        )
    return pixels


def share_outside(values: Values, intensity: IntensityRange) -> float:
    """Return the share of values outside the range, of which those that are no numbers are not."""
    count = sum(
        int(((band < intensity.low) | (band > intensity.high)).sum()) for band in _bands(values)
    )
    return count / max(1, values.size)


def misfit(
    is_deep: bool, outside: float, levels: int, trained: IntensityRange | None
) -> str | None:
    """Say why an image does not fit the set that a network was trained on; None where it does.

    outside : the share of its values that were cut. levels : the grey levels that it takes up.
        trained : the range of the set, if that had deep images.
    """
    if trained is None:
        return (
            (
                f"it has more than 8 bits, unlike all training images: values from {FULL} were "
                "mapped to black and white"
            )
            if is_deep
            else None
        )
    if not is_deep:
        return (
            None
            if trained.mixed
            else (
                "it has 8 bits, but the training images had more: its brightness may not match "
                "theirs"
            )
        )
    if outside > trained.outside + OUTSIDE:
        return (
            f"{outside:.0%} of its values are outside {trained}, the range of the training images"
        )
    if levels * FLAT < trained.levels:
        usual = f"training images use {trained.levels} or more"
        return f"it uses {levels} of 256 grey levels, {usual}: does it have another bit depth?"
    return None


def _core_of(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of what nine in ten images have."""
    tail = (1 - USUAL) / 2
    return float(np.quantile(low, tail, method="lower")), float(
        np.quantile(high, 1 - tail, method="higher")
    )


def _widened(core: tuple[float, float], bounds: tuple[float, float]) -> tuple[float, float]:
    """Return a core with as much again on either side, as far as there are values."""
    width = core[1] - core[0]
    return max(bounds[0], core[0] - width), min(bounds[1], core[1] + width)


def _rounded(low: float, high: float, *, whole: bool) -> IntensityRange:
    """Round a range outward, so that a few more images seldom change it, and people can read it."""
    if not high > low:  # all alike: black
        return IntensityRange(low, max(low + 1, float(np.nextafter(low, np.inf))))
    step = 2.0 ** np.floor(np.log2(max((high - low) / STEPS, np.finfo(np.float64).tiny)))
    if whole:
        step = max(1.0, step)
        return IntensityRange(
            float(np.floor(low / step) * step), float(np.ceil((high + 1) / step) * step - 1)
        )
    return IntensityRange(float(np.floor(low / step) * step), float(np.ceil(high / step) * step))


def _scaled(values: Values, intensity: IntensityRange) -> Pixels:
    wide = values.astype(np.float64)
    scaled = (wide - intensity.low) * (255 / (intensity.high - intensity.low))
    pixels: Pixels = np.rint(np.nan_to_num(scaled, nan=0.0).clip(0, 255)).astype(np.uint8)
    return pixels


def _starts(values: Values, overlap: int = 0) -> range:
    rows = max(1, BLOCK // max(1, values[0].size))
    return range(0, max(1, len(values) - overlap), rows)


def _bands(values: Values, overlap: int = 0) -> Iterator[Values]:
    """Yield some rows after the other, and so many of the next."""
    starts = _starts(values, overlap)
    return (values[start : start + starts.step + overlap] for start in starts)


def _extremes_of(images: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the four extremes of each image, `(4, N)`, and whether its values are whole."""
    whole = np.ones(len(images), bool)
    if images.dtype.kind == "f":
        images = np.where(np.isfinite(images), images, np.nan)
        of_image = tuple(range(1, images.ndim))
        whole = ((images == np.rint(images)) | np.isnan(images)).all(axis=of_image)
    least = largest = images
    for axis in (1, 2):
        if images.shape[axis] > 1:
            ahead = (slice(None),) * axis + (slice(1, None),)
            behind = (slice(None),) * axis + (slice(None, -1),)
            least = np.fmax(least[ahead], least[behind])
            largest = np.fmin(largest[ahead], largest[behind])
    flat = [each.reshape(len(images), -1) for each in (images, least, largest)]
    ends = [np.fmin.reduce(flat[0], 1), np.fmax.reduce(flat[0], 1), np.fmin.reduce(flat[1], 1)]
    return np.array([*ends, np.fmax.reduce(flat[2], 1)], np.float64), whole


def _sample(values: Values) -> Values:
    """Return some values of an image, `(1, n)`, the same at each call: all of a small one."""
    flat = values.reshape(-1)
    if flat.size > SAMPLED:  # at random: even steps may run along a column
        flat = flat[np.random.default_rng(0).integers(0, flat.size, SAMPLED)]
    return flat[np.newaxis]


def _usual_of(rows: Values) -> NDArray[np.float64]:
    """Return the range of eight in ten values that differ from their row's median, `(2, N)`.

    Of a row whose values are all the same these are that value.
    """
    if rows.dtype.kind == "f":
        rows = np.where(np.isfinite(rows), rows, np.nan)
    ordered, each = np.sort(rows, axis=1), np.arange(len(rows))  # what is no number comes last
    known = (~np.isnan(ordered)).sum(axis=1)
    middle = ordered[each, known // 2][:, np.newaxis]
    below, above = (ordered < middle).sum(axis=1), (ordered > middle).sum(axis=1)
    varying = below + above
    cut = ((1 - USUAL) * np.maximum(varying - 1, 0)).astype(int)
    ends = []
    for place in (cut, np.maximum(varying - 1, 0) - cut):
        found = np.where(place < below, place, known - varying + place)
        ends.append(ordered[each, np.where(varying > 0, found, 0)])
    return np.array(ends, np.float64)
