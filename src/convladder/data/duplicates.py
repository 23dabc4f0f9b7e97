"""Exact and near duplicates among many images: perceptual hashes propose, pixels decide.

An image is a near duplicate of another if it is the same picture, recompressed, resized, brightened, shifted by
a pixel or mirrored. The hashes are those of `thumbnails.py`; two thumbnails are compared by their correlation
after a band-pass, colour by colour.

What the bounds below rest on (`benchmarks/duplicates.py`): among the 60,000 images of CIFAR-10, with one planted
duplicate of every eighth, all exact, resized and mirrored ones were found, at least 0.99 of those recompressed
(JPEG, quality 50), brightened by a fifth or shifted by a pixel to the right, and 0.88 of those shifted right and
down. CIFAR-10 has near duplicates of its own (Barz and Denzler 2020, "Do we train on test data? Purging CIFAR of
near-duplicates"): of 40 such pairs drawn at random, 39 were the same picture by eye, and about 73 of the 80 that
are farthest apart. Among scikit-learn's 1,797 digits no pair is found; the price is that recompressed ones are not
either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convladder.data.images import Pixels
from convladder.data.thumbnails import COARSE, SIDE, Hashes
from convladder.processes import cores

Indices = NDArray[np.int64]
Values = NDArray[np.float32]
Thumbnails = Callable[[Indices], Pixels]
Candidates = tuple[Indices, Indices]  # left and right of each pair

RADIUS = 14  # bits of 64
CANDIDATES = 8  # an image, on average; where there would be more, the radius is reduced
FEW_CANDIDATES = 200_000  # in all, for which it is not
CROWD = 200  # candidates of one image: those that share a hash are compared with the next ones only
LEAST_COARSE = 0.8  # correlation of 8x8 grey pixels
BAND = (1.0, 3.0)  # pixels of a thumbnail: finer is noise of compression, coarser is light and sky
FARTHEST, NEAREST = 0.08, 0.007  # bounds of one less the correlation
SPREADS = 7  # by which a near duplicate must be more alike than images that are drawn at random
LARGEST_GAIN = 1.5  # ratio of contrasts
LEAST_CONTRAST = 1.0  # grey levels: below, there is no picture to compare
LEAST_UNSHIFTED = 0.5  # correlation, for a shift by a pixel to be tried

SAMPLE = 2_000  # pairs drawn to see how alike the images are by chance
FEWEST = 100  # images for that
SAMPLED_ROWS = 256  # hashes
ROWS, COLUMNS = 128, 8192  # hashes compared at once: of fewer, threads wait for each other; 9 MB a thread
BATCH = 2048  # pairs that are joined, the nearest first, before the next are looked at
PART = 128  # pairs whose pixels are compared at once
SHIFTS = [(down, right) for down in (0, -1, 1) for right in (0, -1, 1)]


@dataclass(frozen=True)
class Pair:
    """Two images, by index (`left < right`), that are the same picture.

    `distance` is one less the correlation of the thumbnails, after mirroring the left one if `mirrored`.
    """

    left: int
    right: int
    kind: Literal["exact", "near"]
    mirrored: bool
    distance: float


def find_pairs(
    digests: Hashes,
    hashes: Hashes,
    mirrored: Hashes,
    coarse: Pixels,
    thumbnails: Thumbnails,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Pair]:
    """Find the duplicates among N images, as a forest: n images of one picture give n - 1 pairs.

    Images without a contrast of their own (blank pages) are only ever exact duplicates. Where all images of
    a set look alike, as digits do, near duplicates must be nearer (see `_find_bound`).

    Parameters
    ----------
    digests
        `(N,)`: equal where the decoded pixels are equal.
    hashes, mirrored
        `(N,)` each, from `hash_images`.
    coarse
        `(N, 8, 8)`, from `reduce_thumbnails`.
    thumbnails
        Returns `(n, 32, 32, 3)` for n indices; see `make_thumbnails`. Asked for few images.
    progress
        Told how much of the comparing is done, of how much.
    """
    first, which = np.unique(digests, return_index=True, return_inverse=True)[1:]
    copies = np.flatnonzero(first[which] != np.arange(len(digests)))
    pairs = [Pair(int(first[which[copy]]), int(copy), "exact", False, 0.0) for copy in copies]
    kept, signs = _sign(np.sort(first), coarse)
    search = _Search(kept, signs, thumbnails)
    for mirror, queries in ((False, hashes[kept]), (True, mirrored[kept])):
        radius = _choose_radius(queries, hashes[kept])
        proposed = propose(queries, hashes[kept], radius, partial(search.sift, mirror=mirror))
        counted = _counted(proposed, len(kept), mirror, progress)
        pairs += search.confirm(*search.choose(counted, mirror), mirror)
    return pairs


def _counted(
    proposed: Iterable[Candidates], images: int, second: bool, progress: Callable[[int, int], None]
) -> Iterator[Candidates]:
    """Tell of every image whose candidates were taken; there are two rounds."""
    for number, candidates in enumerate(proposed, start=1):
        progress(min(number * ROWS, images) + (images if second else 0), 2 * images)
        yield candidates


def group(links: NDArray[np.int64], size: int) -> Indices:
    """Return the number of the group that each of `size` images is in, `(size,)`; links `(n, 2)` make groups.

    SciPy does this too, but to import its graphs takes a fifth of a second, also where the bank is in the cache.
    """
    roots = np.arange(size)
    while True:
        ends = roots[links]
        if (ends[:, 0] == ends[:, 1]).all():
            return np.unique(roots, return_inverse=True)[1].astype(np.int64)
        np.minimum.at(roots, ends.max(axis=1), ends.min(axis=1))
        roots = _flatten(roots)


def _flatten(parents: Indices) -> Indices:
    """Return the root of each image, where each has a parent before it, or is a root and its own parent."""
    while (parents[parents] != parents).any():
        parents = parents[parents]
    return parents


class _Search:
    """The images that can have near duplicates, and those that were joined so far.

    Indices here are positions in `kept`.
    """

    def __init__(self, kept: Indices, coarse: Values, thumbnails: Thumbnails) -> None:
        self.kept, self.coarse, self.thumbnails = kept, coarse, thumbnails
        self.parents = np.arange(len(kept))
        self.bound = self._find_bound()

    def sift(self, left: Indices, right: Indices, mirror: bool) -> Candidates:
        """Keep the pairs that are alike in 8x8 grey pixels."""
        return _select(self._correlate(left, right, mirror) >= LEAST_COARSE, left, right)

    def choose(self, sifted: Iterable[Candidates], mirror: bool) -> Candidates:
        """Gather the pairs; where these are very many, the most alike."""
        nothing = np.empty(0, np.int64)
        left, right = (np.concatenate(ends) for ends in zip((nothing, nothing), *sifted, strict=True))
        most = max(FEW_CANDIDATES, len(self.kept) // 2)
        if len(left) > most:
            alike = self._correlate(left, right, mirror)
            best = np.sort(np.argpartition(alike, -most)[-most:])
            left, right = left[best], right[best]
        return left, right

    def _correlate(self, left: Indices, right: Indices, mirror: bool) -> Values:
        ours = self.coarse[left, :, ::-1] if mirror else self.coarse[left]
        alike: Values = np.einsum("nij,nij->n", ours, self.coarse[right])
        return alike

    def confirm(self, left: Indices, right: Indices, mirror: bool) -> Iterator[Pair]:
        """Yield those of the pairs that are duplicates, and not connected by the pairs before them."""
        for start in range(0, len(left), BATCH):
            part = slice(start, start + BATCH)
            self.parents = roots = _flatten(self.parents)
            apart = roots[left[part]] != roots[right[part]]
            yield from self._join(*self._look(*_select(apart, left[part], right[part]), mirror), mirror)

    def _look(self, left: Indices, right: Indices, mirror: bool) -> tuple[Indices, Indices, Values]:
        """Keep the pairs whose thumbnails are the same picture, the nearest first; and their distances."""
        distances = self._measure(left, right, mirror)
        order = np.argsort(distances, kind="stable")
        order = order[distances[order] <= self.bound]
        return left[order], right[order], distances[order]

    def _measure(self, left: Indices, right: Indices, mirror: bool) -> Values:
        """Return the distances of the pairs, measured in several threads."""

        def of_part(start: int) -> Values:
            ours, theirs = left[start : start + PART], right[start : start + PART]
            used, places = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
            bands = _band_pass(self.thumbnails(self.kept[used]))
            here, there = bands[places[: len(ours)]], bands[places[len(ours) :]]
            return measure(here[..., ::-1] if mirror else here, there)

        with ThreadPoolExecutor(cores()) as threads:
            return np.concatenate([np.empty(0, np.float32), *threads.map(of_part, range(0, len(left), PART))])

    def _join(self, left: Indices, right: Indices, distances: Values, mirror: bool) -> Iterator[Pair]:
        for ours, theirs, distance in zip(left, right, distances, strict=True):
            roots = self._root(int(ours)), self._root(int(theirs))
            if roots[0] != roots[1]:
                self.parents[max(roots)] = min(roots)
                yield Pair(int(self.kept[ours]), int(self.kept[theirs]), "near", mirror, float(distance))

    def _root(self, place: int) -> int:
        while self.parents[place] != place:
            place = int(self.parents[place])
        return place

    def _find_bound(self) -> float:
        """Return the largest distance of near duplicates in this set.

        Random pairs show how alike its images are by chance, on Fisher's scale; from their median and 95 %
        quantile, since the duplicates among them are hardly one in twenty. Photographs leave `FARTHEST` as
        it is (0.92 of correlation); on scikit-learn's digits, a correlation of 0.99 is asked.
        """
        if len(self.kept) < FEWEST:
            return FARTHEST
        left, right = np.random.default_rng(0).integers(0, len(self.kept), (2, SAMPLE))
        left, right = _select(left != right, left, right)
        scaled = np.arctanh(1 - self._measure(left, right, mirror=False).clip(1e-6, 1))
        middle, high = np.quantile(scaled, [0.5, 0.95])
        spread = (high - middle) / 1.645
        return float(np.clip(1 - np.tanh(middle + SPREADS * spread), NEAREST, FARTHEST))


def measure(ours: Values, theirs: Values) -> Values:
    """Return the distances of band-passed thumbnails `(n, 3, 32, 32)` in pairs: one less the best correlation.

    Either may be shifted by a pixel. Pairs of too little or too different contrast are at distance 1.
    """
    distances = _shifted(ours, theirs, SHIFTS[:1])
    tried = (distances > 0) & (distances <= 1 - LEAST_UNSHIFTED)
    distances[tried] = _shifted(ours[tried], theirs[tried], SHIFTS)
    return distances


def _shifted(ours: Values, theirs: Values, shifts: list[tuple[int, int]]) -> Values:
    inner = np.ascontiguousarray(ours[:, :, 1:-1, 1:-1])
    contrast, best = _contrast(inner), np.zeros(len(ours), dtype=np.float32)
    for down, right in shifts:
        moved = theirs[:, :, 1 + down : SIDE - 1 + down, 1 + right : SIDE - 1 + right]
        other = _contrast(moved)
        low, high = np.minimum(contrast, other), np.maximum(contrast, other)
        fair = (low >= LEAST_CONTRAST) & (high <= LARGEST_GAIN * low)
        product = np.einsum("nijk,nijk->n", inner, moved) / math.prod(inner.shape[1:])
        best = np.maximum(best, np.where(fair, product / np.maximum(low * high, 1e-6), 0))
    return np.clip(1 - best, 0, 1)


def _contrast(bands: Values) -> Values:
    values: Values = np.sqrt(np.einsum("nijk,nijk->n", bands, bands) / math.prod(bands.shape[1:]))
    return values


def _band_pass(thumbnails: Pixels) -> Values:
    """Return what is neither fine nor coarse in thumbnails `(n, 32, 32, 3)`, as `(n, 3, 32, 32)`."""
    colours = np.ascontiguousarray(thumbnails.transpose(0, 3, 1, 2), dtype=np.float32)
    fine, broad = (blur @ (colours @ blur.T) for blur in _blurs())
    return fine - broad


@cache
def _blurs() -> list[Values]:
    """Return what blurs the columns of a thumbnail, by as much as each end of the band, `(32, 32)`."""
    from scipy.ndimage import gaussian_filter1d  # a fifth of a second, and a bank that is there needs none of it

    return [gaussian_filter1d(np.eye(SIDE, dtype=np.float32), sigma, axis=0, truncate=2.5) for sigma in BAND]


def _sign(indices: Indices, coarse: Pixels) -> tuple[Indices, Values]:
    """Return which of the images are not blank, and their 8x8 grey pixels, of mean 0 and norm 1."""
    signs = coarse[indices].astype(np.float32)
    signs -= signs.mean((1, 2), keepdims=True)
    norms = np.linalg.norm(signs, axis=(1, 2))
    seen = norms >= COARSE * LEAST_CONTRAST
    return indices[seen], signs[seen] / norms[seen, None, None]


def _choose_radius(queries: Hashes, hashes: Hashes) -> int:
    """Return the largest radius, up to `RADIUS`, within which a hash has few enough others.

    Drawings, and hundreds of thousands of photographs, crowd together: there, a distant hash says nothing.
    """
    rows = np.unique(np.linspace(0, len(hashes), SAMPLED_ROWS, endpoint=False, dtype=np.int64))
    found = np.zeros(65, dtype=np.int64)
    for row in rows if len(hashes) else []:
        found += np.bincount(np.bitwise_count(queries[row] ^ hashes), minlength=65)
    candidates = found.cumsum() * len(hashes) / max(len(rows), 1) / 2  # a pair is looked at once
    few = np.flatnonzero(candidates <= max(FEW_CANDIDATES, CANDIDATES * len(hashes)))
    return int(min(few.max(initial=0), RADIUS))


def propose(
    queries: Hashes, hashes: Hashes, radius: int, sift: Callable[[Indices, Indices], Candidates] | None = None
) -> Iterator[Candidates]:
    """Yield the pairs `left < right` whose query and hash differ in at most so many bits, if `sift` keeps them.

    All are compared with all, in under a nanosecond a pair. Multi-index hashing (Norouzi, Punjani and Fleet 2012,
    "Fast search in Hamming space with multi-index hashing") at radius 11 took 0.7 of that time for 60,000 hashes
    and 0.4 for 500,000. But half of the images shifted right and down are farther than 10 bits away, and at 14
    it would have to look at a quarter of all pairs, each at ten times the cost.
    """

    def of_rows(top: int) -> Candidates:
        starts = range(top, len(hashes), COLUMNS)
        tiles = [_compare(queries, hashes, top, start, radius) for start in starts]
        left, right = (np.concatenate(ends) for ends in zip(*tiles, strict=True))
        near = _thin(left, right)
        return sift(*near) if sift else near

    with ThreadPoolExecutor(cores()) as threads:  # NumPy compares without holding Python's lock
        yield from threads.map(of_rows, range(0, len(hashes), ROWS))


def _compare(queries: Hashes, hashes: Hashes, top: int, start: int, radius: int) -> Candidates:
    bits = np.bitwise_count(queries[top : top + ROWS, None] ^ hashes[None, start : start + COLUMNS])
    places = np.flatnonzero(bits <= radius)  # of two axes, nonzero would take longer than the comparison
    rows, columns = np.divmod(places, bits.shape[1])
    left, right = rows + top, columns + start
    return _select(left < right, left, right)


def _thin(left: Indices, right: Indices) -> Candidates:
    """Keep the first `CROWD` candidates of each image."""
    order = np.argsort(left, kind="stable")
    left, right = left[order], right[order]
    return _select(np.arange(len(left)) - np.searchsorted(left, left) < CROWD, left, right)


def _select(keep: NDArray[np.bool_], left: Indices, right: Indices) -> Candidates:
    return left[keep], right[keep]
