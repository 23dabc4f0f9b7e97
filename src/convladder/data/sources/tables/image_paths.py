"""Where the images of a table are, whose paths are no files as they are written.

They may be ids without a suffix (Kaggle, ISIC), addresses, paths on another machine, or what an
annotation tool made of names. An image is then looked for in the table's folder and below it by the
end of its path; one that could be two files is refused, and nothing above that folder is ever
looked at.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from convladder.core.errors import DataError
from convladder.core.formatting import printable
from convladder.data.decoding.formats import reads_suffix
from convladder.data.sources.folders import links
from convladder.data.sources.folders.class_names import readable
from convladder.data.sources.folders.entries import LINK, Entry, suffix_of
from convladder.data.sources.folders.folder import walk

MOST_FILES = 2_000_000  # that are looked at: more are no data set, but a whole disk
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# what Label Studio puts before the name of an uploaded file
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")


@dataclass(frozen=True, slots=True)
class Tail:
    """What an image's path must end in: the last `least` of these parts, or more of them."""

    parts: tuple[str, ...]
    least: int


@dataclass(frozen=True)
class Located:
    """Where each row's image is, below the root; where it is not found, where it would be.

    of_links : what is to be said of links that were passed over, where images are missing.
    """

    places: list[str]
    note: str = ""
    of_links: str = ""


@dataclass
class _Files:
    """The files below a root whose name, with or without suffix, is wanted, by that name."""

    by_name: dict[str, list[str]] = field(default_factory=dict)
    by_stem: dict[str, list[str]] = field(default_factory=dict)
    # what those that a link leads to are
    linked: dict[str, links.Identity] = field(default_factory=dict)
    unlinked: dict[str, links.Identity] = field(default_factory=dict)
    passed_over: int = 0  # links to folders

    def fitting(self, tail: Tail) -> list[str]:
        """Return the files that fit best: the names before those that lack the suffix."""
        found = self.by_name.get(tail.parts[-1]) or self.by_stem.get(tail.parts[-1], [])
        shared = [(_shared(path.split("/")[:-1], tail.parts[:-1]) + 1, path) for path in found]
        most = max((count for count, _ in shared), default=0)
        if most < tail.least:
            return []
        return self._distinct(sorted(path for count, path in shared if count == most))

    def add(self, entry: Entry, identity: links.Identity, wanted: set[str]) -> None:
        """Keep a file if it is wanted."""
        name = entry.parts[-1]
        suffix = suffix_of(name)
        stem = name[: -len(suffix)] if reads_suffix(suffix) and not name.startswith(".") else ""
        if name in wanted:
            self.by_name.setdefault(name, []).append(entry.path)
        if stem in wanted:
            self.by_stem.setdefault(stem, []).append(entry.path)
        if name in wanted or stem in wanted:
            (self.linked if entry.linked else self.unlinked)[entry.path] = identity

    def _distinct(self, paths: Sequence[str]) -> list[str]:
        """Return the paths without those that lead, through links, to a file among them."""
        kept = [path for path in paths if path not in self.linked]
        seen = {self.unlinked[path] for path in kept}
        for path in paths:
            if path in self.linked and self.linked[path] not in seen:
                seen.add(self.linked[path])
                kept.append(path)
        return sorted(kept)


def is_foreign(path: str) -> bool:
    """Whether a path cannot be in the table's folder: an address, or a place on some machine.

    >>> [is_foreign(each) for each in ("https://host/1.jpg", r"C:\\\\1.jpg", "cats/1.jpg")]
    [True, True, False]
    """
    return bool(ADDRESS.match(path)) or has_drive(path) or path.startswith(("/", "\\"))


def has_drive(path: str) -> bool:
    """Whether a path begins as an absolute one of Windows does."""
    return bool(_DRIVE.match(path))


# docs/decisions/087-a-tables-images-are-looked-for-by-name-only-below-it.md
def locate(
    name: str, rows: Sequence[tuple[int, str]], root: Path, *, follow: bool = False
) -> Located:
    """Look for the images of numbered paths below `root`; return no places if none is there.

    Links to folders are followed where `follow` says so. Raises DataError where one may be two
    files, or where two are one file.
    """
    tails = [_tails(path) for _, path in rows]
    files = _find_files(root, {tail.parts[-1] for each in tails for tail in each}, follow=follow)
    of_links = links.hint({LINK: files.passed_over}, packed=False)
    found = [_choose(name, row, each, files, root) for row, each in zip(rows, tails, strict=True)]
    if not any(found):
        return Located([], of_links=of_links)
    _refuse_shared(name, rows, found)
    places = [place or _fallback(each) for place, each in zip(found, tails, strict=True)]
    count = sum(place is not None for place in found)
    path, place = next((row[1], place) for row, place in zip(rows, found, strict=True) if place)
    return Located(
        places,
        f"none of the paths in the table is a file as written: {count:,} of {len(rows):,} were "
        f"found by name below {root} ({_shown(path)} is {_shown(place)})",
        of_links,
    )


