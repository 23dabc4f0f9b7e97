"""Which columns of a table say the class of each row, in the forms that tables have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from convladder.core.errors import DataError
from convladder.data.sources.tables import label_studio
from convladder.data.sources.tables.cells import Cells
from convladder.data.sources.tables.columns import (
    MOST_NAMED,
    find_column,
    list_names,
    refuse_several,
)

# of tables with a column for each class and a 1 in one of them, as those of ISIC and Roboflow
ONES, ZEROS = {"1", "1.0", "true"}, {"", "0", "0.0", "false"}
# what stands beside the classes, in the ISIC challenges and in tables of fastai and of folds
NO_CLASSES = {"score_weight", "validation_weight", "is_train", "is_valid", "is_test", "fold"}


@dataclass(frozen=True)
class Labels:
    """The class of each row, empty if it has none; `note` says where it was found, if not plain.

    optional : whether a row without one is passed over, as what nobody has labelled yet.
    """

    texts: list[str]
    note: str = ""
    optional: bool = False


def find_labels(
    cells: Cells, paths: Sequence[str], taken: Collection[str], wanted: str | None
) -> Labels:
    """Return the column wanted, or one of a usual name, or what else can only be the class.

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
    """Return the labels of a table without a usual column. Raises DataError for none."""
    others = [column for column in cells.columns if column and column not in taken]
    marked = _class_columns({column: _texts(cells, column) for column in others})
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
    classes = _classes_of({column: _texts(cells, column) for column in marked})
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


def _class_columns(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns that hold nothing but 0 and 1, where these are two or more; else none."""
    found = [
        name
        for name, texts in columns.items()
        if name.lower() not in NO_CLASSES and _is_marked({text.lower() for text in set(texts)})
    ]
    return found if len(found) > 1 else []


def _classes_of(columns: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the names of the columns that have a 1, for each row."""
    rows = zip(*columns.values(), strict=True)
    return [
        [name for name, text in zip(columns, row, strict=True) if text.lower() in ONES]
        for row in rows
    ]


def _is_marked(values: set[str]) -> bool:
    """Whether a column may mark a class; one that is empty in all rows marks none."""
    return values <= ONES | ZEROS and values != {""}


def _texts(cells: Cells, column: str) -> list[str]:
    return cells.column(cells.columns.index(column))
