"""Parquet files as sources: images and labels in the columns of one file, or of a folder of them.

Files are read forwards, a page at a time, so that a set may be far larger than the memory.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.source import Ignored, Listing, Record, Source
from convladder.data.sources.arrow_columns import (
    Columns,
    Part,
    Row,
    find_columns,
    import_extra,
    list_rows,
    read_rows,
)
from convladder.data.sources.folders.entries import ignore_rule
from convladder.data.sources.folders.folder import walk
from convladder.data.split_names import split_of, splits_among

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SUFFIX = ".parquet"
ROWS_READ = 32  # at a time
# without these, Arrow reads all that a row group has of a column, and some files are one row group
STREAMED = {"buffer_size": 2**20, "pre_buffer": False}


@dataclass(frozen=True)
class Shards:
    """The files of a set: their paths below `root`, and what was passed over beside them."""

    root: Path
    paths: tuple[str, ...]
    ignored: tuple[Ignored, ...] = ()

    def state(self) -> list[tuple[str, int, int]]:
        """Return what changes with the files: paths, sizes and times."""
        statuses = [(path, (self.root / path).stat()) for path in self.paths]
        return [(path, status.st_size, status.st_mtime_ns) for path, status in statuses]


def find_shards(root: Path, *, follow: bool = False) -> Shards | None:
    """Return the Parquet files in a folder; None where it has other data, or has none of them.

    Raises
    ------
    DataError
        They lie in several folders, and not one a split: they would be several sets.
    """
    paths, ignored = [], []
    for entry, _ in walk(root, "", follow=follow):
        rule = ignore_rule(entry)
        if entry.kind == "folder":
            continue
        if rule is not None:
            ignored.append(Ignored(entry.path, rule))
        elif entry.path.lower().endswith(SUFFIX):
            paths.append(entry.path)
        else:
            return None
    homes = sorted({_home(PurePosixPath(path)) for path in paths})
    if len(homes) > 1:
        raise DataError(
            f"{root} has Parquet files in {', '.join(map(repr, homes))}: give one of these folders"
        )
    return Shards(root, tuple(paths), tuple(ignored)) if paths else None


def open_parquet(name: str, shards: Shards, settings: Data) -> Source:
    """Open Parquet files that hold images and labels; `name` is for people. Raises DataError."""
    import_extra("pyarrow.parquet")
    table = ParquetSet(name, shards, settings)
    asked = (settings.label_column, settings.split_column, settings.group_column)
    version = repr((shards.state(), shards.ignored, asked))
    return Source(
        name=name,
        kind="parquet",
        fingerprint=hashlib.sha256(version.encode(errors="surrogateescape")).hexdigest(),
        listing=cache(table.listing),
        fetch=table.fetch,
        picklable=False,
        in_place_order=True,
    )


class ParquetSet:
    """Images in Parquet files; the place of one is the number of its file and of its row."""

    def __init__(self, name: str, shards: Shards, settings: Data) -> None:
        self._name, self._shards, self._settings = name, shards, settings
        self._reader: _Reader | None = None

    def listing(self) -> Listing:
        """Return what the columns beside the images say. Raises DataError."""
        rows: list[Row] = []
        class_names: list[str] = []
        words = _split_words(self._shards.paths)
        for number, (path, word) in enumerate(zip(self._shards.paths, words, strict=True)):
            table, columns = self._read_words(self._shards.root / path)
            rows += read_rows(Part(number, path, word), table, columns)
            class_names += columns.class_names or ()
        return list_rows(self._name, rows, class_names, self._shards.ignored)

    def fetch(self, record: Record) -> bytes:
        """Return the bytes of an image. Raises UnreadableImage."""
        number, row = record.place
        try:
            if self._reader is None or self._reader.number != number:
                self._reader = self._open(number)
            cell = self._reader.read(row)
        except (OSError, ValueError, LookupError, _arrow_error()) as error:
            self._reader = None
            raise UnreadableImage(
                "corrupt", f"the Parquet file cannot be read there: {error}"
            ) from None
        return content_of(cell)

    def _read_words(self, file: Path) -> tuple[pa.Table, Columns]:
        try:
            with import_extra("pyarrow.parquet").ParquetFile(file) as opened:
                columns = find_columns(opened.schema_arrow, str(file), self._settings)
                return opened.read(columns=columns.but_images()), columns
        except (OSError, ValueError, LookupError, _arrow_error()) as error:
            raise DataError(f"cannot read {file}: {error}") from None

    def _open(self, number: int) -> _Reader:
        path = self._shards.root / self._shards.paths[number]
        file = import_extra("pyarrow.parquet").ParquetFile(path, **STREAMED)
        return _Reader(
            number, file, find_columns(file.schema_arrow, str(path), self._settings).image
        )


class _Reader:
    """Gives the cells of a column; a step back begins the row group anew."""

    def __init__(self, number: int, file: pq.ParquetFile, column: str) -> None:
        self.number = number
        self._file, self._column = file, column
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self._starts = list(accumulate(sizes, initial=0))
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._group, self._start, self._end = -1, 0, 0  # the rows of the batch at hand
        self._batch: Any = None

    def read(self, row: int) -> Any:
        """Return what a row has in the column. Raises LookupError, or what Arrow raises."""
        group = bisect_right(self._starts, row) - 1
        if group != self._group or row < self._start:
            options = {"row_groups": [group], "columns": [self._column], "batch_size": ROWS_READ}
            self._batches = self._file.iter_batches(**options, use_threads=False)
            self._group, self._start, self._end = group, self._starts[group], self._starts[group]
        while row >= self._end:
            self._batch = next(self._batches, None)
            if self._batch is None:
                raise LookupError(f"there is no row {row}")
            self._start, self._end = self._end, self._end + self._batch.num_rows
        return self._batch.column(0)[row - self._start].as_py()


def content_of(cell: Any) -> bytes:
    """Return the bytes in a cell: bytes, or a struct that has them. Raises UnreadableImage."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if data is None:
        path = cell.get("path") if isinstance(cell, dict) else None
        raise UnreadableImage(
            "missing", f"the row has a path ({path}) but no bytes" if path else "no image"
        )
    return bytes(data)


def _arrow_error() -> type[Exception]:
    error: type[Exception] = import_extra("pyarrow").ArrowException
    return error


def _home(path: PurePosixPath) -> str:
    """Return the folder that a set lies in: its files may be in a folder for each split."""
    folder = path.parent
    return str(folder.parent if split_of(folder.name) else folder)


def _split_words(paths: Sequence[str]) -> list[str]:
    """Return which split the name of each file or folder tells; nothing where none does."""
    words = [_split_word(PurePosixPath(path)) for path in paths]
    return words if splits_among(words) else [""] * len(words)


def _split_word(path: PurePosixPath) -> str:
    words = re.split(r"[-_.]", path.name.lower())
    return next(iter(splits_among([*words, path.parent.name.lower()])), words[0])
