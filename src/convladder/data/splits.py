"""The split: train, validation and test, fixed before anything else looks at the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convladder.data.sources import Record
from convladder.errors import DataError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """Three disjoint arrays of record numbers, each sorted."""

    train: Indices
    validation: Indices
    test: Indices


def split_records(
    records: Sequence[Record], class_names: Sequence[str], *, validation: float, test: float, seed: int
) -> Splits:
    """Keep the splits that the records name, and cut the missing ones from train, class by class.

    Each class gives the share `validation` and `test` of the images that train has before any cut, at
    least one to each. The draw depends on `seed` and on the order of the records alone.

    Raises
    ------
    DataError
        A class has too few images to be in every split that must be cut, or none in train.
    """
    named = np.array([record.split or "train" for record in records])
    labels = np.array([record.label for record in records])
    shares = {"test": test, "validation": validation}
    cuts = {part: share for part, share in shares.items() if part not in named}
    parts = {part: [np.flatnonzero(named == part)] for part in ("train", "validation", "test")}
    (candidates,) = parts["train"]
    parts["train"] = []
    for label, name in enumerate(class_names):
        members = candidates[labels[candidates] == label]
        _check_enough(name, len(members), cuts)
        members = np.random.default_rng([seed, label]).permutation(members)
        sizes = _sizes(len(members), cuts)
        for part, size in sizes.items():
            taken, members = np.split(members, [size])
            parts[part].append(taken)
        parts["train"].append(members)
    return Splits(**{part: np.sort(np.concatenate(pieces)) for part, pieces in parts.items()})


def _sizes(available: int, cuts: dict[str, float]) -> dict[str, int]:
    """Round the shares so that each cut gets one image at least, and train what is left, one at least."""
    sizes: dict[str, int] = {}
    for number, (part, share) in enumerate(cuts.items(), start=1):
        reserved = 1 + len(cuts) - number
        sizes[part] = min(max(1, round(share * available)), available - sum(sizes.values()) - reserved)
    return sizes


def _check_enough(name: str, available: int, cuts: dict[str, float]) -> None:
    needed = 1 + len(cuts)
    if available < needed:
        places = " and ".join(["train", *reversed(cuts)]) if cuts else "train"
        images = "1 image" if available == 1 else f"{available} images"
        raise DataError(
            f"class {name!r} has {images} to share out, and {places} need one each: "
            f"add images to it (or raise --limit), or remove the class"
        )
