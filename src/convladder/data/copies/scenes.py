"""Pictures of one scene, such as a fixed camera's. They are alike, but are no copies.

Such pictures agree in all but what they are taken for: a scratch, a lamp, a part that lies askew.
So they are compared in what is left when the scene itself is taken off: its mean picture in any
brightness, and the ways in which its pictures vary most, such as light from one side or the other.
Copies still share the noise of their exposure; two exposures do not. What is far from the scene,
such as the scratch, counts no more than noise does: two pictures with a scratch at one place are no
copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convladder.data.copies.alignment import Values, blur, colours_first
from convladder.data.copies.groups import first_of_each, group
from convladder.data.decoding.image_form import Pixels
from convladder.data.decoding.thumbnails import SIDE

Indices = NDArray[np.int64]
Thumbnails = Callable[[Indices], Pixels]

MANY = 12  # pictures that resemble each other, from which on they may be a scene
FEWEST = 4  # where they are more than half of the set
MIXED = 0.1  # of them, of another class than most
SAMPLE = 2_000  # pictures from which the scene is learned
VARIATIONS = 8  # at most that are taken off, one for every SPARE pictures
SPARE = 12
COMMON = 0.25  # of the pictures that a variation must be made of (its participation ratio)
STRONG = 3.0  # times the middle variance, that a variation has at least
BROAD = 3.0  # pixels of a thumbnail: what is coarser is light
FAR = 3.0  # deviations of its noise, beyond which a pixel shows something else
SPREADS = 7.0  # above the median that copies must be
# correlation; a bound above this says that the pictures are not independent
LEAST, DEPENDENT = (0.35, 0.45)
BLOCK = 1_024  # pictures that are compared at once
# pictures that are compared as they are; numbers to which more are shortened
MOST_WHOLE, SHORT = (20_000, 256)


def is_scene(members: Indices, labels: NDArray[np.int32]) -> bool:
    """Whether so many alike pictures are of one scene, rather than copies of one picture.

    They are, if there are many of them with several labels, or if they are most of a class: nobody
    labels copies of one picture in several ways, or has a class of little else.
    """
    if len(members) < MANY:
        return len(members) >= FEWEST and 2 * len(members) > len(labels)
    ours, all_of = np.bincount(labels[members], minlength=labels.max() + 1), np.bincount(labels)
    mixed = ours.max() <= (1 - MIXED) * len(members)
    return bool(mixed or (2 * ours > all_of).any())


def find_copies(members: Indices, thumbnails: Thumbnails) -> list[tuple[int, int, float]] | None:
    """Return the copies among pictures of a scene: each with its first, and their correlation.

    Both are places in `members`. None where what is left of the pictures is not independent, as
    noise is: then they are one picture, recompressed, say, and not exposures of one scene.
    """
    scene = _learn(_details(thumbnails(members[_spread(len(members), SAMPLE)])))
    shorten = _shortening(len(members))
    left_over = [
        shorten(scene.take_off(_details(thumbnails(members[start : start + BLOCK]))))
        for start in range(0, len(members), BLOCK)
    ]
    bound = _find_bound(
        np.concatenate([part[_spread(len(part), 256)] for part in left_over])[:SAMPLE]
    )
    if bound > DEPENDENT:
        return None
    return list(_find_alike(left_over, bound))


def _find_alike(left_over: list[Values], bound: float) -> Iterator[tuple[int, int, float]]:
    size = sum(map(len, left_over))
    groups = np.arange(size)
    for number, ours in enumerate(left_over):
        for other, theirs in enumerate(left_over[number:], start=number):
            links = np.argwhere(ours @ theirs.T > bound) + np.array([number, other]) * BLOCK
            if (links[:, 0] < links[:, 1]).any():
                stars = np.stack([groups, np.arange(size)], axis=1)  # as few links as tell the same
                groups = first_of_each(group(np.concatenate([stars, links]), size))
    for place in np.flatnonzero(groups != np.arange(size)).tolist():
        first = int(groups[place])
        alike = left_over[first // BLOCK][first % BLOCK] @ left_over[place // BLOCK][place % BLOCK]
        yield first, place, float(alike)


def _shortening(size: int) -> Callable[[Values], Values]:
    """Return what shortens the rows of very many pictures, so that they fit into memory.

    Random directions keep correlations but for noise (Johnson and Lindenstrauss 1984), which raises
    the bound.
    """
    if size <= MOST_WHOLE:
        return lambda rows: rows
    drawn = np.random.default_rng(0).normal(size=(3 * SIDE**2, SHORT)).astype(np.float32)

    def shorten(rows: Values) -> Values:
        short = rows @ drawn
        lengths = np.linalg.norm(short, axis=1, keepdims=True)
        unit: Values = (short / np.maximum(lengths, 1e-6)).astype(np.float32)
        return unit

    return shorten


def _spread(size: int, most: int) -> Indices:
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))


def _details(thumbnails: Pixels) -> Values:
    """Return what is not light in thumbnails `(n, 32, 32, 3)`, as `(n, 3072)`."""
    values = colours_first(thumbnails)
    values -= blur(values, BROAD)
    return values.reshape(len(values), -1)


# docs/decisions/081-pictures-of-one-scene-are-compared-in-what-differs.md
@dataclass(frozen=True)
class _Scene:
    """What is common to the pictures of a scene.

    known : the mean picture in any brightness, a little moved, enlarged or blurred: `(6, 3072)`,
        orthonormal.
    noise : the deviation of each pixel from that, `(3072,)`.
    variations : in what ways the pictures vary besides, `(n, 3072)`, orthonormal.
    """

    known: Values
    noise: Values
    variations: Values

    def take_off(self, details: Values) -> Values:
        """Return what is left of pictures `(n, 3072)`, each of length 1; 0 where nothing is."""
        left = self.deviations(details)
        left -= (left @ self.variations.T) @ self.variations
        lengths = np.linalg.norm(left, axis=1, keepdims=True)
        return np.where(lengths > 0, left / np.maximum(lengths, 1e-6), 0).astype(np.float32)

    def deviations(self, details: Values) -> Values:
        """Return by how much of its noise each pixel deviates from the mean; 0 within the noise.

        The blur that took the light off has left a halo around what is something else: it is taken
        off too.
        """
        left = (_without(details, self.known) / self.noise).reshape(-1, 3, SIDE, SIDE)
        near = (np.abs(left) <= FAR).all(axis=1, keepdims=True).astype(np.float32)
        level = blur(left * near, BROAD) / np.maximum(blur(near, BROAD), 0.1)
        deviations: Values = ((left - level) * near).reshape(details.shape)
        return deviations


def _without(details: Values, known: Values) -> Values:
    return (details - (details @ known.T) @ known).astype(np.float32, copy=False)


def _learn(details: Values) -> _Scene:
    known = _small_changes(np.median(details, axis=0))
    deviation = 1.4826 * np.median(np.abs(_without(details, known)), axis=0)
    noise: Values = np.maximum(deviation, max(float(np.median(deviation)), 0.1) / 2).astype(
        np.float32
    )
    scene = _Scene(known, noise, np.empty((0, details.shape[1]), dtype=np.float32))
    found = np.linalg.svd(scene.deviations(details), full_matrices=False)
    shares, ways = found.U, found.Vh
    variances = found.S**2
    strong = variances > STRONG * np.median(variances)  # all are alike where there is noise alone
    # of many pictures, not of one and its copies
    common = COMMON * len(details) * (shares**4).sum(axis=0) <= 1
    return replace(
        scene, variations=ways[common & strong][: min(VARIATIONS, len(details) // SPARE)]
    )


def _small_changes(mean: Values) -> Values:
    """Return a picture and its changes when moved, enlarged or blurred, orthonormal."""
    picture = mean.reshape(3, SIDE, SIDE)
    down, right = (np.gradient(picture, axis=axis) for axis in (1, 2))
    away = np.arange(SIDE) - (SIDE - 1) / 2
    blurred = blur(picture[None].astype(np.float32), 0.7)[0] - picture
    changes = (picture, down, right, down * away[:, None], right * away, blurred)
    basis = np.linalg.qr(np.stack([np.asarray(change).reshape(-1) for change in changes], axis=1))[
        0
    ]
    return np.ascontiguousarray(basis.T, dtype=np.float32)


def _find_bound(left_over: Values) -> float:
    """Return the correlation that copies must have: so many spreads above chance."""
    alike = (left_over @ left_over.T)[np.triu_indices(len(left_over), 1)]
    scaled = np.arctanh(alike.clip(-0.999, 0.999))
    middle = np.median(scaled) if len(scaled) else 0.0
    # copies among them do not move it
    spread = 1.4826 * np.median(np.abs(scaled - middle)) if len(scaled) else 0.0
    return float(max(LEAST, np.tanh(middle + SPREADS * spread)))