def find_named(paths: Sequence[str], images: Iterable[str]) -> list[list[str]]:
    """Return, for each path of a table, those of the images that it may name."""
    tails = [_tails(path) for path in paths]
    wanted = {tail.parts[-1] for each in tails for tail in each}
    files, every = _Files(), set(images)
    for image in sorted(every):
        files.add(Entry(image), (0, 0), wanted)
    return [
        [path] if path in every else next(filter(None, map(files.fitting, each)), [])
        for path, each in zip(paths, tails, strict=True)
    ]


def names_of(path: str) -> set[str]:
    """Return the names that the file of a table's path may have, perhaps without the suffix."""
    return {tail.parts[-1] for tail in _tails(path)}


def _shown(path: str) -> str:
    return printable(readable(path))


def why_foreign(paths: Sequence[str]) -> str:
    """Say what to do with paths that are addresses, or that lie on some other machine."""
    if any(ADDRESS.match(path) for path in paths):
        return (
            "the path is a web address, and convladder does not download images. Download them "
            "into one folder and give it with --image-root (data.image_root): convladder then "
            "finds them by name"
        )
    return (
        "the path is a file on another machine. Copy the images here and give their folder with "
        "--image-root (data.image_root): convladder then finds them by name"
    )


def _tails(path: str) -> list[Tail]:
    """Return what the path of an image may end in, the likeliest first."""
    parts = _parts_of_address(path)
    if parts:
        return [Tail(parts, 1)]
    parts = _parts(path)
    foreign = is_foreign(path) or ".." in path.replace("\\", "/").split("/")
    tails = [Tail(parts, 1 if foreign else len(parts))] if parts else []
    if "/data/upload/" in path and parts:
        bare = _UPLOADED.sub("", unquote(parts[-1]), count=1)
        tails.append(Tail((bare,), 1))
    return tails


def _parts_of_address(path: str) -> tuple[str, ...]:
    """Return the parts of the path in an address, also in one of Label Studio's, if any."""
    try:
        address = urlsplit(path)
    except ValueError:  # such as http://[
        return ()
    served = parse_qs(address.query).get("d", [""])[0] if "/data/local-files/" in path else ""
    if served or not ADDRESS.match(path):
        return _parts(served)
    return _parts(unquote(address.path))


def _parts(path: str) -> tuple[str, ...]:
    path = _DRIVE.sub("/", path, count=1).replace("\\", "/").replace("\0", "")
    return tuple(part for part in path.split("/") if part not in ("", ".", ".."))


def _find_files(root: Path, wanted: set[str], *, follow: bool) -> _Files:
    files, seen = _Files(), 0
    for entry, status in walk(root, "", follow=follow, hidden=False):
        seen += entry.kind != "folder"
        if seen > MOST_FILES:
            raise DataError(
                f"{root} holds over {MOST_FILES:,} files: give the folder of the table's images "
                "with --image-root"
            )
        passed = entry.kind == "link" and entry.rule == LINK
        # whoever reads that one judges it
        if entry.kind == "file" or (passed and entry.leads_to == "file"):
            files.add(entry, links.identity(status), wanted)
        elif passed and entry.leads_to == "folder":
            files.passed_over += 1
    return files


def _shared(path: Sequence[str], wanted: Sequence[str]) -> int:
    """Return how many parts two paths share at their ends."""
    pairs = zip(reversed(path), reversed(wanted), strict=False)
    return next(
        (count for count, (one, other) in enumerate(pairs) if one != other),
        min(len(path), len(wanted)),
    )


def _choose(
    name: str, row: tuple[int, str], tails: Iterable[Tail], files: _Files, root: Path
) -> str | None:
    for tail in tails:
        found = files.fitting(tail)
        if len(found) > 1:
            raise DataError(f"{name}: row {row[0]} ({readable(row[1])}) {_ambiguity(found, root)}")
        if found:
            return found[0]
    return None


def _ambiguity(found: Sequence[str], root: Path) -> str:
    one, other = (readable(each) for each in found[:2])
    more = f", or {len(found) - 2} others" if len(found) > 2 else ""
    if posixpath.dirname(found[0]) == posixpath.dirname(found[1]):
        advice = "write the suffix into the table, or remove one of them"
    else:
        folder = readable(str(root / posixpath.dirname(found[0])))
        advice = (
            f"give the folder that is meant with --image-root (data.image_root), such as {folder}"
        )
    return f"may be {one} or {other}{more}: {advice}"


def _refuse_shared(name: str, rows: Sequence[tuple[int, str]], found: Sequence[str | None]) -> None:
    """Raise DataError where two different paths would be one file."""
    first: dict[str, tuple[int, str]] = {}
    for row, place in zip(rows, found, strict=True):
        if place is None:
            continue
        number, path = first.setdefault(place, row)
        if path != row[1]:
            raise DataError(
                f"{name}: rows {number} ({readable(path)}) and {row[0]} ({readable(row[1])}) "
                f"would both be {readable(place)}: keep the folders of the images as they are in "
                "the table"
            )


def _fallback(tails: Sequence[Tail]) -> str:
    """Return where the image of a path is missing, below the root whatever the path is."""
    return "/".join(tails[0].parts) if tails else "nowhere"
