"""Files that are tables, told by their suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from convladder.core.errors import DataError
from convladder.data.sources.tables import cells, cvat, json_tables
from convladder.data.sources.tables.cells import Cells

_READERS: dict[str, Callable[[Path], Cells]] = {
    **dict.fromkeys(cells.SUFFIXES, cells.read_cells),
    **dict.fromkeys(json_tables.LINES, json_tables.read_lines),
    **dict.fromkeys(json_tables.DOCUMENTS, json_tables.read_document),
    ".xml": cvat.read_xml,
    ".txt": cvat.read_list,
}
SUFFIXES = tuple(_READERS)


def read(path: Path) -> Cells:
    """Read a file that ends in one of SUFFIXES as a table. Raises DataError."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path} is not a table: expected a file that ends in {', '.join(SUFFIXES)}"
        )
    return reader(path)
