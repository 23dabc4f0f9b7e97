"""Tables as sources: `path,label[,split][,group]`, in a CSV or TSV file or a pandas frame.

Every row ends as a record or as ignored; a row whose file is missing is a record that will be rejected.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from convladder.config import Data
from convladder.data.cells import Cells, cells_of, read_cells
from convladder.data.folder import fetch_within, state_of
from convladder.data.images import Limits
from convladder.data.layout import is_unicode, name_classes, readable
from convladder.data.sources import SPLIT_NAMES, Ignored, Listing, Record, Source, Split
from convladder.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 10  # rows in a message
SAVE_AS_UTF8 = "save the table as 'CSV UTF-8'"
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
    ),
    "label": ("label", "class", "class_name", "category", "target"),
    "split": ("split", "set", "subset", "partition"),
    "group": ("group", "group_id"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; `number` is for people: the line of a file, the place in a frame."""

    number: int
    path: str
    label: str
    split: str
    group: str


def open_manifest(path: Path, settings: Data, limits: Limits) -> Source:
    """Open a CSV or TSV file whose paths are relative to it, or to `image_root`. Raises DataError."""
    root = Path(settings.image_root).expanduser() if settings.image_root else path.parent
    return _open(read_cells(path), str(path), root.resolve(), settings, limits)


def open_table(table: pd.DataFrame, name: str, root: Path, settings: Data, limits: Limits) -> Source:
    """Open a frame of paths and labels; `name` is the source's. Raises DataError."""
    return _open(cells_of(table), name, root.resolve(), settings, limits)


def _open(cells: Cells, name: str, root: Path, settings: Data, limits: Limits) -> Source:
    listing = _list(_rows(cells, settings), cells, root)
    states = [_state(root / record.path) for record in listing.records]
    if not any(states):
        raise DataError(
            f"{cells.name}: none of its files is below {root}, such as {readable(listing.records[0].path)}: "
            "give the folder where the paths start with --image-root (data.image_root)"
        )
    digest = hashlib.sha256(repr((str(root), listing, states)).encode(errors="surrogateescape"))
    return Source(
        name=name,
        kind="table",
        fingerprint=digest.hexdigest(),
        listing=lambda: listing,
        fetch=partial(fetch_within, root, limits),
        at_hand=True,
    )


def _rows(cells: Cells, settings: Data) -> list[Row]:
    strange = [column for column in cells.columns if not is_unicode(column)]
    if strange:
        raise DataError(f"{cells.name}: the column name {readable(strange[0])} is not UTF-8: {SAVE_AS_UTF8}")
    wanted = {
        "path": settings.path_column,
        "label": settings.label_column,
        "split": settings.split_column,
        "group": settings.group_column,
    }
    texts = []
    for role, name in wanted.items():
        column = find_column(cells.columns, cells.name, role, name, needed=role in ("path", "label"))
        texts.append([""] * len(cells.numbers) if column is None else cells.column(cells.columns.index(column)))
    return [Row(*row) for row in zip(cells.numbers, *texts, strict=True)]


def find_column(
    columns: Sequence[str], name: str, role: str, wanted: str | None, *, needed: bool = False
) -> str | None:
    """Return the column for a role: the wanted one, or one of a usual name, in any case. Raises DataError."""
    if wanted is not None:
        if wanted not in columns:
            raise DataError(f"{name} has no column {wanted!r}: it has {', '.join(map(repr, columns))}")
        return wanted
    lowered = {column.strip().lower().replace(" ", "_"): column for column in reversed(columns)}
    found = next((lowered[usual] for usual in USUAL_NAMES[role] if usual in lowered), None)
    if found is None and needed:
        raise DataError(
            f"{name} has no column for the {role} (it has {', '.join(map(repr, columns))}): "
            f"name one {role!r}, or give --{role}-column (data.{role}_column)"
        )
    return found


