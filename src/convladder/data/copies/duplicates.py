"""Exact and near duplicates among many images: neighbours are proposed, and judged after they were
aligned.

A near duplicate is the same picture, recompressed, resized, in other colours, shifted, cropped,
scaled by up to a fifth, or mirrored. What that rests on: `benchmarks/claims/duplicates.py`, and
docs/data.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convladder.core.container_limits import cores
from convladder.data.copies import scenes
from convladder.data.copies.alignment import Likeness, Values, compare
from convladder.data.copies.candidates import Candidates, propose, views
from convladder.data.copies.groups import first_of_each, group, members_of
from convladder.data.decoding.image_form import Pixels

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]
Thumbnails = Callable[[Indices], Pixels]

LEAST_FINE = 0.79  # correlation of fine detail
# for each block of contrast that a pair has less, so much more is asked
SPREAD, PER_BLOCK = (32, 0.004)
LEAST_WAYS = 0.08  # of contrast in both directions: stripes fit any others
# of coarse colours; it is not asked of pairs with so much fine detail
LEAST_COARSE, SURE_FINE = (0.9, 0.85)
LEAST_BAND = 0.92  # of all that is compared, where detail was lost
UNMOVED = 0.05  # of a side by which such a pair may be moved
LARGE_FINE, LARGE_BAND = 0.75, 0.96  # the same correlations in thumbnails of twice the side
SURE_BAND = 0.98  # correlation as a whole for which these need not be looked at
LARGEST_GAIN = 1.5  # ratio of its contrasts
SPREADS = 7  # by which a near duplicate must be more alike than images that are drawn at random
NEAREST = 0.994  # correlation that is enough in any set
# what makes places in a thumbnail those in a large one
LARGER = np.array([1, 1, 2, 2], dtype=np.float32)
LEAST_DEVIATION = 1.0  # grey levels: below, there is no picture to compare

SAMPLE = 1_000  # pairs drawn to see how alike the images are by chance
FEWEST = 10  # images for that
MOST_VIEWS = 20  # of a scene, from each of which many pictures are seen
BATCH = 480  # pairs whose pixels are compared at once


@dataclass(frozen=True)
class Pair:
    """Two images, by index (`left < right`), that are the same picture.

    `distance` is one less the correlation of their detail, after mirroring the left one if
    `mirrored`.
    """

    left: int
    right: int
    kind: Literal["exact", "near"]
    mirrored: bool
    distance: float


def find_pairs(
    digests: Hashes,
    small: Pixels,
    labels: NDArray[np.int32],
    thumbnails: Thumbnails,
    large: Thumbnails | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_scene: Callable[[Indices], None] = lambda indices: None,
) -> list[Pair]:
    """Find the duplicates among N images, as a forest: n images of one picture give n - 1 pairs.

    Images without a contrast of their own (blank pages), or with one in one direction alone
    (stripes), are only ever exact duplicates. Where all images of a set look alike, as digits do,
    near duplicates must be nearer (see `_find_bounds`). Pictures of one scene, as a fixed camera
    makes them, are compared in what differs from the scene (see `scenes`).

    Parameters
    ----------
    digests
        `(N,)`: equal where the decoded pixels are equal.
    small
        `(N, 16, 16, 3)`, from `reduce_thumbnails`.
    labels
        `(N,)`: the number of the class of each.
    thumbnails
        Returns `(n, 32, 32, 3)` for n indices; see `make_thumbnails`. Asked for few images at a
        time.
    large
        Returns `(n, 64, 64, 3)` likewise, where the images have so many pixels: things of one
        outline, such as shirts on one carpet, are told apart by what is finer.
    progress
        Told how much of the comparing is done, of how much.
    on_scene
        Told the indices of images that were taken for pictures of one scene.
    """
    first = first_of_each(digests)
    is_first = first == np.arange(len(digests))
    exact = [
        Pair(int(first[copy]), int(copy), "exact", False, 0.0) for copy in np.flatnonzero(~is_first)
    ]
    kept = _with_contrast(np.flatnonzero(is_first), small)
    larger = large and _of(kept, large)
    near, of_scenes = _find_near(small[kept], labels[kept], _of(kept, thumbnails), larger, progress)
    on_scene(kept[of_scenes])
    return exact + [
        Pair(int(kept[pair.left]), int(kept[pair.right]), pair.kind, pair.mirrored, pair.distance)
        for pair in near
    ]


def _of(kept: Indices, thumbnails: Thumbnails) -> Thumbnails:
    return lambda places: thumbnails(kept[places])


def _with_contrast(indices: Indices, small: Pixels) -> Indices:
    """Return which of the images are not blank."""
    deviations = [
        part.std((1, 2)).max(axis=1, initial=0) for part in np.array_split(small[indices], 64)
    ]
    return indices[np.concatenate(deviations) >= LEAST_DEVIATION]


def _find_near(
    small: Pixels,
    labels: NDArray[np.int32],
    thumbnails: Thumbnails,
    large: Thumbnails | None,
    progress: Callable[[int, int], None],
) -> tuple[list[Pair], NDArray[np.bool_]]:
    """Return the near duplicates among images of different pixels, and which are of a scene."""
    size = len(small)
    pairs = propose(small, lambda done: progress(done, 2 * size))
    likeness = _compare(
        pairs, thumbnails, progress=lambda share: progress(size + round(share * size), 2 * size)
    )
    same = _are_same(likeness, _find_bounds(size, thumbnails))
    pairs, likeness = pairs.take(same), likeness.take(same)
    if large is not None:
        finer = _compare(pairs, large, likeness.places * LARGER)
        sure = (likeness.band >= SURE_BAND) & (likeness.moved <= UNMOVED)
        same = sure | _are_same(finer, _Bounds(LARGE_FINE, LARGE_BAND))
        pairs, likeness = pairs.take(same), finer.take(same)
    of_scenes = np.zeros(size, dtype=np.bool_)
    found: list[Pair] = []
    for members in members_of(group(_links(pairs), size)):
        if scenes.is_scene(members, labels):
            copies = _find_in_scene(members, pairs, likeness, thumbnails)
            of_scenes[members] = copies is not None
            found += copies or []
    found += _tell(pairs, likeness, np.flatnonzero(~of_scenes[pairs.sought]))
    progress(2 * size, 2 * size)
    return list(_as_forest(found, size)), of_scenes


def _links(pairs: Candidates) -> Indices:
    return np.stack([pairs.sought, pairs.whole], axis=1)


def _find_in_scene(
    members: Indices, pairs: Candidates, likeness: Likeness, thumbnails: Thumbnails
) -> list[Pair] | None:
    """Return the copies of pictures that resemble each other, of those that are seen from one
    place, or mirrored.

    None where they are no exposures of one scene. Pictures that are seen from places of few others,
    by a camera that moves, are no copies here.
    """
    found: list[Pair] = []
    place = np.full(int(max(pairs.sought.max(), pairs.whole.max())) + 1, -1)
    place[members] = np.arange(len(members))
    links = place[_links(pairs)[_unmoved(pairs, likeness)]]
    cores = members_of(group(links[(links >= 0).all(axis=1)], len(members)))
    left = np.ones(len(members), dtype=np.bool_)
    for core in sorted(cores, key=len, reverse=True)[:MOST_VIEWS]:
        if len(core) < scenes.MANY:
            break
        middle = np.median(thumbnails(members[core[: scenes.SAMPLE]]), axis=0).astype(np.uint8)
        seen = {
            mirrored: _seen_from_there(members[left], middle, thumbnails, mirrored)
            for mirrored in (False, True)
        }
        copies = _copies_in_view(seen[False], np.setdiff1d(seen[True], seen[False]), thumbnails)
        if copies is None:
            return None
        found += copies
        left &= ~np.isin(members, np.concatenate([*seen.values(), members[core]]))
    return found


def _seen_from_there(
    members: Indices, middle: Pixels, thumbnails: Thumbnails, mirrored: bool
) -> Indices:
    """Return those of the pictures that show what `middle` shows, where it shows it."""
    view = next(number for number, view in enumerate(views()) if view.mirrored == mirrored)
    places, views_of = np.arange(len(members)), np.full(len(members), view)
    pairs = Candidates(places, places, views_of, np.zeros(len(members), np.float32))
    likeness = _compare(
        pairs,
        lambda wanted: thumbnails(members[wanted]),
        still=lambda wanted: np.broadcast_to(middle, (len(wanted), *middle.shape)),
    )
    return members[_are_same(likeness, _Bounds()) & (likeness.moved <= UNMOVED)]


def _copies_in_view(plain: Indices, mirrored: Indices, thumbnails: Thumbnails) -> list[Pair] | None:
    if len(plain) < scenes.MANY:
        return []
    seen = np.concatenate([plain, mirrored])

    def upright(places: Indices) -> Pixels:
        turned = places >= len(plain)
        return np.where(
            turned[:, None, None, None], (shown := thumbnails(seen[places]))[:, :, ::-1], shown
        )

    found = scenes.find_copies(np.arange(len(seen)), upright)
    if found is None:
        return None
    pairs = []
    for one, other, alike in found:
        left, right = sorted((int(seen[one]), int(seen[other])))
        pairs.append(
            Pair(left, right, "near", (one < len(plain)) != (other < len(plain)), 1 - alike)
        )
    return pairs


def _unmoved(pairs: Candidates, likeness: Likeness) -> NDArray[np.bool_]:
    return ~pairs.mirrored & (likeness.moved <= UNMOVED)


def _tell(pairs: Candidates, likeness: Likeness, which: Indices) -> Iterator[Pair]:
    mirrored = pairs.mirrored
    for place in which.tolist():
        left, right = sorted((int(pairs.sought[place]), int(pairs.whole[place])))
        alike = max(likeness.fine[place], likeness.band[place])
        yield Pair(left, right, "near", bool(mirrored[place]), float(1 - alike))


def _as_forest(pairs: list[Pair], size: int) -> Iterator[Pair]:
    """Yield the pairs, the nearest first, that connect what those before them do not."""
    parents = list(range(size))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for pair in sorted(pairs, key=lambda pair: (pair.distance, pair.left, pair.right)):
        left, right = root(pair.left), root(pair.right)
        if left != right:
            parents[max(left, right)] = min(left, right)
            yield pair


@dataclass(frozen=True)
class _Bounds:
    """The least correlations of near duplicates in a set."""

    fine: float = LEAST_FINE
    band: float = LEAST_BAND


def _are_same(likeness: Likeness, bounds: _Bounds) -> NDArray[np.bool_]:
    """Whether pairs show the same picture, `(n,)`: by detail, or as a whole where not moved."""
    asked = bounds.fine + PER_BLOCK * np.maximum(0, SPREAD - likeness.spread)
    coloured = (likeness.coarse >= LEAST_COARSE) | (likeness.fine >= SURE_FINE)
    detailed = (likeness.fine >= np.minimum(asked, NEAREST)) & coloured
    as_a_whole = (likeness.band >= bounds.band) & (likeness.gain <= LARGEST_GAIN)
    as_a_whole &= (likeness.moved <= UNMOVED) & (likeness.coarse >= LEAST_COARSE)
    return (detailed | as_a_whole) & (likeness.two_ways >= LEAST_WAYS)


def _compare(
    pairs: Candidates,
    thumbnails: Thumbnails,
    starts: Values | None = None,
    still: Thumbnails | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Likeness:
    """Compare pairs from where they are thought to fit, `(n, 4)`; by themselves from where their
    views say.

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


