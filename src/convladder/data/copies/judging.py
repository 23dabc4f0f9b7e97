"""Which of the proposed pairs are the same picture: how alike they are, and must be in this set."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convladder.core.container_limits import cores
from convladder.data.copies.alignment import Likeness, Values, compare
from convladder.data.copies.candidates import Candidates, views
from convladder.data.copies.groups import Indices
from convladder.data.decoding.image_form import Pixels

Thumbnails = Callable[[Indices], Pixels]

LEAST_FINE = 0.79  # correlation of fine detail
# for each block of contrast that a pair has less, so much more is asked
SPREAD, PER_BLOCK = (32, 0.004)
LEAST_WAYS = 0.08  # of contrast in both directions: stripes fit any others
# of coarse colours; it is not asked of pairs with so much fine detail
LEAST_COARSE, SURE_FINE = (0.9, 0.85)
LEAST_BAND = 0.92  # of all that is compared, where detail was lost
UNMOVED = 0.05  # of a side by which such a pair may be moved
LARGEST_GAIN = 1.5  # ratio of its contrasts
SPREADS = 7  # by which a near duplicate must be more alike than images that are drawn at random
NEAREST = 0.994  # correlation that is enough in any set
SAMPLE = 1_000  # pairs drawn to see how alike the images are by chance
FEWEST = 10  # images for that
BATCH = 480  # pairs whose pixels are compared at once


@dataclass(frozen=True)
class Bounds:
    """The least correlations of near duplicates in a set."""

    fine: float = LEAST_FINE
    band: float = LEAST_BAND


def are_same(likeness: Likeness, bounds: Bounds) -> NDArray[np.bool_]:
    """Whether pairs show the same picture, `(n,)`: by detail, or as a whole where not moved."""
    asked = bounds.fine + PER_BLOCK * np.maximum(0, SPREAD - likeness.spread)
    coloured = (likeness.coarse >= LEAST_COARSE) | (likeness.fine >= SURE_FINE)
    detailed = (likeness.fine >= np.minimum(asked, NEAREST)) & coloured
    as_a_whole = (likeness.band >= bounds.band) & (likeness.gain <= LARGEST_GAIN)
    as_a_whole &= (likeness.moved <= UNMOVED) & (likeness.coarse >= LEAST_COARSE)
    return (detailed | as_a_whole) & (likeness.two_ways >= LEAST_WAYS)


def compare_pairs(
    pairs: Candidates,
    thumbnails: Thumbnails,
    starts: Values | None = None,
    still: Thumbnails | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Likeness:
    """Compare pairs from where they should fit, `(n, 4)`, or else from where their views say.

    `still` returns the thumbnails of the whole images, if these are others.
    """
    if starts is None:
        starts = np.array([view.start for view in views()], dtype=np.float32)[pairs.view]

    def of_part(start: int) -> Likeness:
        part = pairs.take(slice(start, start + BATCH))
        moved = thumbnails(part.sought)
        moved = np.where(part.mirrored[:, None, None, None], moved[:, :, ::-1], moved)
        return compare((still or thumbnails)(part.whole), moved, starts[start : start + BATCH])

    found = [Likeness.of(0)]
    with ThreadPoolExecutor(cores()) as threads:  # NumPy computes without holding Python's lock
        for part in threads.map(of_part, range(0, len(pairs.alike), BATCH)):
            found.append(part)
            progress(min(1.0, (len(found) - 1) * BATCH / len(pairs.alike)))
    return Likeness(
        *(np.concatenate([vars(part)[name] for part in found]) for name in vars(found[0]))
    )


def find_bounds(size: int, thumbnails: Thumbnails) -> Bounds:
    """Return how alike near duplicates in this set must be.

    Random pairs show how alike its images are by chance. Those that look the same are left out:
    they may be of one scene. Photographs leave the bounds as they are; on scikit-learn's digits
    more is asked.
    """
    if size < FEWEST:
        return Bounds()
    left, right = np.random.default_rng(0).integers(0, size, (2, SAMPLE))
    apart = np.flatnonzero(left != right)
    whole, none = np.zeros(len(apart), np.int64), np.zeros(len(apart), np.float32)
    likeness = compare_pairs(Candidates(left[apart], right[apart], whole, none), thumbnails)
    chance = likeness.take(~are_same(likeness, Bounds()))
    return Bounds(_bound_above(chance.fine, LEAST_FINE), _bound_above(chance.band, LEAST_BAND))


def _bound_above(correlations: Values, least: float) -> float:
    """Return what lies far above chance, by median and 95 % quantile on Fisher's scale."""
    if not len(correlations):
        return least
    scaled = np.arctanh(correlations.clip(0, 1 - 1e-6))
    # the duplicates among them are hardly one in twenty
    middle, high = np.quantile(scaled, [0.5, 0.95])
    return float(np.clip(np.tanh(middle + SPREADS * (high - middle) / 1.645), least, NEAREST))
