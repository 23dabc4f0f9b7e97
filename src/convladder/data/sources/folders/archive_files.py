"""What fetches the bytes of a file in a zip or tar archive, wherever in it that lies."""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

from convladder.core.errors import UnreadableImage
from convladder.data.decoding.image_form import Limits
from convladder.data.source import Fetch, Record
from convladder.data.sources.folders.archive_entries import BROKEN, is_zip


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def fetch_from(path: Path, compressed: bool, limits: Limits) -> Fetch:
    """Return what fetches a record of an archive; `compressed` says that it is a compressed tar."""
    fetch = (
        _fetch_from_zip
        if is_zip(path)
        else _fetch_from_compressed_tar
        if compressed
        else _fetch_from_tar
    )
    return partial(fetch, path, version_of(path), limits)


def version_of(path: Path) -> str:
    """Return what changes with the file."""
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def is_compressed_tar(path: Path) -> bool:
    """Whether an archive can only be read in its order."""
    if is_zip(path):
        return False
    with contextlib.suppress(tarfile.TarError), tarfile.open(path, "r:"):
        return False
    return True


@lru_cache(maxsize=1)
def _opened_zip(path: Path, version: str) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    del version  # a file that was changed is opened anew
    archive = zipfile.ZipFile(path)
    return archive, archive.infolist()


@lru_cache(maxsize=1)
def _opened_tar(path: Path, version: str) -> tarfile.TarFile:
    del version
    return tarfile.open(path)


def _fetch_from_zip(path: Path, version: str, limits: Limits, record: Record) -> bytes:
    with _rejecting():
        archive, members = _opened_zip(path, version)
        (number,) = record.place
        if members[number].flag_bits & 1:
            raise UnreadableImage("encrypted", "it needs a password")
        with archive.open(members[number]) as file:
            # the size that is written there may be a lie
            return _read(file, limits.bytes + 1, limits)


def _fetch_from_tar(path: Path, version: str, limits: Limits, record: Record) -> bytes:
    del version
    offset, size = record.place
    with _rejecting(), path.open("rb") as file:
        file.seek(offset)
        return _read(file, size, limits)


def _fetch_from_compressed_tar(path: Path, version: str, limits: Limits, record: Record) -> bytes:
    offset, size = record.place
    with _rejecting():
        file = _opened_tar(path, version).fileobj
        if file is None:
            raise UnreadableImage("unreadable", "the archive is closed")
        file.seek(offset)
        return _read(file, size, limits)


def _read(file: _Readable, size: int, limits: Limits) -> bytes:
    data = file.read(min(size, limits.bytes + 1))
    if len(data) > limits.bytes:
        raise UnreadableImage("too-large", f"over {limits.bytes:,} bytes (data.max_bytes)")
    return data


@contextlib.contextmanager
def _rejecting() -> Iterator[None]:
    try:
        yield
    except NotImplementedError as error:
        raise UnreadableImage("unsupported", str(error)) from None
    except BROKEN as error:
        raise UnreadableImage("corrupt", str(error) or type(error).__name__) from None
