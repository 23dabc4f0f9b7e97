"""Propose which images may be copies: the nearest neighbours, whole, cropped and mirrored.

An image is described by 64 numbers: its 16x16 colours, each colour less its mean, on the directions
in which the images of the set differ most, of which the strongest count less. Copies that were
scaled or shifted are found because each image is also sought by its crops. Images are first sorted
into cells around some centres, and sought in the nearest cells alone (an inverted file: Sivic and
Zisserman 2003, "Video Google"; Jegou, Douze and Schmid 2011, "Product quantization for nearest
neighbor search"). So the work grows with N to the power of 1.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from convladder.core.container_limits import cores
from convladder.data.decoding.image_form import Pixels
from convladder.data.decoding.thumbnails import SIDE, SMALL

Indices = NDArray[np.int64]
Values = NDArray[np.float32]

DIRECTIONS = 64
FLATTENING = 0.25  # power of its variance by which a direction is divided
LEAST_ALIKE = 0.7  # cosine
MOST = 5  # candidates of an image
CROPS = (2, 3)  # pixels of 32, off each side on average
SAMPLE = 10_000  # images from which the directions are learned
EXPECTED = (
    300  # images, as many as which count what is usual in images: few do not tell the directions
)
REACH, ALIKE_COLOURS = 5.0, 0.9  # pixels over which these are alike; correlation of their colours
ONE_CELL = 2_000  # images: fewer are compared with all
PER_CENTRE = 40  # images from which a centre is learned
CELLS = 4  # in which an image is sought
BLOCK = 4_096  # images that are sought together
PART = 1_024  # members of a cell that they are compared with at once


@dataclass(frozen=True)
class View:
    """A part of an image that is compared with whole ones, mirrored or not. In pixels of 32."""

    crop: float
    down: float
    right: float
    mirrored: bool

    @property
    def start(self) -> tuple[float, float, float, float]:
        """Where a pixel of the whole image is in the cropped one; see `alignment.align`."""
        scale = 1 - 2 * self.crop / SIDE
        return scale, scale, self.down, self.right


@dataclass(frozen=True)
class Candidates:
    """Pairs that may be copies: `whole` looks like the `view` of `sought`, `(n,)` each."""

    sought: Indices
    whole: Indices
    view: Indices
    alike: Values

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """Whether the image that is sought has to be mirrored, `(n,)`."""
        return np.array([view.mirrored for view in views()])[self.view]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Candidates:
        return Candidates(
            self.sought[which], self.whole[which], self.view[which], self.alike[which]
        )


@cache
def views() -> tuple[View, ...]:
    places = [(0, 0, 0)]
    for crop in CROPS:
        places += [(crop, down, right) for down in (-crop, 0, crop) for right in (-crop, 0, crop)]
    return tuple(View(*place, mirrored) for mirrored in (False, True) for place in places)


# docs/decisions/023-near-copies-are-neighbours-that-fit-when-aligned.md
def propose(small: Pixels, progress: Callable[[int], None] = lambda done: None) -> Candidates:
    """Return the likeliest copies of N images `(N, 16, 16, 3)`, each pair once, likeliest first.

    `progress` is told how many images were sought.
    """
    from threadpoolctl import threadpool_limits

    found = []
    with threadpool_limits(1, "blas"):  # the threads here are enough
        index = _Index(small)
        with ThreadPoolExecutor(cores()) as threads:
            for number, part in enumerate(
                threads.map(index.seek, range(0, len(small), BLOCK)), start=1
            ):
                found.append(part)
                progress(min(number * BLOCK, len(small)))
    return _once(_join(found), len(small))


def _once(pairs: Candidates, images: int) -> Candidates:
    """Keep of each pair the view in which it is most alike; the likeliest pair comes first."""
    first, second = np.minimum(pairs.sought, pairs.whole), np.maximum(pairs.sought, pairs.whole)
    pairs = _likeliest(pairs, first * images + second, 1)
    return pairs.take(np.argsort(-pairs.alike, kind="stable"))


def _likeliest(pairs: Candidates, key: Indices, most: int) -> Candidates:
    """Keep so many pairs of each key, `(n,)`."""
    order = np.lexsort((-pairs.alike, key))
    ordered = key[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return pairs.take(order[rank < most])


def _join(parts: list[Candidates]) -> Candidates:
    empty = np.empty(0, np.int64)
    nothing = Candidates(empty, empty, empty, np.empty(0, np.float32))
    columns = [[vars(part)[name] for part in (nothing, *parts)] for name in vars(nothing)]
    return Candidates(*(np.concatenate(column) for column in columns))


class _Index:
    """The images by the cells that they are in."""

    def __init__(self, small: Pixels) -> None:
        self.small = small
        directions = self._learn_directions()
        self.projections = [_project(view, directions) for view in views()]
        self.described = np.concatenate(
            [
                np.empty((0, DIRECTIONS), np.float32),
                *map(partial(self._describe, 0), range(0, len(small), BLOCK)),
            ]
        )
        self.centres = self._learn_centres()
        near = [self._nearest(part, 1)[:, 0] for part in _cut(self.described)]
        home = np.concatenate([np.empty(0, np.int64), *near])
        self.members = np.argsort(home, kind="stable")
        self.starts = np.searchsorted(home[self.members], np.arange(len(self.centres) + 1))

    def _learn_directions(self) -> Values:
        """Return what turns the 768 numbers of an image into its description, `(768, 64)`."""
        draw = np.random.default_rng(0)
        rows = np.sort(draw.permutation(len(self.small))[:SAMPLE])
        values = _unit(_centre(self.small[rows]))
        covariance = (values.T @ values + EXPECTED * _usual_covariance()) / (len(rows) + EXPECTED)
        variances, directions = np.linalg.eigh(covariance)
        strongest = slice(None, -DIRECTIONS - 1, -1)
        return (directions[:, strongest] * variances[strongest] ** -FLATTENING).astype(np.float32)

    def _learn_centres(self) -> Values:
        """Return the centres of the cells, `(cells, 64)`."""
        size = len(self.small)
        if size < ONE_CELL:
            return np.zeros((1, DIRECTIONS), dtype=np.float32)
        from sklearn.cluster import MiniBatchKMeans

        cells = 2 * math.isqrt(size)
        rows = np.sort(np.random.default_rng(1).permutation(size)[: PER_CENTRE * cells])
        means = MiniBatchKMeans(cells, batch_size=BLOCK, max_iter=20, n_init=1, random_state=0)
        return _unit(means.fit(self.described[rows]).cluster_centers_.astype(np.float32))

    def _describe(self, view: int, start: int) -> Values:
        values = _centre(self.small[start : start + BLOCK])
        return _unit(values @ self.projections[view])

    def _nearest(self, described: Values, many: int) -> Indices:
        alike = described @ self.centres.T
        if alike.shape[1] <= many:
            return np.tile(np.arange(alike.shape[1]), (len(described), 1))
        return np.argpartition(alike, -many, axis=1)[:, -many:]

    def seek(self, start: int) -> Candidates:
        """Return the likeliest copies of the images of a block."""
        values = _centre(self.small[start : start + BLOCK])
        found = []
        for view, projection in enumerate(self.projections):
            described = _unit(values @ projection)
            for sought, whole, alike in self._seek_in_cells(described):
                apart = whole != sought + start
                found.append(
                    Candidates(
                        sought[apart] + start,
                        whole[apart],
                        np.full(apart.sum(), view),
                        alike[apart],
                    )
                )
        pairs = _join(found)
        pairs = _likeliest(pairs, pairs.sought * len(self.small) + pairs.whole, 1)
        return _likeliest(pairs, pairs.sought, MOST)

    def _seek_in_cells(self, described: Values) -> Iterator[tuple[Indices, Indices, Values]]:
        cells = self._nearest(described, CELLS)
        order = np.argsort(cells, axis=None, kind="stable")
        starts = np.searchsorted(cells.reshape(-1)[order], np.arange(len(self.centres) + 1))
        rows = order // cells.shape[1]
        for cell in np.flatnonzero(np.diff(starts)):
            sought = rows[starts[cell] : starts[cell + 1]]
            for first in range(self.starts[cell], self.starts[cell + 1], PART):
                members = self.members[first : min(first + PART, self.starts[cell + 1])]
                left, right, alike = _alike(described[sought] @ self.described[members].T)
                yield sought[left], members[right], alike


def _alike(cosines: Values) -> tuple[Indices, Indices, Values]:
    """Return the places of what is alike, `MOST` + 1 a row (one is itself), and how much."""
    counts = (cosines > LEAST_ALIKE).sum(axis=1)
    crowded = np.flatnonzero(counts > MOST + 1)
    if len(crowded):
        best = np.argpartition(cosines[crowded], -MOST - 1, axis=1)[:, -MOST - 1 :]
        rows = np.repeat(crowded, MOST + 1)
        kept = cosines[rows, best.reshape(-1)]
        cosines[crowded] = 0
        cosines[rows, best.reshape(-1)] = kept
    left, right = np.divmod(np.flatnonzero(cosines > LEAST_ALIKE), cosines.shape[1])
    return left, right, cosines[left, right]


def _centre(small: Pixels) -> Values:
    """Return images `(n, 16, 16, 3)` as `(n, 768)`, each colour less its mean."""
    values = small.transpose(0, 3, 1, 2).astype(np.float32)
    values -= values.mean((2, 3), keepdims=True)
    return values.reshape(len(small), 3 * SMALL**2)


@cache
def _usual_covariance() -> Values:
    """Return how values of images vary together, `(768, 768)`: less, the farther apart."""
    pixels = np.arange(SMALL)
    near = np.exp(-np.abs(pixels[:, None] - pixels) / REACH)
    centring = np.eye(SMALL**2) - 1 / SMALL**2
    places = centring @ np.kron(near, near) @ centring
    colours = np.full((3, 3), ALIKE_COLOURS) + (1 - ALIKE_COLOURS) * np.eye(3)
    usual = np.kron(colours, places)
    covariance: Values = (usual / np.trace(usual)).astype(np.float32)
    return covariance


def _unit(values: Values) -> Values:
    lengths = np.linalg.norm(values, axis=1, keepdims=True).astype(np.float32)
    unit: Values = values / np.maximum(lengths, np.float32(1e-6))
    return unit


def _cut(described: Values) -> Iterator[Values]:
    return (described[start : start + BLOCK] for start in range(0, len(described), BLOCK))


def _project(view: View, directions: Values) -> Values:
    """Return what turns an image into the numbers that describe one of its views, `(768, 64)`."""
    down = _cropping(view.crop, view.down)
    right = _cropping(view.crop, view.right)
    if view.mirrored:
        right = right[:, ::-1]
    whole = directions.reshape(3, SMALL, SMALL, -1)
    whole = whole - whole.mean((1, 2), keepdims=True)
    seen: Values = np.einsum("oi,pj,copd->cijd", down, right, whole, optimize=True)
    return np.ascontiguousarray(seen.reshape(3 * SMALL**2, -1))


def _cropping(crop: float, shift: float) -> Values:
    """Return weights `(16, 16)` that stretch a part of 16 pixels over all, by means of areas."""
    part = SMALL * (1 - 2 * crop / SIDE)
    first = (SMALL - part) / 2 + shift * SMALL / SIDE
    edges = first + np.linspace(0, part, SMALL + 1)
    pixels = np.arange(SMALL)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(shared, 0)
    means: Values = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return means
