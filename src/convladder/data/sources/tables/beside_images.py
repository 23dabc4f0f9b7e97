"""Tables that lie with folders of images and say other classes: a person must choose."""

from __future__ import annotations

import logging
import os
import posixpath
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.source import Listing
from convladder.data.sources.folders.class_names import readable
from convladder.data.sources.folders.entries import is_image
from convladder.data.sources.folders.file_names import some
from convladder.data.sources.tables import image_paths, table_files
from convladder.data.sources.tables.cells import Cells
from convladder.data.sources.tables.columns import find_column
from convladder.data.sources.tables.table_folders import images_below
from convladder.data.sources.tables.table_names import CLASSES, METADATA, are_no_classes
from convladder.data.sources.tables.table_source import Row, rows_of

_logger = logging.getLogger(__name__)

LARGEST = 2**27  # bytes: what is larger would take long to read, and is seldom a table of classes
MOST_FOLDERS = 20  # in which tables are looked for, too
SAMPLE = 200  # cells of a column that are looked at
LEAST_SHARE = 0.1  # of the cells, which name images


@dataclass(frozen=True)
class Table:
    """A table that names images of a folder.

    labels : the class that it says of each image. unsure : the images that share a row with
        another.
    options : what is to be given with it. why_not : why it says no classes as it is.
    """

    file: Path
    labels: Mapping[str, str]
    unsure: frozenset[str]
    options: str = ""
    why_not: str = ""

    @property
    def name(self) -> str:
        return readable(self.file.name)

    @property
    def given(self) -> str:
        """The table as an argument, with its options."""
        return readable(shlex.quote(str(self.file)) + self.options)


def find_tables(root: Path, settings: Data, *, metadata: bool) -> list[Table]:
    """Return the tables in a folder, and in those in it, that name images there.

    metadata : whether those count that a folder is read by, too; else they were tried.
    """
    files = [file for file in _files(root) if metadata or file.name not in (*METADATA, *CLASSES)]
    read = [(file, cells) for file in files if (cells := _cells(file))]
    if not read:
        return []
    images = list(images_below(root, follow=settings.follow_links))
    found = [_table(file, cells, root, images, settings) for file, cells in read]
    return [table for table in found if table]


def refuse_hidden(root: Path, tables: Sequence[Table], listing: Listing) -> None:
    """Raise DataError where tables say other classes than the folders that were listed."""
    names = listing.class_names
    folders = {record.path: names[record.label] for record in listing.records}
    if len(names) < 2 or are_no_classes(names):
        refuse_unread(root, tables, folders)
        return
    others = [table for table in tables if not table.why_not and not _agree(_sure(table), folders)]
    if others:
        raise DataError(
            f"{root} has folders that may be classes ({some(names)}), but {others[0].name} gives "
            f"other classes for these images. Give {_either(others)} to read the table, or "
            "--class-level top (data.class_level) to use the folders"
        )


def refuse_unread(
    root: Path, tables: Sequence[Table], folders: Mapping[str, str] | None = None
) -> None:
    """Raise DataError where the folders are no classes, and tables say some.

    folders : the folder of each image; those that the images lie in where it is not given.
    """
    others = [
        table for table in tables if not _agree(table.labels, folders or _holders(table.labels))
    ]
    if others:
        raise DataError(
            f"{root} has no class folders, but {others[0].name} gives the classes of its images. "
            f"Did you mean {_either(others)}?"
        )
    unclear = [table for table in tables if table.why_not]
    if unclear:
        table = unclear[0]
        raise DataError(
            f"{root} has no class folders, but {table.name} names its images. Did you mean "
            f"{table.given}? It is not clear yet which column holds the classes: {table.why_not}"
        )


def _agree(labels: Mapping[str, str], folders: Mapping[str, str]) -> bool:
    """Whether the classes of a table are those of the folders, perhaps in other words."""
    pairs = {(folders[image], label) for image, label in labels.items() if image in folders}
    return len({folder for folder, _ in pairs}) == len(pairs) == len({label for _, label in pairs})


def _sure(table: Table) -> dict[str, str]:
    return {image: label for image, label in table.labels.items() if image not in table.unsure}


def _holders(images: Iterable[str]) -> dict[str, str]:
    return {image: image.rpartition("/")[0].rpartition("/")[2] for image in images}


def _either(tables: Sequence[Table]) -> str:
    return " or ".join(table.given for table in tables)


