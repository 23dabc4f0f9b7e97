"""Symbolic links among images: which are followed, how circles end, what is said of others."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from convladder.core.errors import DataError
from convladder.core.formatting import plural
from convladder.data.source import Ignored, Listing, Record
from convladder.data.sources.folders.entries import HARD_LINK, LINK, Entry, LeadsTo, is_image

OPTION = "--follow-links (data.follow_links)"
NEVER = "links in an archive are never followed"
TWICE = "reached twice through links"  # rules by which what is followed is passed over
CIRCLE = "link to a folder that it lies in"
KNOWN = "link to a folder that was already read"
BROKEN = "link that leads nowhere"

_JUNCTION = 0xA0000003  # Windows's link of folders: Python's lstat calls it a folder

Identity = tuple[int, int]  # device and number of a file


def is_link(status: os.stat_result) -> bool:
    """Whether `lstat` told of a link, or of a junction, which is Windows's link of folders."""
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION


class Links:
    """Says what becomes of each link below `root`, one walk long.

    A linked folder is read once for each place that may name a class (the first two parts of a
    path), so that circles end; one that leads to a folder that it lies in is never read.
    """

    def __init__(self, *, follow: bool) -> None:
        self._follow = follow
        self._read: set[tuple[str, Identity]] = set()

    def resolve(self, place: Path, path: str) -> tuple[Entry, os.stat_result | None]:
        """Return the entry of the link at `place`, and its target's status, if it is followed."""
        try:
            status = place.stat()
        # it leads nowhere, in a circle of links, or to where nobody may look
        except (OSError, ValueError):
            return self._broken(path), None
        if stat.S_ISDIR(status.st_mode):
            return self._folder(place, path, status)
        if not self._follow:
            return Entry(path, "link", leads_to="file"), None
        return Entry(path, "file" if stat.S_ISREG(status.st_mode) else "other", linked=True), status

    def _broken(self, path: str) -> Entry:
        if not self._follow:
            return Entry(path, "link", leads_to="nothing")
        if is_image(path):
            return Entry(path, "file", linked=True)  # it will be rejected as missing
        return Entry(path, "link", leads_to="nothing", rule=BROKEN)

    def _folder(
        self, place: Path, path: str, status: os.stat_result
    ) -> tuple[Entry, os.stat_result | None]:
        above = any(_identity_of(folder) == identity(status) for folder in place.parents)
        if not self._follow:
            return Entry(path, "link", leads_to="above" if above else "folder"), None
        if above:
            return Entry(path, "link", leads_to="above", rule=CIRCLE), None
        key = "/".join(path.split("/")[:2]), identity(status)
        if key in self._read:
            return Entry(path, "link", leads_to="file", rule=KNOWN), None
        self._read.add(key)
        return Entry(path, "folder", linked=True), status


def identity(status: os.stat_result) -> Identity:
    """Return what tells a file from all others."""
    return status.st_dev, status.st_ino


def _identity_of(folder: Path) -> Identity | None:
    try:
        return identity(folder.stat())
    except OSError:
        return None


def take_once(
    listing: Listing, entries: Mapping[str, Entry], identities: Mapping[str, Identity]
) -> tuple[Listing, list[str]]:
    """Return the listing with each file once in a class of a split, and notes of those in several.

    The one that no link leads to is kept, else the first. Files that are in several classes or
    splits stay in all of them: they are judged as copies are.
    """
    ordered = sorted(listing.records, key=lambda record: entries[record.path].linked)  # stable
    kept: dict[tuple[int, str, Identity], Record] = {}
    twice: dict[str, Record] = {}
    for record in ordered:
        first = kept.setdefault((record.label, record.split, identities[record.path]), record)
        if first is not record and entries[record.path].linked:
            twice[record.path] = first
    records = tuple(record for record in listing.records if record.path not in twice)
    ignored = tuple(Ignored(path, TWICE) for path in sorted(twice))
    taken = Listing(listing.class_names, records, listing.ignored + ignored)
    return taken, [*_told_of_twice(twice), *_told_of_apart(records, entries, identities)]


def _told_of_twice(twice: Mapping[str, Record]) -> Iterator[str]:
    if twice:
        path, first = next(iter(sorted(twice.items())))
        noun = "file is" if len(twice) == 1 else "files are"
        yield (
            f"{len(twice):,} {noun} reached twice through links and counted once ({path} is "
            f"{first.path})"
        )


def _told_of_apart(
    records: Iterable[Record], entries: Mapping[str, Entry], identities: Mapping[str, Identity]
) -> Iterator[str]:
    places: dict[Identity, Record] = {}
    apart = []
    for record in records:
        first = places.setdefault(identities[record.path], record)
        linked = entries[first.path].linked or entries[record.path].linked
        if linked and (first.label, first.split) != (record.label, record.split):
            apart.append((first.path, record.path))
    if apart:
        noun = "file is" if len(apart) == 1 else "files are"
        yield (
            f"{len(apart):,} {noun} in two classes or splits through links "
            f"({' and '.join(apart[0])}): each is treated as a copy of the other"
        )


def hint(ignored: Mapping[str, int], *, packed: bool) -> str:
    """Say how many links were passed over, and how they can be read; nothing for none."""
    count = ignored.get(LINK, 0) + ignored.get(HARD_LINK, 0)
    if not count:
        return ""
    were = "was" if count == 1 else "were"
    if packed:
        return (
            f"{plural(count, 'link')} {were} not followed: {NEVER}; pack the files themselves "
            "(tar --dereference --hard-dereference)"
        )
    return f"{plural(count, 'symbolic link')} {were} not followed: use {OPTION} to follow them"


@contextlib.contextmanager
def hinting(said: str) -> Iterator[None]:
    """Add what is said of links to a DataError of the block: images may be missing for them."""
    try:
        yield
    except DataError as error:
        if not said or any(known in str(error) for known in (said, OPTION, NEVER)):
            raise
        raise DataError(f"{error}. {said}") from None


def refuse_folder(root: str, path: str, leads_to: LeadsTo, *, packed: bool) -> None:
    """Raise DataError for a link that stands where a folder of a split or of a class would."""
    would = "it would be missing from the data"
    if packed:
        raise DataError(
            f"{path} in {root} is a link to a folder, and {would}: {NEVER}. Pack the files "
            "themselves (tar --dereference)"
        )
    if leads_to == "nothing":
        raise DataError(
            f"{root}/{path} is a link that leads nowhere, and {would}: repair it, or remove it"
        )
    raise DataError(
        f"{root}/{path} is a link to a folder, and {would}: follow links with {OPTION}, or remove "
        "it"
    )
