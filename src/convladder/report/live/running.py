"""A trial that is being trained, with the curve of its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_POINTS = 200  # of a curve

Row = Mapping[str, Any]


class Curve:
    """The epochs of a trial, of which every second is let go when there are many."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._every, self._count = 1, 0
        self._last: Row | None = None

    def add(self, row: Row) -> None:
        """Take the figures of one more epoch."""
        if self._count % self._every == 0:
            self._rows.append(row)
        self._count, self._last = self._count + 1, row
        if len(self._rows) > MOST_POINTS:
            self._rows, self._every = self._rows[::2], 2 * self._every

    @property
    def last(self) -> Row | None:
        """The newest epoch."""
        return self._last

    @property
    def rows(self) -> list[Row]:
        """Those that are kept, and the newest."""
        rows = list(self._rows)
        return rows if self._last is None or rows[-1] is self._last else [*rows, self._last]


@dataclass
class Running:
    """A trial that is being trained, since a moment of the clock.

    share : of it that is done. trained : the seconds that its epochs took in this command.
    """

    since: float
    curve: Curve = field(default_factory=Curve)
    share: float = 0.0
    trained: float = 0.0
