"""The split: train, validation and test, fixed before anything else looks at the images.

Images that belong together (a group: one patient, one video, copies of one picture) are kept in one
split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import DataError
from convladder.data.source import Record

Indices = NDArray[np.int64]
Counts = NDArray[np.int64]  # (parts, classes)


@dataclass(frozen=True)
class Splits:
    """Three disjoint arrays of record numbers, each sorted."""

    train: Indices
    validation: Indices
    test: Indices


def split_records(
    records: Sequence[Record],
    class_names: Sequence[str],
    groups: Indices,
    *,
    validation: float,
    test: float,
    seed: int,
) -> Splits:
    """Keep the splits that the records name, and cut the missing ones from train, class by class.

    Each class gives the share `validation` and `test` of the images that train has before any cut,
    at least one to each, as nearly as the `groups` `(N,)` allow. The draw depends on `seed` and on
    the order of the records alone.

    Raises
    ------
    DataError
        A class has too few images, or groups, to be in every split that must be cut, or none in
        train.
    """
    named = np.array([record.split or "train" for record in records])
    shares = {"test": test, "validation": validation}
    cuts = {part: share for part, share in shares.items() if part not in named}
    parts = {part: np.flatnonzero(named == part) for part in ("train", "validation", "test")}
    labels = np.array([record.label for record in records])
    return Splits(**parts | _cut(parts["train"], labels, class_names, groups, cuts, seed))


def fold_records(
    records: Sequence[Record],
    class_names: Sequence[str],
    groups: Indices,
    *,
    folds: int,
    validation: float,
    seed: int,
) -> list[Splits]:
    """For each fold test its images, and cut the share `validation` of the others.

    Each image is in one fold. Splits that the records name are not kept: cross-validation makes its
    own.

    Raises
    ------
    DataError
        A class has too few images, or groups, for so many folds.
    """
    labels = np.array([record.label for record in records])
    number_of_classes = len(class_names)
    for label, name in enumerate(class_names):
        _check_enough(name, groups[labels == label], folds, f"each of {folds} folds")
    quotas = np.tile(np.bincount(labels, minlength=number_of_classes) / folds, (folds, 1))
    part = _share_out(labels, groups, quotas, seed)
    cuts = {"validation": validation}
    return [
        Splits(
            test=np.flatnonzero(part == fold),
            **_cut(np.flatnonzero(part != fold), labels, class_names, groups, cuts, seed),
        )
        for fold in range(folds)
    ]


def _cut(
    candidates: Indices,
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    groups: Indices,
    cuts: dict[str, float],
    seed: int,
) -> dict[str, Indices]:
    """Cut shares from the candidates; return each part, and as `train` what is left."""
    of_candidates, together = labels[candidates], groups[candidates]
    names = [*cuts, "train"]
    places = " and ".join(reversed(names))
    for label, name in enumerate(class_names):
        _check_enough(name, together[of_candidates == label], len(names), places)
    available = np.bincount(of_candidates, minlength=len(class_names))
    quotas = np.array([_sizes(int(count), cuts) for count in available], dtype=float).T
    part = _share_out(of_candidates, together, quotas, seed)
    return {name: candidates[part == number] for number, name in enumerate(names)}


def _sizes(available: int, cuts: dict[str, float]) -> list[int]:
    """Round the shares so that each cut gets an image at least, and so does train."""
    sizes: list[int] = []
    for number, share in enumerate(cuts.values(), start=1):
        reserved = 1 + len(cuts) - number
        sizes.append(min(max(1, round(share * available)), available - sum(sizes) - reserved))
    return [*sizes, available - sum(sizes)]


def _share_out(
    labels: NDArray[np.int64], groups: Indices, quotas: NDArray[np.float64], seed: int
) -> Indices:
    """Return the part of each image, `(N,)`; parts come near their quotas `(parts, classes)`.

    First the groups of several images, the largest first, each to the part where it does least
    harm; then the single images of each class, to what is missing then.
    """
    parts, classes = quotas.shape
    part = np.full(len(labels), -1)
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    have = np.zeros((parts, classes), dtype=np.int64)
    members = _members_of_large(group, sizes)
    order = np.random.default_rng([seed, classes]).permutation(len(members))
    left = np.array([len(np.unique(group[labels == label])) for label in range(classes)])
    for number in sorted(order, key=lambda number: -len(members[number])):
        counts = np.bincount(labels[members[number]], minlength=classes)
        chosen = _best_part(have, counts, quotas, left)
        part[members[number]] = chosen
        have[chosen] += counts
        left -= counts > 0
    for label in range(classes):
        singles = np.flatnonzero((labels == label) & (sizes[group] == 1))
        singles = np.random.default_rng([seed, label]).permutation(singles)
        counts = _apportion(quotas[:, label], have[:, label], len(singles), have.sum(axis=1))
        part[singles] = np.repeat(np.arange(parts), counts)
        have[:, label] += counts
    return part


def _members_of_large(group: Indices, sizes: Indices) -> list[Indices]:
    """Return the images of each group that has more than one."""
    large = np.flatnonzero(sizes[group] > 1)
    ordered = large[np.argsort(group[large], kind="stable")]
    return np.split(ordered, np.flatnonzero(np.diff(group[ordered])) + 1) if len(ordered) else []


def _best_part(have: Counts, counts: Indices, quotas: NDArray[np.float64], left: Indices) -> int:
    """Return the part to which a group adds least to the chi-square distance from the quotas.

    A part that lacks a class comes first where the groups that are `left` with this class are just
    enough.
    """
    harm = ((2 * have * counts + counts**2) / np.maximum(quotas, 1e-9)).sum(
        axis=1
    ) - 2 * counts.sum()
    lacking = have == 0
    needed = (lacking & (counts > 0) & (lacking.sum(axis=0) >= left)).any(axis=1)
    if needed.any():
        harm = np.where(needed, harm, np.inf)
    return int(harm.argmin())


def _apportion(quota: NDArray[np.float64], have: Indices, images: int, totals: Indices) -> Indices:
    """Share out so many images of a class by what each part lacks; at least one if it has none.

    Largest remainders; of equal ones the part that has least in all comes first.
    """
    need = np.maximum(quota - have, 0)
    ideal = (
        need * images / need.sum() if need.sum() > 0 else np.full(len(quota), images / len(quota))
    )
    counts = np.floor(ideal + 1e-9).astype(np.int64)
    order = np.lexsort((totals, np.round(counts - ideal, 9)))
    counts[order[: images - counts.sum()]] += 1
    for empty in np.flatnonzero((counts == 0) & (have == 0)):
        richest = int((counts + have).argmax())
        if counts[richest] > 1 or (counts[richest] == 1 and have[richest] > 0):
            counts[richest] -= 1
            counts[empty] += 1
    return counts


def _check_enough(name: str, groups: Indices, needed: int, places: str) -> None:
    images, together = len(groups), len(np.unique(groups))
    if together < needed:
        what = "1 image" if images == 1 else f"{images} images"
        if together < images:
            what += (
                f" in {together} group{'' if together == 1 else 's'} that stay together (copies, "
                "or named groups)"
            )
        need = "needs one" if places.startswith("each") else "need one each"
        raise DataError(
            f"class {name!r} has {what} to split, and {places} {need}: add images to it (or raise "
            "--limit), or leave it out with --min-images or --classes"
            + ("; if they are not copies, set --copies exact" if together < images else "")
        )
