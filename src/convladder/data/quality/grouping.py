"""Which images belong together, and what to do where they lie in different splits.

Together are copies and near copies of one picture, and whatever the source or a pattern says is of
one group: a patient, a video, a session. A network that has seen one of them in training knows the
others already.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import DataError
from convladder.data.bank.bank import Bank
from convladder.data.copies.groups import group
from convladder.data.source import Split
from convladder.data.splits import Indices

RANK: dict[Split, int] = {"test": 0, "validation": 1, "train": 2}  # the first keeps what they share
MOST_NAMED = 3


@dataclass(frozen=True)
class Leaks:
    """Images that a network would see in training although images like them test it.

    positions : of those in the less important split, `(n,)`.
    partners : for each, one that is in the more important split.
    copies : how many of them are exact or near copies; the others share a group.
    """

    positions: Indices
    partners: Indices
    copies: int

    def __len__(self) -> int:
        return len(self.positions)


def name_groups(bank: Bank, pattern: str | None) -> tuple[Bank, list[str]]:
    """Return the bank with the groups that a regular expression finds in the paths, and notes.

    The group is the first bracket of what is found, or all of it. An image in whose path nothing is
    found keeps the group that its source says, if any. Raises DataError where nothing is found in
    any path.
    """
    if pattern is None:
        return bank, []
    compiled = re.compile(pattern)
    found = [compiled.search(record.path) for record in bank.records]
    if not any(found):
        raise DataError(
            f"the group pattern {pattern!r} matches no path, such as {bank.records[0].path!r}"
        )
    names = [
        (match.group(1) if compiled.groups else match.group()) if match else "" for match in found
    ]
    records = [
        replace(record, group=name or record.group)
        for record, name in zip(bank.records, names, strict=True)
    ]
    alone = sum(not record.group for record in records)
    first = next((record.path for record in records if not record.group), "")
    notes = [
        f"{alone} images are in no group: the pattern does not match their paths, such as {first}"
    ]
    return bank.relabelled(records), notes if alone else []


def groups_of(bank: Bank) -> Indices:
    """Return the number of each image's group, `(N,)`; an image alone has its own."""
    size = len(bank.records)
    named, copies = named_groups_of(bank), bank.copies
    links = [
        np.stack([others, firsts], axis=1) for others, firsts in (pair_up(named), pair_up(copies))
    ]
    return group(np.concatenate(links), size)


def named_groups_of(bank: Bank) -> Indices:
    """Do what `groups_of` does for what the source calls a group alone."""
    numbers: dict[str, int] = {}
    size = len(bank.records)
    return np.array(
        [
            numbers.setdefault(record.group, len(numbers)) if record.group else size + position
            for position, record in enumerate(bank.records)
        ],
        dtype=np.int64,
    )


def pair_up(*keys: Indices) -> tuple[Indices, Indices]:
    """Pair each later image with the first of the same keys, each `(N,)`; return both ends."""
    _, first, which = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    partners = first[which.reshape(-1)]
    others = np.flatnonzero(partners != np.arange(len(partners)))
    return others, partners[others]


def find_leaks(bank: Bank, groups: Indices) -> Leaks:
    """Find the images whose group has one in a split that matters more. All name their split."""
    ranks = np.array([RANK[record.split or "train"] for record in bank.records])
    best = np.full(groups.max(initial=-1) + 1, len(RANK))
    np.minimum.at(best, groups, ranks)
    positions = np.flatnonzero(ranks > best[groups])
    first: dict[int, int] = {}
    for position in np.flatnonzero(ranks == best[groups]).tolist():
        first.setdefault(int(groups[position]), position)
    partners = np.array([first[int(groups[position])] for position in positions], dtype=np.int64)
    return Leaks(positions, partners, int((bank.copies[positions] == bank.copies[partners]).sum()))


def describe(bank: Bank, leaks: Leaks) -> str:
    """Say how many images of a split are copies, or of the group, of others; name the first."""
    ends = list(zip(leaks.positions.tolist(), leaks.partners.tolist(), strict=True))
    splits = Counter(
        (bank.records[left].split or "train", bank.records[right].split) for left, right in ends
    )
    why = "copies of"
    if leaks.copies < len(leaks):
        why = "copies of, or in one group with," if leaks.copies else "in one group with"
    found = " and ".join(
        f"{count:,} of {split} are {why} images of {other}"
        for (split, other), count in splits.items()
    )
    named = "; ".join(
        f"{bank.records[left].path} and {bank.records[right].path}"
        for left, right in ends[:MOST_NAMED]
    )
    return f"{found} ({named}{'; …' if len(ends) > MOST_NAMED else ''})"


def without(bank: Bank, positions: NDArray[np.int64]) -> Bank:
    """Return the bank without these records."""
    return bank.keep(np.setdiff1d(np.arange(len(bank.records)), positions))
