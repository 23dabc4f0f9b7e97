"""Which images belong together but lie in different splits or classes, and which count twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convladder.data.bank.bank import Bank
from convladder.data.quality import grouping
from convladder.data.quality.findings import Finding, Row, row_of_image
from convladder.data.splits import Indices

LEAKS = {"copies-across-splits", "groups-across-splits"}  # codes of what crosses the splits


@dataclass(frozen=True)
class CopyFindings:
    """What is found among the copies and groups of a bank; `has_splits`: the source names them."""

    bank: Bank
    has_splits: bool

    def leaks(self) -> Iterator[Finding]:
        """Yield the copies, and the images of one group, that lie in different splits."""
        if not self.has_splits:
            return
        copied = self._across_splits
        yield Finding(
            "copies-across-splits",
            "copies in different splits",
            "The network would be tested on images it was trained on. Remove one of each pair, "
            f"or train with --on-leak drop.{self._disputed(copied)}{self._not_copies}",
            self._rows(copied.positions, copied.partners),
        )
        grouped = grouping.find_leaks(self.bank, grouping.named_groups_of(self.bank))
        yield Finding(
            "groups-across-splits",
            "groups in different splits",
            "Images of one group look alike. Move each group into one split, or train with "
            "--on-leak drop.",
            tuple(
                self._pair(left, right, f"group {self.bank.records[left].group}")
                for left, right in zip(
                    grouped.positions.tolist(), grouped.partners.tolist(), strict=True
                )
            ),
        )

    def conflicts(self) -> Iterator[Finding]:
        """Yield the copies of different classes, but for those in different splits."""
        left, right = grouping.pair_up(self.bank.copies, self._splits)
        differ = self._differ(left, right) & ~np.isin(left, self._across_splits.positions)
        yield Finding(
            "conflicting-labels",
            "copies with different labels",
            "One of the two labels is wrong. Correct it, or remove the image." + self._not_copies,
            self._rows(left[differ], right[differ]),
        )

    def copies(self) -> Iterator[Finding]:
        """Yield the exact copies, and the near ones, of one class in one split."""
        left, right = grouping.pair_up(self.bank.copies, self._splits, self._labels)
        where = " in one split" if self.has_splits else ""
        exact = self.bank.facts["digest"][left] == self.bank.facts["digest"][right]
        for code, title, which in (
            ("exact-copies", f"exact copies{where}", exact),
            ("near-copies", f"near copies{where}", ~exact),
        ):
            yield Finding(
                code,
                title,
                "These images count twice. When convladder makes the splits itself, it keeps "
                "copies together." + ("" if code == "exact-copies" else self._not_copies),
                self._rows(left[which], right[which]),
            )

    @cached_property
    def _splits(self) -> Indices:
        return np.array([grouping.RANK[record.split or "train"] for record in self.bank.records])

    @property
    def _labels(self) -> Indices:
        return self.bank.labels.astype(np.int64)

    @cached_property
    def _across_splits(self) -> grouping.Leaks:
        return grouping.find_leaks(self.bank, self.bank.copies)

    def _differ(self, left: Indices, right: Indices) -> NDArray[np.bool_]:
        """Return which of the pairs have different labels, `(pairs,)`."""
        return np.asarray(self.bank.labels[left] != self.bank.labels[right])

    def _disputed(self, leaks: grouping.Leaks) -> str:
        """Say how many of the pairs have different labels as well."""
        count = int(self._differ(leaks.positions, leaks.partners).sum())
        if not count:
            return ""
        which = "1 pair has" if count == 1 else f"{count:,} pairs have"
        return f" {which} different labels as well: one of the two is wrong, so look at it first."

    def _rows(self, left: Indices, right: Indices) -> tuple[Row, ...]:
        ends = zip(left.tolist(), right.tolist(), strict=True)
        return tuple(self._pair(one, other, self._detail(one, other)) for one, other in ends)

    def _pair(self, left: int, right: int, detail: str) -> Row:
        other = row_of_image(self.bank, right)
        del other["detail"]
        named = {f"other_{key}": value for key, value in other.items()}
        return row_of_image(self.bank, left, detail) | named

    def _detail(self, left: int, right: int) -> str:
        facts = self.bank.facts
        if facts["digest"][left] == facts["digest"][right]:
            alike = "the same pixels"
        else:
            alike = "mirrored" if (left, right) in self._mirrored else "nearly the same"
        labels, splits = self.bank.labels, self._splits
        in_two_ways = labels[left] != labels[right] and splits[left] != splits[right]
        return f"{alike}, with different labels" if in_two_ways else alike

    @cached_property
    def _mirrored(self) -> set[tuple[int, int]]:
        pairs = self.bank.pairs[self.bank.pairs["mirrored"]]
        ends = list(zip(pairs["left"].tolist(), pairs["right"].tolist(), strict=True))
        return {*ends, *((right, left) for left, right in ends)}

    @property
    def _not_copies(self) -> str:
        different = " If they are different pictures, set --copies exact (data.copies)."
        return different if self.bank.has_near_copies else ""
