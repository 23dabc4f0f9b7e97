"""Which column of a table is what, and what is said of rows that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

from convladder.core.errors import DataError
from convladder.data.sources.folders.class_names import readable

MOST_NAMED = 10  # rows or columns in a message
USUAL_NAMES = {
    "path": (
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image",
        "image_name",
        "image_path",
        "image_id",
        "img",
        "img_name",
        "img_path",
        "id_code",
        "id",
    ),
    "label": (
        "label",
        "class",
        "class_name",
        "category",
        "target",
        "labels",
        "diagnosis",
        "choice",
    ),
    "split": ("split", "set", "subset", "partition"),
    "group": ("group", "group_id"),
}


class NoColumn(DataError):
    """A table has no column that can be what is needed, and none was named."""


def find_column(
    columns: Sequence[str], name: str, role: str, wanted: str | None, *, needed: bool = False
) -> str | None:
    """Return the column for a role: the wanted one, or one of a usual name. Raises DataError."""
    if wanted is not None:
        if wanted not in columns:
            raise DataError(f"{name} has no column {wanted!r}: it has {list_names(columns)}")
        return wanted
    lowered = {column.strip().lower().replace(" ", "_"): column for column in reversed(columns)}
    found = next((lowered[usual] for usual in USUAL_NAMES[role] if usual in lowered), None)
    if found is None and needed:
        raise NoColumn(
            f"{name} has no column for the {role} (it has {list_names(columns)}): "
            f"name one {role!r}, or give --{role}-column (data.{role}_column)"
        )
    return found


def list_names(columns: Sequence[str]) -> str:
    """Write the names of columns, the first of them where they are many."""
    more = f" and {len(columns) - 2 * MOST_NAMED} more" if len(columns) > 2 * MOST_NAMED else ""
    return ", ".join(repr(column) for column in columns[: 2 * MOST_NAMED]) + more


def refuse_several(name: str, rows: Sequence[tuple[int, str, Sequence[str]]]) -> None:
    """Raise DataError where a row (its number, path and classes) has more than one class."""
    several = [row for row in rows if len(row[2]) > 1]
    if not several:
        return
    number, path, classes = several[0]
    counted = "1 row has" if len(several) == 1 else f"{len(several):,} rows have"
    raise DataError(
        f"{name}: {counted} more than one class, the first is row {number} ({readable(path)}: "
        f"{', '.join(classes)}). convladder takes one class per image: keep one class in each "
        "row, or leave such rows out. If another column holds the class, give --label-column"
    )