def _files(root: Path) -> Iterator[Path]:
    """Yield the files that may be tables."""
    files, folders = _look(root)
    yield from files
    for folder in folders if len(folders) <= MOST_FOLDERS else ():
        yield from _look(folder)[0]


def _look(folder: Path) -> tuple[list[Path], list[Path]]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(
                (each for each in scan if not each.name.startswith(".")), key=lambda each: each.name
            )
    except OSError:
        return [], []  # who reads it after this says why it cannot be
    named = [each for each in entries if each.name.lower().endswith(table_files.SUFFIXES)]
    files = [Path(each.path) for each in named if each.is_file() and each.stat().st_size <= LARGEST]
    return files, [Path(each.path) for each in entries if each.is_dir(follow_symlinks=False)]


def _cells(file: Path) -> Cells | None:
    try:
        return table_files.read(file)
    except DataError as error:
        _logger.debug("%s is not looked at (%s)", file, error)
        return None


def _table(
    file: Path, cells: Cells, root: Path, images: Sequence[str], settings: Data
) -> Table | None:
    """Return a table that names images; None where it is none, or names but one class."""
    try:
        column, usual = _column_of_paths(cells, images, settings)
    except DataError as error:
        _logger.debug("%s is not looked at (%s)", file, error)
        return None
    if column is None:
        return None
    options = "" if usual else f" --path-column {shlex.quote(column)}"
    try:
        rows = rows_of(cells, settings.model_copy(update={"path_column": column})).rows
    except DataError as error:
        return Table(file, {}, frozenset(), options, str(error))
    return _labelled(Table(file, {}, frozenset(), options), rows, root, images)


def _labelled(table: Table, rows: Sequence[Row], root: Path, images: Sequence[str]) -> Table | None:
    """Return a table with the classes of its folder's images, or of all; None for one class."""
    file = table.file
    paths, inside = [row.path for row in rows], file.parent.relative_to(root).as_posix()
    near = [_from(inside, found) for found in image_paths.find_named(paths, _below(inside, images))]
    named = near if any(near) else image_paths.find_named(paths, images)
    labels = {image: row.label for row, found in zip(rows, named, strict=True) for image in found}
    if len(set(labels.values())) < 2:
        return None
    unsure = frozenset(image for found in named if len(found) > 1 for image in found)
    place = _place(file.stem, named) or ("" if any(near) else ".")
    of_place = f" --image-root {shlex.quote(str(root / place))}" if place else ""
    return replace(table, labels=labels, unsure=unsure, options=table.options + of_place)


def _below(inside: str, images: Sequence[str]) -> list[str]:
    """Return the images in a folder, by their paths from there."""
    if inside == ".":
        return list(images)
    return [image.removeprefix(f"{inside}/") for image in images if image.startswith(f"{inside}/")]


def _from(inside: str, images: Iterable[str]) -> list[str]:
    return [posixpath.normpath(f"{inside}/{image}") for image in images]


def _column_of_paths(
    cells: Cells, images: Sequence[str], settings: Data
) -> tuple[str | None, bool]:
    """Return the column that names images, if any, and whether it is found without its name.

    A column of no usual name counts only where it has the whole names of files. Raises DataError.
    """
    names = {image.rpartition("/")[2] for image in images}
    usual = find_column(cells.columns, cells.name, "path", settings.path_column)
    if usual is not None and _names(
        cells, usual, names | {name.rpartition(".")[0] for name in names}
    ):
        return usual, True
    whole = {name for name in names if is_image(name)}
    return next((column for column in cells.columns if _names(cells, column, whole)), None), False


def _names(cells: Cells, column: str, names: set[str]) -> bool:
    texts = [text for text in cells.column(cells.columns.index(column)) if text]
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    hits = sum(not names.isdisjoint(image_paths.names_of(text)) for text in sample)
    return hits > 0 and hits >= LEAST_SHARE * len(sample)


def _place(stem: str, named: Sequence[Sequence[str]]) -> str:
    """Return the folder with one image of each row, where several folders have alike names.

    Of several such folders the one that is called as the table; none where that does not tell.
    """
    if all(len(found) < 2 for found in named):
        return ""
    tops = [{image.split("/")[0] for image in found if "/" in image} for found in named if found]
    shared = sorted(set.intersection(*tops))
    alike = [name for name in shared if name.lower().startswith(stem.lower())]
    return next((each[0] for each in (shared, alike) if len(each) == 1), "")
