"""Tables in JSON: an object a line (JSON lines), or a document of objects, as of Label Studio."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convladder.core.errors import DataError
from convladder.data.sources.tables import label_studio
from convladder.data.sources.tables.cells import Cells, cells_of_rows, encoding_of

LINES, DOCUMENTS = (".jsonl", ".ndjson"), (".json",)
EXPECTED = (
    'a list of objects such as [{"path": "1.jpg", "label": "cat"}], or what Label Studio exports'
)


def read_lines(path: Path) -> Cells:
    """Read an object a line; the numbers of rows are those of lines. Raises DataError."""
    rows: list[tuple[int, Mapping[str, Any]]] = []
    try:
        with path.open(encoding=encoding_of(path), errors="surrogateescape") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    rows.append((number, _object(line, number)))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path} as a table of JSON lines: {error}") from None
    return _cells(path, rows)


def read_document(path: Path) -> Cells:
    """Read a document: a list of objects, columns, labels by path, or Label Studio's tasks.

    Raises DataError.
    """
    try:
        text = path.read_text(encoding=encoding_of(path), errors="surrogateescape")
        value = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path} as a table in JSON: {error}") from None
    if label_studio.is_task(value):
        value = [value]
    rows = _objects(value)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path} is not a table in JSON: expected {EXPECTED}")
    return _cells(path, list(enumerate(rows, start=1)))


def _cells(path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Cells:
    if not rows or not all(label_studio.is_task(row) for _, row in rows):
        return cells_of_rows(str(path), rows)
    answered, passed = label_studio.rows_of(rows)
    if not answered:
        raise DataError(
            f"{path} has {len(rows):,} tasks of Label Studio, and none has a choice: convladder "
            "classifies whole images, so label them with <Choices>"
        )
    return cells_of_rows(str(path), answered, passed=tuple(passed))


def _object(line: str, number: int) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(
            f'line {number} is not an object such as {{"path": "1.jpg", "label": "cat"}}'
        )
    return value


def _objects(value: Any) -> list[Any]:
    """Return the rows of a document, however it has them; none where it has none."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not value:
        return []
    columns = list(value.values())
    if (
        all(isinstance(column, list) for column in columns)
        and len({len(column) for column in columns}) == 1
    ):
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if all(isinstance(column, dict) for column in columns):  # as pandas writes a frame
        return [{name: column.get(key) for name, column in value.items()} for key in columns[0]]
    if all(isinstance(label, str | int) for label in columns):
        return [{"path": path, "label": label} for path, label in value.items()]
    return []
