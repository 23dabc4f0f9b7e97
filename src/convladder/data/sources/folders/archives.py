"""Zip and tar archives as sources, read in place: nothing is ever extracted to the disk."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.decoding.images import Limits
from convladder.data.source import PACKED, Fetch, Ignored, Listing, Record, Source
from convladder.data.sources.folders.beside import BESIDE, COMPANIONS, HOLDERS
from convladder.data.sources.folders.entries import (
    HARD_LINK,
    LINK,
    TEXT,
    Entry,
    Kind,
    LeadsTo,
    ignore_rule,
)
from convladder.data.sources.folders.file_names import some
from convladder.data.sources.folders.layout import Layout, lay_out
from convladder.data.sources.tables.table_names import (
    are_no_classes,
    may_be_table,
    overruled,
    table_in,
)
from convladder.data.split_names import split_of

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_MEMBERS = 5_000_000
MOST_EXPANSION = 200  # times its own size that an archive may unfold to, from this on
EXPANSION_FROM = 2**30
LONGEST_TARGET = 4096  # bytes of a link, which a zip has as the content of a file
MOST_AROUND = 16  # folders, each alone in the other, around the class folders


_Member = tuple[Entry, int, str]  # with its size, and what a link in a tar or zip names


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


_BROKEN = (
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


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def open_archive(path: Path, settings: Data, limits: Limits) -> Source:
    """Open an archive whose content is laid out as a folder may be; a single folder around it all
    is passed.

    Raises
    ------
    DataError
        It is damaged, names a path outside itself, or would unfold beyond all measure.
    """
    entries, twice = _read_entries(path)
    table = (
        None
        if overruled(settings)
        else table_in(entry.path for entry in entries if entry.kind == "file")
    )
    if table:
        raise DataError(
            f"{path} holds a table with the classes ({table}): extract the archive and give the "
            "folder instead"
        )
    unwrapped, beside = _unwrap(path, entries)
    notes = sorted({each.path.partition("/")[0] for each in beside})
    layout = _lay_out(path, unwrapped, settings, may_be_table(entry.path for entry in entries))
    listing = replace(layout.listing, ignored=(*layout.listing.ignored, *beside, *twice))
    compressed = not _is_zip(path) and _is_compressed(path)
    return Source(
        name=str(path),
        kind=f"{layout.kind}{PACKED}",
        fingerprint=_fingerprint(path, listing),
        listing=lambda: listing,
        fetch=_fetch_from(path, compressed, limits),
        picklable=not compressed,
        at_hand=True,
        in_place_order=compressed,
        notes=(
            *(f"{name!r} lies next to the folder of images and is not read" for name in notes),
            *layout.notes,
        ),
    )


def _lay_out(path: Path, entries: list[Entry], settings: Data, table: str) -> Layout:
    """Lay out the entries. Raises DataError where folders are no classes and no table may be."""
    if not table or overruled(settings):
        return lay_out(str(path), entries, settings, packed=True)
    advice = f"If {table} lists the classes, extract the archive and give the table"
    try:
        layout = lay_out(str(path), entries, settings, packed=True)
    except DataError as error:
        raise DataError(f"{error}. {advice}") from None
    names = layout.listing.class_names
    if len(names) == 1 or are_no_classes(names):
        raise DataError(
            f"{path} has no class folders but {some(names)}. {advice}. To use the folders as "
            "classes, give --class-level top"
        )
    return layout


def open_files(path: Path, limits: Limits) -> tuple[list[Record], Fetch, int]:
    """Return the files of an archive, whatever folders they are in, what fetches them, and the
    number of links.

    They come in the order in which they lie; what `lay_out` passes over is left out. Raises
    DataError.
    """
    entries, _ = _read_entries(path)
    links = sum(
        entry.kind in ("link", "hard link") and "/." not in f"/{entry.path}" for entry in entries
    )
    files = [entry for entry in entries if entry.kind == "file" and ignore_rule(entry) is None]
    records = [
        Record(entry.path, 0, place=entry.place)
        for entry in sorted(files, key=lambda each: each.place)
    ]
    return records, _fetch_from(path, not _is_zip(path) and _is_compressed(path), limits), links


def _read_entries(path: Path) -> tuple[list[Entry], tuple[Ignored, ...]]:
    try:
        return _settle(path, _zip_entries(path) if _is_zip(path) else _tar_entries(path))
    except _BROKEN as error:
        said = isinstance(error, OSError) and error.strerror
        why = said or f"it is damaged or truncated ({error or type(error).__name__})"
        raise DataError(f"cannot read {path}: {why}") from None


def _fetch_from(path: Path, compressed: bool, limits: Limits) -> Fetch:
    fetch = (
        _fetch_from_zip
        if _is_zip(path)
        else _fetch_from_compressed_tar
        if compressed
        else _fetch_from_tar
    )
    return partial(fetch, path, _version(path), limits)


def _version(path: Path) -> str:
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def _fingerprint(path: Path, listing: Listing) -> str:
    """Return what changes with the file, and with how its folders are read."""
    digest = hashlib.sha256(
        f"{_version(path)} {listing.class_names!r}".encode(errors="surrogateescape")
    )
    for record in listing.records:
        digest.update(repr(record).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _is_zip(path: Path) -> bool:
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


def _unwrap(path: Path, entries: list[Entry]) -> tuple[list[Entry], list[Ignored]]:
    """Take away the folder that is around all others, as long as there is one that holds folders
    itself.

    Annotations and masks beside a folder of images are passed over, and returned as such.
    """
    ignored: list[Ignored] = []
    for _ in range(MOST_AROUND):
        top, beside = _around(entries)
        if top is None:
            return entries, ignored
        extras = [each for each in entries if each.path.split("/", 1)[0] in beside]
        ignored += [
            Ignored(each.path, ignore_rule(each) or BESIDE)
            for each in extras
            if each.kind != "folder"
        ]
        entries = [
            replace(entry, path=entry.path.removeprefix(f"{top}/"))
            for entry in entries
            if (entry.path != top or entry.kind != "folder")
            and entry.path.split("/", 1)[0] not in beside
        ]
    raise DataError(
        f"{path} nests its folders over {MOST_AROUND} levels deep: pack the class folders "
        "themselves"
    )


def _around(entries: list[Entry]) -> tuple[str | None, set[str]]:
    """Return the folder that is around all others, or None, and those that are beside it and hold
    no classes.

    Plain files and folders of text may lie beside it, and annotations beside one of images.
    """
    placed = [(ignore_rule(entry), entry, entry.path.split("/", 2)) for entry in entries]
    seen = [
        (parts, entry.kind == "folder" or entry.leads_to == "folder")
        for rule, entry, parts in placed
        if rule is None or rule in (LINK, HARD_LINK)
    ]
    filled = {parts[0] for parts, is_folder in seen if len(parts) > 1 and not is_folder}
    texts = {parts[0] for rule, _, parts in placed if rule == TEXT and len(parts) > 1} - filled
    folders = {parts[0] for parts, is_folder in seen if len(parts) > 1 or is_folder} - texts
    holders = {name for name in folders if name.lower() in HOLDERS}
    beside = folders - holders
    if len(holders) == 1 and all(name.lower() in COMPANIONS for name in beside):
        folders = holders
    else:
        beside = set()
    if len(folders) != 1:
        return None, set()
    (top,) = folders
    below = [(len(parts), is_folder) for parts, is_folder in seen if parts[0] == top]
    holds = any(depth > 2 or (depth == 2 and is_folder) for depth, is_folder in below)
    return (None, set()) if split_of(top) or not holds else (top, beside)


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


def _is_compressed(path: Path) -> bool:
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
    except _BROKEN as error:
        raise UnreadableImage("corrupt", str(error) or type(error).__name__) from None
