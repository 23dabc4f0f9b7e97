"""Folders as sources: `dir/<class>/*` and `dir/{train,val,test}/<class>/*`."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.decoding.file_bytes import read_file
from convladder.data.decoding.image_form import Limits
from convladder.data.source import Record, Source
from convladder.data.sources.folders.entries import Entry, Kind, is_image
from convladder.data.sources.folders.layout import lay_out
from convladder.data.sources.folders.links import OPTION, Links, identity, is_link, take_once
from convladder.data.split_names import split_of

LONGEST_NAMED = 500  # characters of a path in a message
MOST_LOOKED_AT = (
    1000  # of what lies in a folder around the one that is given, and in those beside it
)

_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


def open_folder(root: Path, settings: Data, limits: Limits) -> Source:
    """Open a class folder or a split folder. Raises DataError where it is neither."""
    found = list(walk(root, "", follow=settings.follow_links))
    layout = lay_out(str(root), [entry for entry, _ in found], settings, partial(_set_around, root))
    status = {entry.path: of_file for entry, of_file in found}
    listing, notes = layout.listing, list(layout.notes)
    if settings.follow_links:
        entries = {entry.path: entry for entry, _ in found}
        identities = {path: identity(each) for path, each in status.items()}
        listing, told = take_once(listing, entries, identities)
        notes += told
    # what is ignored is not in the bank
    digest = hashlib.sha256(repr(listing.class_names).encode())
    for record in listing.records:
        digest.update(repr((record, *state_of(status[record.path]))).encode())
    return Source(
        name=str(root),
        kind=layout.kind,
        fingerprint=digest.hexdigest(),
        listing=lambda: listing,
        fetch=partial(fetch_file, root, limits),
        at_hand=True,
        notes=tuple(notes),
    )


def _set_around(root: Path) -> str:
    """Return the folder around a folder of images, if others in it hold images, too."""
    if split_of(root.name):
        return ""
    try:
        with os.scandir(root.parent) as scan:
            folders = [
                each.path
                for each in islice(scan, MOST_LOOKED_AT)
                if each.is_dir() and each.name[0] != "."
            ]
    except OSError:
        return ""
    others = (folder for folder in folders if Path(folder) != root)
    return str(root.parent) if any(map(_holds_images, others)) else ""


def _holds_images(folder: str) -> bool:
    try:
        with os.scandir(folder) as scan:
            return any(
                is_image(each.name) and each.is_file() for each in islice(scan, MOST_LOOKED_AT)
            )
    except OSError:
        return False


def state_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes with a file's content, or with who may read it."""
    return status.st_size, status.st_mtime_ns, status.st_mode, status.st_uid


def fetch_file(root: Path, limits: Limits, record: Record) -> bytes:
    """Return the bytes of a regular file below `root`, no other. Raises UnreadableImage."""
    return read_file(root / record.path, limits)


def fetch_within(root: Path, limits: Limits, record: Record, *, follow: bool = False) -> bytes:
    """Do what `fetch_file` does, but follow links out of `root` only if `follow` says so.

    `root` is no link itself. Raises UnreadableImage.
    """
    real = os.path.realpath(root / record.path)
    if not follow and not Path(real).is_relative_to(root):
        raise UnreadableImage(
            "not-a-file", f"it is a link that leads out of {root}: use {OPTION} to follow it"
        )
    if not os.path.lexists(real):
        raise UnreadableImage("missing", f"there is no such file below {root}")
    return fetch_file(root, limits, record)


def walk(
    root: Path, inside: str, *, follow: bool = False, hidden: bool = True
) -> Iterator[tuple[Entry, os.stat_result]]:
    """Yield all that lies below a folder, in the order of names, with what is known of each file.

    Links are followed where `follow` says so; `hidden` says whether hidden folders are entered.
    What is deleted meanwhile is passed over. Raises DataError.
    """
    links = Links(follow=follow)
    top = Entry(inside, "folder")
    waiting = [_scan(root, top, links)]  # a stack, for folders may lie deeper than calls can
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            continue
        yield found
        if found[0].kind == "folder" and (hidden or not found[0].parts[-1].startswith(".")):
            waiting.append(_scan(root, found[0], links))


def _scan(root: Path, inside: Entry, links: Links) -> Iterator[tuple[Entry, os.stat_result]]:
    folder = root / inside.path
    try:
        with os.scandir(folder) as scan:
            found = sorted(each.name for each in scan)
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        raise DataError(f"no permission to read the folder {folder}") from None
    except OSError as error:
        raise DataError(
            f"cannot read the folder {str(folder)[:LONGEST_NAMED]}: {error.strerror}"
        ) from None
    for name in found:
        place = os.path.join(folder, name)  # noqa: PTH118 -- of a million files, pathlib's takes seconds
        try:
            status = os.lstat(place)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"cannot read {place[:LONGEST_NAMED]}: {error.strerror}") from None
        path = f"{inside.path}/{name}" if inside.path else name
        if is_link(status):
            entry, of_target = links.resolve(Path(place), path)
            yield entry, of_target or status
        else:
            yield Entry(path, _kind(status.st_mode), linked=inside.linked), status


def _kind(mode: int) -> Kind:
    return _KINDS.get(stat.S_IFMT(mode), "other")
