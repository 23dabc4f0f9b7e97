"""The cells of a table as texts: of a CSV or TSV file, or of a pandas frame."""

from __future__ import annotations

import codecs
import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from convladder.core.errors import DataError
from convladder.data.source import Ignored

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = {".csv": ",", ".tsv": "\t"}

# a first line that Excel writes and takes
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Cells:
    """The texts of a table; an empty text where a cell has nothing.

    name : for people. numbers : of the rows that hold anything: the lines of a file, the places in
        a frame.
    blank : the numbers of the rows that hold nothing. column : gives the texts of the column at a
        place.
    passed : what else of the file is no row, and by which rule.
    """

    name: str
    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    blank: tuple[int, ...]
    column: Callable[[int], list[str]]
    passed: tuple[Ignored, ...] = ()


def read_cells(path: Path) -> Cells:
    """Read a CSV or TSV file, in UTF-8 or UTF-16 with a byte-order mark. Raises DataError."""
    try:
        with path.open(encoding=encoding_of(path), errors="surrogateescape", newline="") as file:
            return _read(file, path)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"cannot read {path} as a table: {error}") from None


def cells_of(table: pd.DataFrame) -> Cells:
    """Take the cells of a frame; None and NaN are empty ones."""
    empty = table.isna().all(axis=1).to_numpy()
    held = table[~empty]
    return Cells(
        name="the table",
        columns=tuple(str(column) for column in table.columns),
        numbers=tuple((~empty).nonzero()[0].tolist()),
        blank=tuple(empty.nonzero()[0].tolist()),
        column=lambda place: _texts(held.iloc[:, place]),
    )


def cells_of_rows(
    name: str,
    rows: Sequence[tuple[int, Mapping[str, Any]]],
    *,
    passed: tuple[Ignored, ...] = (),
    columns: Sequence[str] | None = None,
) -> Cells:
    """Take the cells of numbered rows, each with the values of its columns, of any kind."""
    names = columns or tuple(dict.fromkeys(str(key) for _, row in rows for key in row))
    texts = [
        (number, {str(key): text_of(value) for key, value in row.items()}) for number, row in rows
    ]
    held = [row for _, row in texts if any(row.values())]
    return Cells(
        name=name,
        columns=tuple(names),
        numbers=tuple(number for number, row in texts if any(row.values())),
        blank=tuple(number for number, row in texts if not any(row.values())),
        column=lambda place: [row.get(names[place], "") for row in held],
        passed=passed,
    )


def text_of(value: Any) -> str:
    """Return a value of a JSON document as a cell; what is no single value as JSON.

    >>> text_of(None), text_of(" cat "), text_of(7), text_of(["cat"])
    ('', 'cat', '7', '["cat"]')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def encoding_of(path: Path) -> str:
    """Return the encoding of a table: UTF-16 where a byte-order mark says so. Raises OSError."""
    with path.open("rb") as file:
        mark = file.read(2)
    return "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _read(file: TextIO, path: Path) -> Cells:
    separator, skipped = _separator(file, path)
    lines = _number(file, separator, skipped)
    heading = [name.strip() for name in next(lines, (0, []))[1]]
    while heading and not heading[-1]:  # every row may end in separators
        heading.pop()
    if not heading:
        raise ValueError(
            "it has no header: the first line must name the columns, such as path,label"
        )
    rows, numbers, blank = [], [], []
    for number, row in lines:
        if not any(row):
            blank.append(number)
            continue
        if any(row[len(heading) :]):
            raise ValueError(
                f"line {number} has {len(row)} cells, but the header names {len(heading)} columns "
                "(put a text that contains the separator in double quotes)"
            )
        rows.append(row)
        numbers.append(number)
    return Cells(
        name=str(path),
        columns=tuple(heading),
        numbers=tuple(numbers),
        blank=tuple(blank),
        column=lambda place: [row[place] if place < len(row) else "" for row in rows],
    )


def _separator(file: TextIO, path: Path) -> tuple[str, int]:
    """Return what separates the cells, also of a .csv, and how many lines say so alone."""
    heading = file.readline()
    said = _SEPARATOR_LINE.fullmatch(heading)
    if said:
        return said[1], 1
    file.seek(0)
    usual = SUFFIXES[path.suffix.lower()]
    return next((each for each in (usual, ";", "\t", ",") if each in heading), usual), 0


def _number(file: TextIO, separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line at which it begins; a line without anything is no row."""
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    before = 0
    for row in reader:
        if row:
            yield skipped + before + 1, [cell.strip() for cell in row]
        before = reader.line_num


def _texts(column: pd.Series[Any]) -> list[str]:
    values: list[Any] = [
        "" if empty else value for value, empty in zip(column, column.isna(), strict=True)
    ]
    if _are_whole(values):  # as pandas holds integers where a cell is empty
        values = [int(value) if isinstance(value, float) else value for value in values]
    return [str(value).strip() for value in values]


def _are_whole(values: Iterable[Any]) -> bool:
    return all(value.is_integer() for value in values if isinstance(value, float))