def _list(rows: Sequence[Row], cells: Cells, root: Path) -> Listing:
    name = cells.name
    if not rows:
        raise DataError(f"{name} has no rows")
    _refuse_texts(name, rows, root)
    placed = [_place(row.path, root) for row in rows]
    outside = [row for row, place in zip(rows, placed, strict=True) if place is None]
    where = f"the path leads out of {root} (give --image-root (data.image_root) if the images lie elsewhere)"
    _refuse(name, outside, where)
    class_names = name_classes(name, (row.label for row in rows))
    label = {each: number for number, each in enumerate(class_names)}
    records: dict[str, Record] = {}
    first: dict[str, Row] = {}
    again = []
    for row, place, split in zip(rows, placed, _splits(name, rows), strict=True):
        record = Record(place or "", label[row.label], split, row.group)
        if records.setdefault(record.path, record) is record:
            first[record.path] = row
        elif records[record.path] == record:
            again.append(Ignored(f"{record.path} (row {row.number})", "row given twice"))
        else:
            raise DataError(f"{name}: {_contradiction(row, first[record.path])}")
    blank = [Ignored(f"row {number}", "empty row") for number in cells.blank]
    return Listing(class_names, tuple(records.values()), (*again, *blank))


def _refuse_texts(name: str, rows: Sequence[Row], root: Path) -> None:
    """Raise DataError where a row lacks its path or label, or holds what is no text."""
    for what in ("path", "label"):
        _refuse(name, [row for row in rows if not getattr(row, what)], f"the {what} is missing")
    for what in ("label", "split", "group"):
        strange = [row for row in rows if not is_unicode(getattr(row, what))]
        _refuse(name, strange, f"the {what} is not UTF-8: {SAVE_AS_UTF8}")
    _refuse(name, [row for row in rows if "\0" in row.path], "the path holds a null byte")
    strange = [row for row in rows if not is_unicode(row.path) and not _state(root / row.path)]
    _refuse(name, strange, f"the path is not UTF-8, and there is no file of these very bytes: {SAVE_AS_UTF8}")


def _contradiction(row: Row, earlier: Row) -> str:
    """Say in what two rows of one file differ; two words for one split do not."""
    pairs = {what: (getattr(row, what), getattr(earlier, what)) for what in ("label", "split", "group")}
    what = next(
        what
        for what, (now, then) in pairs.items()
        if (SPLIT_NAMES.get(now.lower()) != SPLIT_NAMES.get(then.lower()) if what == "split" else now != then)
    )
    now, then = pairs[what]
    return (
        f"row {row.number} ({readable(row.path)}): the {what} is {now!r}, but {then!r} in row {earlier.number}: "
        "leave one of them out"
    )


def _splits(name: str, rows: Sequence[Row]) -> list[Split]:
    """Return each row's split; empty where none of the rows has one. Raises DataError."""
    if not any(row.split for row in rows):
        return [""] * len(rows)
    unknown = [row for row in rows if row.split.lower() not in SPLIT_NAMES]
    _refuse(name, unknown, f"no known split (known are {', '.join(SPLIT_NAMES)})")
    splits = [SPLIT_NAMES[row.split.lower()] for row in rows]
    if "train" not in splits:
        raise DataError(f"{name} has splits but none is 'train': add one, or leave the column out")
    return splits


def _place(path: str, root: Path) -> str | None:
    """Return the path below `root`, with `/`; None where it leads out of it."""
    if "\\" in path and not (root / path).exists():
        path = path.replace("\\", "/")  # as a table written on Windows has it
    if path.startswith("/") or Path(path).is_absolute():
        below = _below(path, root) or _below(
            posixpath.join(_real(posixpath.dirname(path)), path.split("/")[-1]), root
        )
        if below is None:
            return None
        path = below
    normal = posixpath.normpath(path)
    return None if normal == ".." or normal.startswith("../") else normal


def _below(path: str, root: Path) -> str | None:
    whole = PurePosixPath(path)
    return whole.relative_to(root.as_posix()).as_posix() if whole.is_relative_to(root.as_posix()) else None


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    """Return where a folder is; on macOS, /tmp is a link."""
    return Path(os.path.realpath(folder)).as_posix()


def _refuse(name: str, rows: Sequence[Row], what: str) -> None:
    if rows:
        noun = "row" if len(rows) == 1 else "rows"
        listed = ", ".join(
            f"{row.number} ({readable(row.path or row.label) or 'empty'})" for row in rows[:MOST_NAMED]
        )
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        raise DataError(f"{name}: {noun} {listed}{more}: {what}")


def _state(path: Path) -> str:
    """Return what changes with a file; nothing where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return repr(state_of(status))
