"""Folders as sources: `dir/<class>/*` and `dir/{train,val,test}/<class>/*`."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from convladder.data.images import Limits
from convladder.data.layout import Entry, Kind, lay_out
from convladder.data.sources import Record, Source
from convladder.errors import DataError, UnreadableImage


def open_folder(root: Path, limits: Limits) -> Source:
    """Open a class folder or a split folder. Raises DataError where it is neither."""
    found = dict(walk(root, ""))
    layout = lay_out(str(root), found)
    status = {entry.path: found[entry] for entry in found}
    digest = hashlib.sha256(repr((layout.listing.class_names, layout.listing.ignored)).encode())
    for record in layout.listing.records:
        of_file = status[record.path]
        digest.update(repr((record, of_file.st_size, of_file.st_mtime_ns)).encode())
    return Source(
        name=str(root),
        kind=layout.kind,
        fingerprint=digest.hexdigest(),
        listing=lambda: layout.listing,
        fetch=partial(fetch_file, root, limits),
    )


def fetch_file(root: Path, limits: Limits, record: Record) -> bytes:
    """Return the bytes of a regular file below `root`; nothing else is opened. Raises UnreadableImage."""
    return read_file(root / record.path, limits)


def read_file(path: Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file. Raises UnreadableImage."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not-a-file", "it is no regular file")
        if status.st_size > limits.bytes:
            raise UnreadableImage("too-large", f"over {limits.bytes:,} bytes (data.max_bytes)")
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableImage("missing", "there is no such file") from None
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        raise UnreadableImage("unreadable", getattr(error, "strerror", None) or str(error)) from None


def walk(root: Path, inside: str) -> Iterator[tuple[Entry, os.stat_result]]:
    """Yield all that lies below a folder, in the order of names; links are not followed."""
    folder = root / inside
    try:
        with os.scandir(folder) as scan:
            found = sorted(scan, key=lambda each: each.name)
    except PermissionError:
        raise DataError(f"no permission to read the folder {folder}") from None
    for each in found:
        path = f"{inside}/{each.name}" if inside else each.name
        status = each.stat(follow_symlinks=False)
        entry = Entry(path, _kind(status.st_mode))
        yield entry, status
        if entry.kind == "folder":
            yield from walk(root, path)


def _kind(mode: int) -> Kind:
    kinds: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")
