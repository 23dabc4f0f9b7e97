"""Lay one thumbnail over another, as far as they show the same, and say how alike they then are.

Copies of a picture are cropped, scaled, shifted and mirrored. So two thumbnails are compared after
the best shift and scale, which Gauss-Newton steps find (Lucas and Kanade 1981, "An iterative image
registration technique"; Baker and Matthews 2004, "Lucas-Kanade 20 years on"). These look at a band
of frequencies: what is finer is noise of compression, what is coarser is light and sky.

Then more is asked. Of the finest detail that compression leaves, window by window: different things
of one shape agree along their outline, copies agree inside of it and behind it. Of the coarse
colours: different things of one shape stand before different backgrounds. And over how much of the
picture the contrast is spread.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convladder.data.decoding.image_form import Pixels

Values = NDArray[np.float32]

# pixels of a thumbnail: the deviations of the two Gaussians whose difference is aligned
BAND = (1.0, 3.0)
FINE = (0.7, 1.5)  # the same of the finest detail
COARSE = 1.5  # deviation of the Gaussian that leaves the coarse colours
WINDOW = 7  # pixels to a side
BLOCKS = 8  # to a side, over which contrast is spread
# of a side; of it, at most; of one to the other
SCALES, SHIFT, CONTRASTS = ((0.75, 1.33), 0.25, (0.2, 5.0))
LONGEST_STEP = np.array([0.06, 0.06, 1.0, 1.0], dtype=np.float32)  # scales, pixels
# steps, and the correlation in BAND below which a pair is given up
STAGES = ((0, 0.25), (2, 0.5), (6, 0.6))
PART = 24  # pairs at once: their values stay in a processor's cache
_TINY = np.float32(1e-6)


@dataclass(frozen=True)
class Likeness:
    """How N pairs of thumbnails are alike after the best shift and scale, `(N,)` each.

    band : the correlation of the band that was aligned.
    fine : the mean correlation of windows of fine detail.
    coarse : the correlation of the coarse colours.
    spread : over how many of 8x8 blocks the contrast is spread; few, of a mast before a plain sky.
    gain : the ratio of the contrasts, 1 or more.
    two_ways : the contrast across the weakest direction, by that across the strongest; 0 of
        stripes.
    moved : by how much of a side an edge of one was moved to lie on that of the other.
    places : the scale and the shift of each side, `(N, 4)`; see `compare`.
    """

    band: Values
    fine: Values
    coarse: Values
    spread: Values
    gain: Values
    two_ways: Values
    moved: Values
    places: Values

    @classmethod
    def of(cls, size: int) -> Likeness:
        """Return the likeness of so many pairs that have nothing in common."""
        shapes = {
            each.name: (size, 4) if each.name == "places" else (size,) for each in fields(cls)
        }
        return cls(**{name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()})

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Likeness:
        return Likeness(*(values[which] for values in vars(self).values()))


def band_pass(thumbnails: Values, band: tuple[float, float]) -> Values:
    """Return a band of the frequencies of thumbnails `(n, 3, side, side)`."""
    fine, broad = (blur(thumbnails, deviation) for deviation in band)
    return fine - broad


def blur(thumbnails: Values, deviation: float) -> Values:
    weights = _blurring(deviation, thumbnails.shape[-1])
    blurred: Values = weights @ (thumbnails @ weights.T)
    return blurred


@cache
def _blurring(deviation: float, side: int) -> Values:
    """Return what blurs the columns of a thumbnail, `(side, side)`."""
    # a fifth of a second, and a bank that is there needs none of it
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(np.eye(side, dtype=np.float32), deviation, axis=0, truncate=3)


def colours_first(thumbnails: Pixels) -> Values:
    """Return thumbnails `(n, side, side, 3)` as `(n, 3, side, side)`."""
    return np.ascontiguousarray(thumbnails.transpose(0, 3, 1, 2), dtype=np.float32)


def compare(still: Pixels, moved: Pixels, starts: Values) -> Likeness:
    """Align thumbnails in pairs, `(n, side, side, 3)` each, from starts `(n, 4)`, and compare them.

    A row of the starts is (scale down, scale right, shift down, shift right): the place in `moved`
    of a pixel of `still` is its distance from the middle, scaled and shifted. Pairs that are unlike
    are given up early; of these only `band` is told.
    """
    found = Likeness.of(len(still))
    for first in range(0, len(still), PART):
        part = slice(first, first + PART)
        ours, theirs = colours_first(still[part]), colours_first(moved[part])
        places, band = _align(ours, theirs, starts[part].astype(np.float32))
        found.band[part], found.places[part] = band, places
        alike = np.flatnonzero(band >= STAGES[-1][1])
        if len(alike):
            likeness = _measure(ours[alike], theirs[alike], places[alike], band[alike])
            for name, values in vars(likeness).items():
                getattr(found, name)[first + alike] = values
    return found


def _align(still: Values, moved: Values, places: Values) -> tuple[Values, Values]:
    """Return the best places, `(n, 4)`, and the correlations there, `(n,)`."""
    still, moved = band_pass(still, BAND), band_pass(moved, BAND)
    best, best_places = _correlate(still, *_warp(moved, places)), places.copy()
    for (steps, _), (_, least) in zip(STAGES[1:], STAGES, strict=False):
        going = np.flatnonzero(best >= least)
        ours, theirs, there = still[going], moved[going], best_places[going]
        for _ in range(steps if len(going) else 0):
            there = _step(ours, theirs, there)
            reached = _correlate(ours, *_warp(theirs, there))
            better = reached > best[going]
            best[going[better]], best_places[going[better]] = reached[better], there[better]
    return best_places, best


def _warp(moved: Values, places: Values) -> tuple[Values, Values]:
    """Return thumbnails from places `(n, 4)`, and where they have pixels."""
    down, inside_down = _sampling(places[:, 0], places[:, 2], moved.shape[-1])
    right, inside_right = _sampling(places[:, 1], places[:, 3], moved.shape[-1])
    seen = down[:, None] @ moved @ right.transpose(0, 2, 1)[:, None]
    return seen.astype(np.float32, copy=False), inside_down[:, None, :, None] * inside_right[
        :, None, None, :
    ]


def _sampling(scale: Values, shift: Values, side: int) -> tuple[Values, Values]:
    """Return weights `(n, side, side)` between pixels, and which are inside, `(n, side)`."""
    pixels, middle = np.arange(side, dtype=np.float32), np.float32((side - 1) / 2)
    places = middle + scale[:, None] * (pixels - middle) + shift[:, None]
    inside = ((places >= 0) & (places <= side - 1)).astype(np.float32)
    weights = np.maximum(0, 1 - np.abs(places[:, :, None] - pixels))
    return weights * inside[:, :, None], inside


def _correlate(still: Values, warped: Values, inside: Values) -> Values:
    ours = still * inside
    lengths: Values = np.sqrt(np.maximum(_dot(ours, ours) * _dot(warped, warped), _TINY))
    return _dot(ours, warped) / lengths


def _dot(left: Values, right: Values) -> Values:
    product: Values = np.einsum("nchw,nchw->n", left, right)
    return product


def _step(still: Values, moved: Values, places: Values) -> Values:
    """Return the places after a Gauss-Newton step of scale and shift, with fitted contrast."""
    warped, inside = _warp(moved, places)
    inner = _erode(inside)
    fitted = _dot(still * inner, warped) / np.maximum(_dot(warped * inner, warped), _TINY)
    contrast = fitted.clip(*CONTRASTS).astype(np.float32, copy=False)[:, None, None, None]
    missing = (still - contrast * warped) * inner
    slopes = _slopes(warped, inner * contrast, places)
    flat = slopes.reshape(len(still), 4, -1)
    curvature = flat @ flat.transpose(0, 2, 1)
    damping = 1e-3 * (1 + np.trace(curvature, axis1=1, axis2=2) / 4)
    curvature += damping[:, None, None] * np.eye(4, dtype=np.float32)
    descent = np.einsum("nkj,nj->nk", flat, missing.reshape(len(still), -1))
    step = np.linalg.solve(curvature, descent[..., None])[..., 0]
    after: Values = places + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    farthest = SHIFT * still.shape[-1]
    after[:, :2], after[:, 2:] = after[:, :2].clip(*SCALES), after[:, 2:].clip(-farthest, farthest)
    return after


def _slopes(warped: Values, weight: Values, places: Values) -> Values:
    """Return how warped thumbnails change with each of the numbers, `(n, 4, 3, side, side)`."""
    slopes = np.zeros((len(warped), 4, *warped.shape[1:]), dtype=np.float32)
    down, right = slopes[:, 2], slopes[:, 3]
    down[:, :, 1:-1] = (warped[:, :, 2:] - warped[:, :, :-2]) / (2 * places[:, 0, None, None, None])
    right[..., 1:-1] = (warped[..., 2:] - warped[..., :-2]) / (2 * places[:, 1, None, None, None])
    slopes[:, 2:] *= weight[:, None]
    side = warped.shape[-1]
    distance = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    np.multiply(down, distance[:, None], out=slopes[:, 0])
    np.multiply(right, distance, out=slopes[:, 1])
    return slopes


def _erode(inside: Values) -> Values:
    """Leave out the pixels whose neighbours are not inside: they have no slope."""
    inner = np.zeros_like(inside)
    around = inside[:, :, :-2] * inside[:, :, 2:]
    inner[:, :, 1:-1] = inside[:, :, 1:-1] * around
    inner[..., 1:-1] *= inside[..., :-2] * inside[..., 2:]
    return inner


def _measure(still: Values, moved: Values, places: Values, band: Values) -> Likeness:
    spread, gain, two_ways = _compare_contrasts(still, moved, places)
    return Likeness(
        band,
        _compare_detail(still, moved, places),
        _compare_colours(still, moved, places),
        spread,
        gain,
        two_ways,
        np.abs(places[:, :2] - 1).max(axis=1) / 2
        + np.abs(places[:, 2:]).max(axis=1) / still.shape[-1],
        places,
    )


def _compare_contrasts(
    still: Values, moved: Values, places: Values
) -> tuple[Values, Values, Values]:
    """Return over how many blocks both spread their contrast, its ratio, its ways."""
    warped, inside = _warp(band_pass(moved, BAND), places)
    bands = band_pass(still, BAND)
    ours = bands * inside
    energies = [np.einsum("nchw,nchw->nhw", each, each) for each in (ours, warped)]
    left, right = (np.sqrt(np.maximum(energy.sum((1, 2)), _TINY)) for energy in energies)
    shares = energies[0] / left[:, None, None] ** 2 + energies[1] / right[:, None, None] ** 2
    block = shares.shape[-1] // BLOCKS
    blocks = shares.reshape(-1, BLOCKS, block, BLOCKS, block).sum((2, 4))
    spread = blocks.sum((1, 2)) ** 2 / np.maximum((blocks**2).sum((1, 2)), _TINY)
    return spread, np.maximum(left, right) / np.minimum(left, right), _measure_ways(bands, inside)


def _measure_ways(bands: Values, inside: Values) -> Values:
    """Return the ratio of eigenvalues of the structure tensors of `(n, 3, side, side)`."""
    inner = _erode(inside)[:, :, :-1, :-1]
    down, right = (
        np.diff(bands, axis=2)[..., :-1] * inner,
        np.diff(bands, axis=3)[:, :, :-1] * inner,
    )
    vertical, horizontal, both = _dot(down, down), _dot(right, right), _dot(down, right)
    middle = (vertical + horizontal) / 2
    apart = np.hypot((vertical - horizontal) / 2, both)
    return (np.maximum(middle - apart, 0) / np.maximum(middle + apart, _TINY)).astype(
        np.float32, copy=False
    )


def _compare_detail(still: Values, moved: Values, places: Values) -> Values:
    """Return the mean correlation of windows of fine detail, of those that lie in both."""
    warped, inside = _warp(band_pass(moved, FINE), places)
    ours = band_pass(still, FINE) * inside
    product, left, right = (
        _sum_windows(np.einsum("nchw,nchw->nhw", one, other))
        for one, other in ((ours, warped), (ours, ours), (warped, warped))
    )
    whole = _sum_windows(inside[:, 0]) > WINDOW**2 - 0.5
    correlations = np.where(whole, product / np.sqrt(np.maximum(left * right, _TINY)), 0)
    mean: Values = correlations.sum((1, 2)) / np.maximum(whole.sum((1, 2)), 1)
    return mean


def _sum_windows(values: Values) -> Values:
    """Return the sums of all windows in `(n, side, side)`."""
    side = values.shape[-1]
    sums = np.zeros((len(values), side + 1, side + 1), dtype=np.float64)
    sums[:, 1:, 1:] = values.cumsum(1, dtype=np.float64).cumsum(2)
    rows = sums[:, WINDOW:] - sums[:, :-WINDOW]
    windows: Values = (rows[:, :, WINDOW:] - rows[:, :, :-WINDOW]).astype(np.float32)
    return windows


def _compare_colours(still: Values, moved: Values, places: Values) -> Values:
    """Return the correlations of what a blur leaves, each colour less its mean where both are."""
    warped, inside = _warp(blur(moved, COARSE), places)
    pixels = np.maximum(inside.sum((2, 3), keepdims=True), 1)
    ours, theirs = (
        (values - (values * inside).sum((2, 3), keepdims=True) / pixels) * inside
        for values in (blur(still, COARSE), warped)
    )
    return _correlate(ours, theirs, inside)
