"""The entries of a zip or tar archive: read, brought into one form, and checked."""

from __future__ import annotations

import lzma
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from convladder.core.errors import DataError
from convladder.data.source import Ignored
from convladder.data.sources.folders.entries import Entry, Kind, LeadsTo

MOST_MEMBERS = 5_000_000
MOST_EXPANSION = 200  # times its own size that an archive may unfold to, from this on
EXPANSION_FROM = 2**30
LONGEST_TARGET = 4096  # bytes of a link, which a zip has as the content of a file

_Member = tuple[Entry, int, str]  # with its size, and what a link in a tar or zip names

BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,  # names that are not in the encoding that they say, too
    OverflowError,
    RuntimeError,
)


def read_entries(path: Path) -> tuple[list[Entry], tuple[Ignored, ...]]:
    """Return the entries of an archive, and those that a later one replaces. Raises DataError."""
    try:
        return _settle(path, _zip_entries(path) if is_zip(path) else _tar_entries(path))
    except BROKEN as error:
        said = isinstance(error, OSError) and error.strerror
        why = said or f"it is damaged or truncated ({error or type(error).__name__})"
        raise DataError(f"cannot read {path}: {why}") from None


def is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


def _settle(path: Path, found: Iterable[_Member]) -> tuple[list[Entry], tuple[Ignored, ...]]:
    """Bring the names into one form and check them; of two members of one name the later counts."""
    entries: dict[str, Entry] = {}
    targets: dict[str, str] = {}
    twice, unfolded = [], 0
    most = max(EXPANSION_FROM, MOST_EXPANSION * path.stat().st_size)
    for number, (entry, size, target) in enumerate(found):
        unfolded += size
        if number >= MOST_MEMBERS or unfolded > most:
            raise DataError(
                f"{path} is not read: it has over {MOST_MEMBERS:,} members, or unpacks to over "
                f"{most:,} bytes"
            )
        name = posixpath.normpath(entry.path)
        if name.startswith(("/", "../")) or name == "..":
            raise DataError(f"{path} names a path outside itself ({entry.path!r}): it is not read")
        if name == ".":
            continue
        if name in entries and entries[name].kind != "folder":
            twice.append(Ignored(name, "replaced later in the archive"))
        entries[name] = replace(entry, path=name)
        if entry.kind == "link":
            targets[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return _aim(entries, targets), tuple(twice)


def _aim(entries: dict[str, Entry], targets: dict[str, str]) -> list[Entry]:
    """Say what each link leads to, as far as that is in the archive too."""
    if not targets:
        return list(entries.values())
    folders = {name for name, entry in entries.items() if entry.kind == "folder"}
    for name in entries:
        parent = posixpath.dirname(name)
        while parent and parent not in folders:
            folders.add(parent)
            parent = posixpath.dirname(parent)
    for name, target in targets.items():
        if entries[name].kind != "link":  # a later member of this name is none
            continue
        above = f"{name}/".startswith(f"{target}/") or target == "."
        leads_to: LeadsTo = "nothing"
        if above or target in folders:
            leads_to = "above" if above else "folder"
        elif target in entries:
            leads_to = "file"
        entries[name] = replace(entries[name], leads_to=leads_to)
    return list(entries.values())


def _zip_entries(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for number, member in enumerate(archive.infolist()):
            name = member.filename
            if "/" not in name:  # some programs on Windows write the other
                name = name.replace("\\", "/")
            link = stat.S_ISLNK(member.external_attr >> 16)
            kind: Kind = "folder" if name.endswith("/") else "link" if link else "file"
            short = link and member.file_size <= LONGEST_TARGET and not member.flag_bits & 1
            target = archive.read(member).decode(errors="surrogateescape") if short else ""
            yield Entry(name, kind, (number,)), member.file_size, target


def _tar_entries(path: Path) -> Iterator[_Member]:
    with tarfile.open(path) as archive:
        for member in archive:
            kind: Kind = "other"
            if member.isdir():
                kind = "folder"
            elif member.issym():
                kind = "link"
            elif member.islnk():
                kind = "hard link"
            elif member.isreg() and not member.issparse():
                kind = "file"
            yield (
                Entry(member.name, kind, (member.offset_data, member.size)),
                member.size,
                member.linkname,
            )
            archive.members = []  # type: ignore[attr-defined]  # it would keep every member that it has seen
        _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise TarError unless a tar ends with zeros where its last member does.

    Python stops without a word at a header that is cut or damaged, and so would lose all that
    follows.
    """
    file = archive.fileobj
    if file is None:
        raise tarfile.ReadError("it is closed")
    file.seek(archive.offset)
    end = file.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("its end is missing")
    while end:
        if end.count(0) < len(end):
            raise tarfile.ReadError("there is data after its end, or a header in it is wrong")
        end = file.read(2**20)
