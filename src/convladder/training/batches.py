"""The feed: the order in which rows of a bank are trained on, and their pages asked for ahead."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

# docs/decisions/028-a-large-bank-is-read-ahead.md
AHEAD_FROM = 2**30  # bytes of a bank; a smaller one stays in memory once it was read

Rows = NDArray[np.int32]


# docs/decisions/003-the-order-of-an-epoch-is-a-function-of-seed-and-epoch.md
def epoch_order(seed: int, epoch: int, size: int) -> NDArray[np.int64]:
    """Return the order of an epoch: a permutation that is a function of (seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(size)


class Prefetcher:
    """Asks the system for images ahead of time, where memory may not hold the whole bank.

    Shuffled images lie anywhere in the file: else each would be waited for, and its neighbours read
    in vain.
    """

    def __init__(self, images: NDArray[Any]) -> None:
        mapped = getattr(images, "_mmap", None)
        self._map = (
            mapped if images.nbytes >= AHEAD_FROM and hasattr(mmap, "MADV_WILLNEED") else None
        )
        self._offset, self._size = getattr(images, "offset", 0), math.prod(images.shape[1:])
        if self._map is not None:
            self._map.madvise(mmap.MADV_RANDOM)

    def ask(self, rows: Rows) -> None:
        """Ask for the images of these rows."""
        if self._map is None:
            return
        for row in rows.tolist():
            start = self._offset + row * self._size
            page = start - start % mmap.PAGESIZE
            self._map.madvise(
                mmap.MADV_WILLNEED, page, min(start + self._size, len(self._map)) - page
            )

    def pieces(self, rows: Rows, bounds: Iterable[int]) -> Iterator[slice]:
        """Yield a slice of rows between bounds; the images of a slice are asked for one ahead."""
        slices = [slice(start, stop) for start, stop in pairwise(bounds) if start < stop]
        for one, following in zip_longest(slices, slices[1:]):
            if one is slices[0]:
                self.ask(rows[one])
            if following is not None:
                self.ask(rows[following])
            yield one
