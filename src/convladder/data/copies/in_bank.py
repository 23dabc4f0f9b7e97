"""The copies among the images of a bank, found on their pixels there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core.container_limits import cores
from convladder.data.copies.duplicates import find_pairs
from convladder.data.copies.groups import first_of_each
from convladder.data.decoding.image_form import ImageForm, Pixels
from convladder.data.decoding.image_stats import Facts, thumbnails
from convladder.data.decoding.thumbnails import (
    LARGE_SIDE,
    LEAST_LARGE,
    SIDE,
    SMALL,
    reduce_thumbnails,
)

PAIRS = np.dtype([("left", "i8"), ("right", "i8"), ("exact", "?"), ("mirrored", "?")])
BLOCK = 1_024  # images that are reduced at once

Pairs = NDArray[Any]  # of dtype PAIRS, by row of the bank
Indices = NDArray[np.int64]


def find(
    images: Pixels,
    rows: Indices,
    facts: Facts,
    form: ImageForm,
    labels: NDArray[np.int32],
    progress: Callable[[int, int], None],
) -> tuple[Pairs, Indices]:
    """Return the exact and near copies of a bank as a forest, and the rows of one scene.

    Parameters
    ----------
    images
        All of the bank, `(rows, height, width, channels)`.
    rows, facts, labels
        Where the accepted images are, what was measured of each, and its class, `(N,)`.
    progress
        Told how much of the comparing is done, of how much.
    """

    def make(side: int, places: Indices) -> Pixels:
        return thumbnails(images[rows[places]], facts[places], form, side)

    as_they_are = form.shape == (SIDE, SIDE, 3)
    thumbs, small = _reduce(len(rows), partial(make, SIDE), as_they_are=as_they_are)
    large = partial(make, LARGE_SIDE) if min(form.height, form.width) >= LEAST_LARGE else None
    of_scenes: list[Indices] = []
    found = find_pairs(facts["digest"], small, labels, thumbs, large, progress, of_scenes.append)
    of_rows = [
        (rows[pair.left], rows[pair.right], pair.kind == "exact", pair.mirrored) for pair in found
    ]
    return np.array(of_rows, dtype=PAIRS), rows[np.concatenate(of_scenes)]


def find_exact(facts: Facts) -> Pairs:
    """Return the exact copies in a bank by the facts of its rows, each with its first."""
    rows = np.flatnonzero(facts["format"] != b"")  # nothing was measured of what was rejected
    first = first_of_each(facts["digest"][rows])
    others = np.flatnonzero(first != np.arange(len(rows)))
    pairs = np.zeros(len(others), PAIRS)
    pairs["left"], pairs["right"], pairs["exact"] = rows[first[others]], rows[others], True
    return pairs


def _reduce(
    size: int, make: Callable[[Indices], Pixels], *, as_they_are: bool
) -> tuple[Callable[[Indices], Pixels], Pixels]:
    """Return what gives thumbnails, and all of the smaller ones, `(N, 16, 16, 3)`.

    Thumbnails are made once, into a file that has no name: each is asked for about ten times.
    """
    small = np.empty((size, SMALL, SMALL, 3), dtype=np.uint8)
    kept: Pixels | None = None
    if not as_they_are and size:
        with tempfile.TemporaryFile() as file:
            kept = np.memmap(file, np.uint8, "w+", shape=(size, SIDE, SIDE, 3))

    def of_block(start: int) -> None:
        block = slice(start, start + BLOCK)
        made = make(np.arange(size)[block])
        small[block] = reduce_thumbnails(made)
        if kept is not None:
            kept[block] = made

    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(of_block, range(0, size, BLOCK)))
    return (make if kept is None else kept.__getitem__), small
