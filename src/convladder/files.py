"""Files that are whole or not there: a temporary neighbour, synced, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically. Undecodable parts of file names survive (surrogateescape)."""
    write_bytes(path, text.encode("utf-8", errors="surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(path)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` if the block ends well, and vanishes if not.

    A folder that stands at `path` by then and has the file `marker` is left as it is: whoever was first has
    won. Raises OSError where anything else stands there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(path)
    temporary.mkdir()
    try:
        yield temporary
        settle(temporary, path, marker)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def settle(temporary: Path, path: Path, marker: str) -> None:
    """Sync a finished folder to the disk and give it its name, as `whole_folder` does."""
    for file in temporary.rglob("*"):
        if file.is_file():
            _sync(file)
    with contextlib.suppress(OSError):
        path.rmdir()  # an empty folder may be replaced; Windows wants it gone first
    try:
        temporary.rename(path)
    except OSError:
        if not (path / marker).is_file():
            raise


def remove_leftovers(folder: Path, older_than: float = 0) -> None:
    """Remove what a killed process left half-written anywhere below a folder.

    Give `older_than`, in seconds, where other processes may be at work in it.
    """
    for leftover in folder.rglob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime < older_than:
                continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _neighbour(path: Path) -> Path:
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")


def _sync(file: Path) -> None:
    with (
        file.open("rb") as opened,
        contextlib.suppress(OSError),
    ):  # Windows syncs only what is open for writing
        os.fsync(opened.fileno())
