"""Groups of images that are linked with each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


# docs/decisions/025-copies-are-a-matter-of-groups-and-of-one-form.md
def group(links: Indices, size: int) -> Indices:
    """Return the number of each image's group, `(size,)`; links `(n, 2)` make groups.

    SciPy does this too, but to import its graphs takes a fifth of a second, also where the bank is
    in the cache.
    """
    roots = np.arange(size)
    while True:
        ends = roots[links]
        if (ends[:, 0] == ends[:, 1]).all():
            return np.unique(roots, return_inverse=True)[1].astype(np.int64)
        np.minimum.at(roots, ends.max(axis=1), ends.min(axis=1))
        roots = _flatten(roots)


def _flatten(parents: Indices) -> Indices:
    """Return the root of each image; its parent comes before it, or is itself, at a root."""
    while (parents[parents] != parents).any():
        parents = parents[parents]
    return parents


def members_of(numbers: Indices) -> list[Indices]:
    """Return the members of each group, by the group of each image, `(N,)`."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def first_of_each(numbers: NDArray[Any]) -> Indices:
    """Return the first image that has the number of each, of its group or its pixels, `(N,)`."""
    _, first, which = np.unique(numbers, return_index=True, return_inverse=True)
    firsts: Indices = first[which]
    return firsts
