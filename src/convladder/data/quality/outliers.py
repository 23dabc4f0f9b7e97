"""Images that stand out: blank, dark, bright, blurred, long, tiny, misnamed or moving."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from convladder.data.decoding.formats import SUFFIXES
from convladder.data.decoding.image_stats import Facts
from convladder.data.decoding.picture import ARRAY
from convladder.data.source import Record
from convladder.data.sources.folders.entries import suffix_of

Positions = NDArray[np.int64]

BLANK_DEVIATION = 2.0  # grey levels
DARK, BRIGHT = 40, 215  # grey levels that 99 % of the pixels do not exceed, or do not fall below
BLURRED = (
    5.0  # robust standard deviations below the data set's median, of the logarithm of the sharpness
)
LONG = 3.0  # longer side to shorter, and twice what is usual in the data set
TINY = 8  # pixels, where the usual image has twice as many

_OF_SUFFIX = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}


def find_oddities(facts: Facts) -> dict[str, Positions]:
    """Return the positions of images of each kind that stand out; one may be of several kinds.

    What is usual is taken from the data set itself, so that drawings are not called bright for
    being drawings of lines, nor portraits long for being upright.
    """
    rules: dict[str, Callable[[Facts], NDArray[np.bool_]]] = {
        "blank": _blank,
        "extremely dark": lambda facts: (facts["high"] < DARK) & ~_blank(facts),
        "extremely bright": lambda facts: (facts["low"] > BRIGHT) & ~_blank(facts),
        "blurred": _blurred,
        "extremely long": _long,
        "tiny": _tiny,
    }
    return {kind: np.flatnonzero(rule(facts)) for kind, rule in rules.items()} if len(facts) else {}


def find_misnamed(records: Sequence[Record], facts: Facts) -> Positions:
    """Return the positions of the files whose name says another format than their content is."""
    said = [_OF_SUFFIX.get(suffix_of(record.path)) for record in records]
    are = facts["format"].astype(str).tolist()
    return np.array(
        [
            position
            for position, (says, is_) in enumerate(zip(said, are, strict=True))
            if says and is_ not in (says, ARRAY)
        ],
        dtype=np.int64,
    )


def find_animated(facts: Facts) -> Positions:
    """Return the positions of images of several frames or pages; the first is taken."""
    return np.flatnonzero(facts["frames"] > 1)


def _blank(facts: Facts) -> NDArray[np.bool_]:
    blank: NDArray[np.bool_] = facts["deviation"] < BLANK_DEVIATION
    return blank


def _blurred(facts: Facts) -> NDArray[np.bool_]:
    # detail against contrast: a ship in the fog has little of both, a blurred one lacks the detail
    sharpness = np.log10((facts["sharpness"] + 1.0) / (facts["deviation"] ** 2 + 1.0))
    middle = np.median(sharpness)
    # of a normal distribution, its standard deviation
    spread = 1.4826 * np.median(np.abs(sharpness - middle))
    low: NDArray[np.bool_] = sharpness < middle - BLURRED * max(spread, 0.05)
    return low & ~_blank(facts)


def _long(facts: Facts) -> NDArray[np.bool_]:
    sides = facts["height"].astype(float), facts["width"].astype(float)
    ratio = np.maximum(*sides) / np.minimum(*sides)
    long: NDArray[np.bool_] = ratio >= max(LONG, 2 * float(np.median(ratio)))
    return long


def _tiny(facts: Facts) -> NDArray[np.bool_]:
    shorter = np.minimum(facts["height"], facts["width"])
    tiny: NDArray[np.bool_] = (shorter < TINY) & bool(np.median(shorter) >= 2 * TINY)
    return tiny
