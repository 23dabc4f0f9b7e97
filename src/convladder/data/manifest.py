"""Tables as sources: `path,label[,split][,group]`, in a CSV or TSV file or a pandas frame.

Every row ends as a record or as ignored; a row whose file is missing is a record that will be rejected.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from convladder.config import Data
from convladder.data.folder import fetch_file
from convladder.data.images import Limits
from convladder.data.layout import name_classes
from convladder.data.sources import SPLIT_NAMES, Ignored, Listing, Record, Source, Split
from convladder.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = {".csv": ",", ".tsv": "\t"}
MOST_NAMED = 10  # rows in a message
USUAL_NAMES = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    "label": ("label", "class", "class_name", "category", "target"),
    "split": ("split", "set", "subset", "partition"),
    "group": ("group", "group_id"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; `number` is for people: the line of a file without line breaks in its cells."""

    number: int
    path: str
    label: str
    split: str
    group: str


def open_manifest(path: Path, settings: Data, limits: Limits) -> Source:
    """Open a CSV or TSV file whose paths are relative to it, or to `image_root`. Raises DataError."""
    root = Path(settings.image_root).expanduser() if settings.image_root else path.parent
    return open_table(_read(path), str(path), root.resolve(), settings, limits)


def open_table(table: pd.DataFrame, name: str, root: Path, settings: Data, limits: Limits) -> Source:
    """Open a frame of paths and labels; `name` is for people. Raises DataError."""
    listing = _list(_rows(table, name, settings), name, root)
    digest = hashlib.sha256(repr(listing).encode(errors="surrogateescape"))
    for record in listing.records:
        digest.update(_state(root / record.path).encode())
    return Source(
        name=name,
        kind="table",
        fingerprint=digest.hexdigest(),
        listing=lambda: listing,
        fetch=partial(fetch_file, root, limits),
    )


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
            path,
            sep=_separator(path),
            dtype=object,  # Arrow's text cannot hold file names that are not UTF-8
            keep_default_na=False,
            encoding="utf-8-sig",
            encoding_errors="surrogateescape",
            skipinitialspace=True,
        )
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path} as a table: {error}") from None


def _separator(path: Path) -> str:
    """Return what separates the cells: a table named .csv may use semicolons or tabs."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        heading = file.readline()
    usual = SUFFIXES[path.suffix.lower()]
    return next((each for each in (usual, ";", "\t", ",") if each in heading), usual)


def _rows(table: pd.DataFrame, name: str, settings: Data) -> list[Row]:
    names = [str(column) for column in table.columns]
    columns = {
        "path": find_column(names, name, "path", settings.path_column, needed=True),
        "label": find_column(names, name, "label", settings.label_column, needed=True),
        "split": find_column(names, name, "split", settings.split_column),
        "group": find_column(names, name, "group", settings.group_column),
    }
    cells = [
        [str(value).strip() for value in table[column]] if column else [""] * len(table)
        for column in columns.values()
    ]
    return [Row(number, *row) for number, row in enumerate(zip(*cells, strict=True), start=2)]


def find_column(
    columns: Sequence[str], name: str, role: str, wanted: str | None, *, needed: bool = False
) -> str | None:
    """Return the column for a role: the wanted one, or one of a usual name, in any case. Raises DataError."""
    if wanted is not None:
        if wanted not in columns:
            raise DataError(f"{name} has no column {wanted!r}: it has {', '.join(map(repr, columns))}")
        return wanted
    lowered = {column.strip().lower(): column for column in reversed(columns)}
    found = next((lowered[usual] for usual in USUAL_NAMES[role] if usual in lowered), None)
    if found is None and needed:
        raise DataError(
            f"{name} has no column for the {role} (it has {', '.join(map(repr, columns))}): "
            f"name one {role!r}, or give --{role}-column"
        )
    return found


def _list(rows: Sequence[Row], name: str, root: Path) -> Listing:
    if not rows:
        raise DataError(f"{name} has no rows")
    _refuse(name, [row for row in rows if not row.path or not row.label], "have no path or no label")
    placed = {row.number: _place(row.path, root) for row in rows}
    outside = [row for row in rows if placed[row.number] is None]
    _refuse(name, outside, f"lead out of {root} (give --image-root if the images lie elsewhere)")
    class_names = name_classes(name, (row.label for row in rows))
    label = {each: number for number, each in enumerate(class_names)}
    splits = _splits(name, rows)
    records: dict[str, Record] = {}
    ignored, conflicts = [], []
    for row, split in zip(rows, splits, strict=True):
        record = Record(placed[row.number] or "", label[row.label], split, row.group)
        earlier = records.setdefault(record.path, record)
        if earlier is record:
            continue
        if (earlier.label, earlier.split, earlier.group) == (record.label, split, row.group):
            ignored.append(Ignored(f"{record.path} (row {row.number})", "row given twice"))
        else:
            conflicts.append(row)
    _refuse(name, conflicts, "name a file again with another label, split or group")
    return Listing(class_names, tuple(records.values()), tuple(ignored))


def _splits(name: str, rows: Sequence[Row]) -> list[Split]:
    """Return each row's split; empty where none of the rows has one. Raises DataError."""
    if not any(row.split for row in rows):
        return [""] * len(rows)
    unknown = [row for row in rows if row.split.lower() not in SPLIT_NAMES]
    _refuse(name, unknown, f"have no known split (known are {', '.join(SPLIT_NAMES)})")
    splits = [SPLIT_NAMES[row.split.lower()] for row in rows]
    if "train" not in splits:
        raise DataError(f"{name} has splits but none is 'train': add one, or leave the column out")
    return splits


def _place(path: str, root: Path) -> str | None:
    """Return the path below `root`, with `/`; None where it leads out of it."""
    if "\\" in path and not (root / path).exists():
        path = path.replace("\\", "/")  # as a table written on Windows has it
    if path.startswith("/") or Path(path).is_absolute():
        if not PurePosixPath(path).is_relative_to(root.as_posix()):
            return None
        path = PurePosixPath(path).relative_to(root.as_posix()).as_posix()
    normal = posixpath.normpath(path)
    return None if normal == ".." or normal.startswith("../") else normal


def _refuse(name: str, rows: Sequence[Row], what: str) -> None:
    if rows:
        listed = ", ".join(f"{row.number} ({row.path or row.label or 'empty'})" for row in rows[:MOST_NAMED])
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        raise DataError(f"{name}: rows {listed}{more} {what}")


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"
