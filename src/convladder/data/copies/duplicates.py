"""Exact and near duplicates among many images: neighbours are proposed, aligned and judged.

A near duplicate is the same picture, recompressed, resized, in other colours, shifted, cropped,
scaled by up to a fifth, or mirrored. What that rests on: `benchmarks/claims/duplicates.py`, and
docs/data.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convladder.data.copies import scenes
from convladder.data.copies.alignment import Likeness
from convladder.data.copies.candidates import Candidates, propose, views
from convladder.data.copies.groups import Indices, first_of_each, group, members_of
from convladder.data.copies.judging import (
    UNMOVED,
    Bounds,
    Thumbnails,
    are_same,
    compare_pairs,
    find_bounds,
)
from convladder.data.decoding.image_form import Pixels

Hashes = NDArray[np.uint64]

LARGE = Bounds(fine=0.75, band=0.96)  # in thumbnails of twice the side
SURE_BAND = 0.98  # correlation as a whole for which these need not be looked at
# what makes places in a thumbnail those in a large one
LARGER = np.array([1, 1, 2, 2], dtype=np.float32)
LEAST_DEVIATION = 1.0  # grey levels: below, there is no picture to compare
MOST_VIEWS = 20  # of a scene, from each of which many pictures are seen


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
    near duplicates must be nearer (see `find_bounds`). Pictures of one scene, as a fixed camera
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
    pairs = propose(small, lambda done: progress(done // 2, size))  # the first half of the work
    likeness = compare_pairs(
        pairs, thumbnails, progress=lambda share: progress(round((1 + share) * size / 2), size)
    )
    same = are_same(likeness, find_bounds(size, thumbnails))
    pairs, likeness = pairs.take(same), likeness.take(same)
    if large is not None:
        finer = compare_pairs(pairs, large, likeness.places * LARGER)
        sure = (likeness.band >= SURE_BAND) & (likeness.moved <= UNMOVED)
        same = sure | are_same(finer, LARGE)
        pairs, likeness = pairs.take(same), finer.take(same)
    of_scenes = np.zeros(size, dtype=np.bool_)
    found: list[Pair] = []
    for members in members_of(group(_links(pairs), size)):
        if scenes.is_scene(members, labels):
            copies = _find_in_scene(members, pairs, likeness, thumbnails)
            of_scenes[members] = copies is not None
            found += copies or []
    found += _tell(pairs, likeness, np.flatnonzero(~of_scenes[pairs.sought]))
    progress(size, size)
    return list(_as_forest(found, size)), of_scenes


def _links(pairs: Candidates) -> Indices:
    return np.stack([pairs.sought, pairs.whole], axis=1)


def _find_in_scene(
    members: Indices, pairs: Candidates, likeness: Likeness, thumbnails: Thumbnails
) -> list[Pair] | None:
    """Return the copies among alike pictures that are seen from one place, or mirrored.

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
    likeness = compare_pairs(
        pairs,
        lambda wanted: thumbnails(members[wanted]),
        still=lambda wanted: np.broadcast_to(middle, (len(wanted), *middle.shape)),
    )
    return members[are_same(likeness, Bounds()) & (likeness.moved <= UNMOVED)]


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
