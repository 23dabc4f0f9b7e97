"""Which columns of a table say the class of each row, in the forms that tables have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from convladder.core.errors import DataError
from convladder.data.sources.tables import label_studio, onehot
from convladder.data.sources.tables.cells import Cells
from convladder.data.sources.tables.columns import (
    MOST_NAMED,
    find_column,
    list_names,
    refuse_several,
)


@dataclass(frozen=True)
class Labels:
    """The class of each row, empty where it has none; `note` says where it was found, if that is
    not plain.

    optional : whether a row without one is passed over, as what nobody has labelled yet.
    """

    texts: list[str]
    note: str = ""
    optional: bool = False


def find_labels(
    cells: Cells, paths: Sequence[str], taken: Collection[str], wanted: str | None
) -> Labels:
    """Return what the wanted column says, or one of a usual name, or whatever else can be nothing
    but the class.

    paths : of the rows, for messages. taken : the columns that say something else. Raises
    DataError.
    """
    exported = label_studio.is_export(cells.columns)
    column = find_column(cells.columns, cells.name, "label", wanted)
    if column is None and exported:
        column = _question(cells, taken)
    if column is None:
        return _marked(cells, paths, taken)
    texts = _texts(cells, column)
    classes = [label_studio.choices_in(text) for text in texts]
    refuse_several(cells.name, list(zip(cells.numbers, paths, classes, strict=True)))
    return Labels([each[0] if each else "" for each in classes], optional=exported)


def _question(cells: Cells, taken: Collection[str]) -> str:
    """Return the column of an export of Label Studio that has the answers. Raises DataError."""
    found = label_studio.question_columns(cells.columns, taken)
    if len(found) != 1:
        of_several = f"may be any of {list_names(found)}" if found else "is in none of its columns"
        raise DataError(
            f"{cells.name}: the class {of_several}: give --label-column (data.label_column)"
        )
    return found[0]


def _marked(cells: Cells, paths: Sequence[str], taken: Collection[str]) -> Labels:
    """Return the labels of a table without a column of a usual name. Raises DataError where there
    are none.
    """
    others = [column for column in cells.columns if column and column not in taken]
    marked = onehot.class_columns({column: _texts(cells, column) for column in others})
    if marked:
        return _of_marks(cells, paths, marked)
    if len(others) == 1 and len(cells.columns) == 2:
        return Labels(
            _texts(cells, others[0]),
            f"the class is column {others[0]!r}, the only one besides the path",
        )
    find_column(cells.columns, cells.name, "label", None, needed=True)
    raise AssertionError("a column that is needed is found or refused")


def _of_marks(cells: Cells, paths: Sequence[str], marked: Sequence[str]) -> Labels:
    classes = onehot.classes_of({column: _texts(cells, column) for column in marked})
    refuse_several(cells.name, list(zip(cells.numbers, paths, classes, strict=True)))
    without = [number for number, found in zip(cells.numbers, classes, strict=True) if not found]
    if without:
        listed = ", ".join(map(str, without[:MOST_NAMED]))
        more = f" and {len(without) - MOST_NAMED} more" if len(without) > MOST_NAMED else ""
        raise DataError(
            f"{cells.name}: rows {listed}{more} have no class: expected a 1 in one of the columns "
            f"{list_names(marked)} (if another column holds the class, give --label-column)"
        )
    note = f"the classes are the columns that hold 0 and 1: {', '.join(marked[:MOST_NAMED])}"
    return Labels(
        [found[0] for found in classes], note + (", …" if len(marked) > MOST_NAMED else "")
    )


def _texts(cells: Cells, column: str) -> list[str]:
    return cells.column(cells.columns.index(column))