def _find_bounds(size: int, thumbnails: Thumbnails) -> _Bounds:
    """Return how alike near duplicates in this set must be.

    Random pairs show how alike its images are by chance. Those that look the same are left out:
    they may be of one scene. Photographs leave the bounds as they are; on scikit-learn's digits
    more is asked.
    """
    if size < FEWEST:
        return _Bounds()
    left, right = np.random.default_rng(0).integers(0, size, (2, SAMPLE))
    apart = np.flatnonzero(left != right)
    whole, none = np.zeros(len(apart), np.int64), np.zeros(len(apart), np.float32)
    likeness = _compare(Candidates(left[apart], right[apart], whole, none), thumbnails)
    chance = likeness.take(~_are_same(likeness, _Bounds()))
    return _Bounds(_bound_above(chance.fine, LEAST_FINE), _bound_above(chance.band, LEAST_BAND))


def _bound_above(correlations: Values, least: float) -> float:
    """Return what lies far above chance, by median and 95 % quantile on Fisher's scale."""
    if not len(correlations):
        return least
    scaled = np.arctanh(correlations.clip(0, 1 - 1e-6))
    # the duplicates among them are hardly one in twenty
    middle, high = np.quantile(scaled, [0.5, 0.95])
    return float(np.clip(np.tanh(middle + SPREADS * (high - middle) / 1.645), least, NEAREST))
