"""A confusion matrix as a picture of the page: in its colours, with the names of classes whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE, TEXT = 26, 12  # of a cell and of a name, in units of the picture
BASELINE = 17  # of a text, from the edge of its cell
GAP = 6  # between a name and the cells
COUNT, LONG_COUNT = 11, 9  # sizes of a cell's number, and of one of four digits or more
FAINTEST = 0.2  # opacity of a cell with the smallest share
WIDTH_OF_LETTER = 0.58  # of a name's size
LONGEST = 22  # letters of a name that is written along a column
MOST_NAMED = 30  # classes whose names are written along the columns
READABLE = 12  # classes whose names can be read on a phone
MOST_COUNTED = 20  # classes of which each cell has its number
DARK = 0.6  # share of a row from which a cell's number is written in the colour of the page


@dataclass(frozen=True)
class Cell:
    """So many images of the class of its row were predicted as that of its column.

    share : of the images of the row's class.
    """

    row: int
    column: int
    count: int
    share: float

    @property
    def dark(self) -> bool:
        return self.share > DARK

    @property
    def number_size(self) -> int:
        return COUNT if self.count < 1000 else LONG_COUNT


@dataclass(frozen=True)
class ConfusionPicture:
    """What is drawn: cells that are not empty, and the names along both sides."""

    names: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def size(self) -> int:
        return len(self.names)

    @property
    def numbered(self) -> bool:
        """Whether columns have numbers, which the names of the rows tell, instead of names."""
        return self.size > MOST_NAMED or self._longest > LONGEST

    @property
    def can_be_enlarged(self) -> bool:
        """Whether it is so large that it is hard to read at the width of a screen."""
        return self.size > READABLE

    @property
    def counted(self) -> bool:
        return self.size <= MOST_COUNTED

    @property
    def rows(self) -> tuple[str, ...]:
        """The names along the rows."""
        if not self.numbered:
            return self.names
        return tuple(f"{name} · {number}" for number, name in enumerate(self.names, 1))

    @property
    def columns(self) -> tuple[str, ...]:
        if not self.numbered:
            return self.names
        return tuple(str(number) for number in range(1, self.size + 1))

    @property
    def left(self) -> int:
        """How wide the names of the rows are."""
        return self._room(self.rows)

    @property
    def top(self) -> int:
        """How high the names of the columns are."""
        return self._room(self.columns)

    @property
    def side(self) -> int:
        """How wide and high all cells are together."""
        return SIDE * self.size

    @property
    def width(self) -> int:
        return self.left + self.side + TEXT

    @property
    def height(self) -> int:
        return self.top + self.side + TEXT

    def x(self, column: int) -> int:
        """Return where a column of cells begins."""
        return self.left + SIDE * column

    def y(self, row: int) -> int:
        """Return where a row of cells begins."""
        return self.top + SIDE * row

    @property
    def mistakes(self) -> list[Cell]:
        """The cells of mistakes, the most frequent first."""
        wrong = [cell for cell in self.cells if cell.row != cell.column]
        return sorted(wrong, key=lambda cell: -cell.count)

    @property
    def _longest(self) -> int:
        return max(map(len, self.names))

    @staticmethod
    def _room(names: Sequence[str]) -> int:
        return round(2 * TEXT + WIDTH_OF_LETTER * TEXT * max(map(_letters, names)))


def _letters(name: str) -> float:
    """Return how wide a name is, in letters: those of East Asian scripts and capitals are wider."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in name)
    return len(name) + wide + 0.25 * sum(letter.isupper() for letter in name)


def picture_of(matrix: NDArray[np.int64], names: Sequence[str]) -> ConfusionPicture:
    """Return the picture of a confusion matrix, true classes as rows."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cells = tuple(
        Cell(int(row), int(column), int(matrix[row, column]), float(shares[row, column]))
        for row, column in np.argwhere(matrix)
    )
    return ConfusionPicture(tuple(names), cells)
