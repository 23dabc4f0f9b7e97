"""Folders whose classes a table says: exports of Hugging Face, Roboflow and CVAT.

The table lies in the folder, or one lies in each folder of a split; its paths are relative to where
it lies.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding.image_form import Limits
from convladder.data.source import Source
from convladder.data.sources.folders.class_names import readable
from convladder.data.sources.folders.entries import ignore_rule, is_image
from convladder.data.sources.folders.folder import walk
from convladder.data.sources.tables import table_files
from convladder.data.sources.tables.columns import NoColumn
from convladder.data.sources.tables.cvat import CLASS_LIST
from convladder.data.sources.tables.table_names import (
    CLASSES,
    CVAT_IMAGES,
    CVAT_XML,
    METADATA,
    has_class_folders,
)
from convladder.data.sources.tables.table_source import UNLISTED, Row, Rows, open_rows, rows_of
from convladder.data.split_names import split_of, splits_among


@dataclass(frozen=True)
class Part:
    """A table of a folder: the folder below the root where its paths start, and its split."""

    file: Path
    inside: str = ""
    split: str = ""


def open_tables(root: Path, settings: Data, limits: Limits) -> tuple[Source | None, str]:
    """Open a folder by its tables; None, and why, if it has none or its folders may be classes.

    Raises DataError.
    """
    parts = _find(root)
    if not parts:
        return None, ""
    try:
        tables = [rows_of(table_files.read(part.file), settings) for part in parts]
        rows, beside = (
            _join(str(root), parts, tables),
            images_below(root, follow=settings.follow_links),
        )
        opened = open_rows(rows, str(root), root, limits, beside, follow=settings.follow_links)
    except DataError as error:  # metadata may be captions, and lie beside folders that are classes
        captions = isinstance(error, NoColumn) or has_class_folders(
            list(images_below(root, follow=settings.follow_links))
        )
        if parts[0].file.name not in METADATA or not captions:
            raise
        return None, str(error)
    hidden = _class_folders_beside(opened)
    return (None, f"{_shown(parts[0])} lists {hidden}") if hidden else (opened, "")


def _class_folders_beside(table: Source) -> str:
    """Say of a table which class folders it would hide; nothing where there are none."""
    listing = table.listing()
    listed = [record.path for record in listing.records]
    others = [each.path for each in listing.ignored if each.rule == UNLISTED]
    if has_class_folders(listed) or not has_class_folders(others):
        return ""
    return f"no image of the class folders, such as {readable(others[0])}"


def _find(root: Path) -> list[Part]:
    """Return the tables of a folder, of the first kind that it has."""
    files, folders = _look(root)
    for name in (*METADATA, *CLASSES):
        if name in files:
            return [Part(root / name)]
        of_splits = list(splits_among(folders))
        found = [folder for folder in of_splits if (root / folder / name).is_file()]
        if found:
            return [Part(root / folder / name, folder, folder) for folder in found]
    if not {folder for folder in folders if not folder.startswith(".")} <= {CVAT_IMAGES}:
        return []
    if CVAT_XML in files:
        return [Part(root / CVAT_XML)]
    lists = [name for name in files if name.endswith(".txt") and name != CLASS_LIST]
    if CLASS_LIST not in files:
        return []
    return [Part(root / name, "", _split_of(name)) for name in lists if _is_list(root / name)]


def _look(root: Path) -> tuple[list[str], list[str]]:
    """Return the names of the files and of the folders in a folder."""
    try:
        with os.scandir(root) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return [], []  # who reads it after this says why it cannot be
    folders = [entry.name for entry in entries if entry.is_dir()]
    return [entry.name for entry in entries if entry.is_file()], folders


def _split_of(name: str) -> str:
    word = name.rpartition(".")[0]
    return word if split_of(word) else ""


def _is_list(path: Path) -> bool:
    """Whether a text file has lines of a name and numbers, and is no README."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline().split()
    except (OSError, ValueError):
        return False
    return len(first) > 1 and first[-1].isdecimal()


def _join(name: str, parts: Sequence[Part], tables: Sequence[Rows]) -> Rows:
    """Return the rows of all tables as those of one."""
    rows = [
        _placed(row, part) for part, table in zip(parts, tables, strict=True) for row in table.rows
    ]
    notes = [f"the classes come from {', '.join(readable(_shown(part)) for part in parts)}"]
    notes += dict.fromkeys(note for table in tables for note in table.notes)
    if not any(row.split for row in rows):
        rows, note = _split_by_folder(rows)
        notes += [note] if note else []
    passed = tuple(each for table in tables for each in table.passed)
    return Rows(name, tuple(rows), passed, tuple(notes))


def _placed(row: Row, part: Part) -> Row:
    path = row.path if not part.inside or not row.path else posixpath.join(part.inside, row.path)
    return replace(row, path=path, split=row.split or part.split)


def _split_by_folder(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """Take each path's first folder for its split, if all are split names, and one is train."""
    words = [posixpath.normpath(row.path.replace("\\", "/")).split("/")[0] for row in rows]
    known = splits_among(words)
    if not set(words) <= known.keys() or "train" not in known.values() or len(known) < 2:
        return list(rows), ""
    split = [replace(row, split=word) for row, word in zip(rows, words, strict=True)]
    return split, f"the splits come from the folders {', '.join(sorted(known))}"


def images_below(root: Path, *, follow: bool) -> Iterator[str]:
    """Yield the paths of all that is named as an image below a folder."""
    for entry, _ in walk(root, "", follow=follow):
        if entry.kind == "file" and ignore_rule(entry) is None and is_image(entry.path):
            yield entry.path


def _shown(part: Part) -> str:
    return posixpath.join(part.inside, part.file.name)
