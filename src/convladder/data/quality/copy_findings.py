"""Which images belong together but lie in different splits or classes, and which count twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convladder.data.bank.bank import Bank
from convladder.data.quality import grouping
from convladder.data.quality.findings import Finding, Row, row_of_image
from convladder.data.splits import Indices


@dataclass(frozen=True)
class CopyFindings:
    """What is found among the copies and groups of a bank; `has_splits`: the source names them."""

    bank: Bank
    has_splits: bool

    def leaks(self) -> Iterator[Finding]:
        """Yield the copies, and the images of one group, that lie in different splits."""
        if not self.has_splits:
            return
        copied = grouping.find_leaks(self.bank, self.bank.copies)
        yield Finding(
            "copies-across-splits",
            "copies in different splits",
            "The network would be tested on images it was trained on. Remove one of each pair, "
            "or train with --on-leak drop." + self._not_copies,
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
        """Yield the copies of different classes."""
        left, right = grouping.pair_up(self.bank.copies)
        differ = self.bank.labels[left] != self.bank.labels[right]
        yield Finding(
            "conflicting-labels",
            "copies with different labels",
            "One of the two labels is wrong. Correct it, or remove the image." + self._not_copies,
            self._rows(left[differ], right[differ]),
        )

    def copies(self) -> Iterator[Finding]:
        """Yield the exact copies, and the near ones, that lie in one split."""
        split = np.array([grouping.RANK[record.split or "train"] for record in self.bank.records])
        left, right = grouping.pair_up(self.bank.copies, split)
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
            return "the same pixels"
        return "mirrored" if (left, right) in self._mirrored else "nearly the same"

    @cached_property
    def _mirrored(self) -> set[tuple[int, int]]:
        pairs = self.bank.pairs[self.bank.pairs["mirrored"]]
        ends = list(zip(pairs["left"].tolist(), pairs["right"].tolist(), strict=True))
        return {*ends, *((right, left) for left, right in ends)}

    @property
    def _not_copies(self) -> str:
        different = " If they are different pictures, set --copies exact (data.copies)."
        return different if self.bank.has_near_copies else ""
