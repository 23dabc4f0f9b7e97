"""Zip and tar archives as sources, read in place: nothing is ever extracted to the disk."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding.image_form import Limits
from convladder.data.source import PACKED, Fetch, Ignored, Listing, Record, Source
from convladder.data.sources.folders.archive_entries import read_entries
from convladder.data.sources.folders.archive_files import fetch_from, is_compressed_tar, version_of
from convladder.data.sources.folders.beside import BESIDE, COMPANIONS, HOLDERS
from convladder.data.sources.folders.entries import HARD_LINK, LINK, TEXT, Entry, ignore_rule
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
MOST_AROUND = 16  # folders, each alone in the other, around the class folders


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def open_archive(path: Path, settings: Data, limits: Limits) -> Source:
    """Open an archive that is laid out as a folder may be; a single folder around it is skipped.

    Raises
    ------
    DataError
        It is damaged, names a path outside itself, or would unfold beyond all measure.
    """
    entries, twice = read_entries(path)
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
    compressed = is_compressed_tar(path)
    return Source(
        name=str(path),
        kind=f"{layout.kind}{PACKED}",
        fingerprint=_fingerprint(path, listing),
        listing=lambda: listing,
        fetch=fetch_from(path, compressed, limits),
        picklable=not compressed,
        at_hand=True,
        in_place_order=compressed,
        notes=(
            *(f"{name!r} lies next to the folder of images and is not read" for name in notes),
            *layout.notes,
        ),
    )


def open_files(path: Path, limits: Limits) -> tuple[list[Record], Fetch, int]:
    """Return an archive's files in whatever folders, what fetches them, and the number of links.

    They come in the order in which they lie; what `lay_out` passes over is left out. Raises
    DataError.
    """
    entries, _ = read_entries(path)
    links = sum(
        entry.kind in ("link", "hard link") and "/." not in f"/{entry.path}" for entry in entries
    )
    files = [entry for entry in entries if entry.kind == "file" and ignore_rule(entry) is None]
    records = [
        Record(entry.path, 0, place=entry.place)
        for entry in sorted(files, key=lambda each: each.place)
    ]
    return records, fetch_from(path, is_compressed_tar(path), limits), links


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


def _fingerprint(path: Path, listing: Listing) -> str:
    """Return what changes with the file, and with how its folders are read."""
    digest = hashlib.sha256(
        f"{version_of(path)} {listing.class_names!r}".encode(errors="surrogateescape")
    )
    for record in listing.records:
        digest.update(repr(record).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _unwrap(path: Path, entries: list[Entry]) -> tuple[list[Entry], list[Ignored]]:
    """Take away the folder around all others, while there is one that holds folders itself.

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
    """Return the folder around all others, or None, and those next to it that hold no classes.

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
