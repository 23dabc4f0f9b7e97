"""Folders as sources: `dir/<class>/*` and `dir/{train,val,test}/<class>/*`."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from convladder.data.images import Header, ImageForm, Pixels, decode, read_header
from convladder.data.sources import SPLIT_NAMES, Listing, Record, Source, Split
from convladder.errors import DataError, UnreadableImage

MAX_BYTES = 256 * 2**20
HEADERS_READ = 200

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "icon\r"}
_SYSTEM_FOLDERS = {"__macosx", "@eadir"}
_SIDECARS = {
    ".txt",
    ".md",
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".xml",
    ".yaml",
    ".yml",
    ".html",
    ".py",
    ".ipynb",
}


@dataclass(frozen=True)
class _Entry:
    """A file that may be an image: its path below the root, size and time."""

    path: str
    size: int
    modified: int


def open_folder(root: Path) -> Source:
    """Open a class folder or a split folder. Raises DataError where it is neither."""
    ignored: Counter[str] = Counter()
    splits = _split_folders(root)
    if splits:
        parts = [(split, _classes(root, folder, ignored)) for folder, split in splits.items()]
    else:
        parts = [("", _classes(root, root, ignored))]
    class_names = _class_names(root, [name for _, folders in parts for name in folders])
    records, digest = [], hashlib.sha256()
    for split, folders in parts:
        for name, folder in folders.items():
            for entry in sorted(_entries(root, folder, ignored), key=lambda entry: entry.path):
                records.append(Record(entry.path, class_names.index(name), split))
                digest.update(repr((entry.path, entry.size, entry.modified, name, split)).encode())
    _refuse_empty_classes(root, class_names, records)
    listing = Listing(class_names, tuple(records), dict(ignored))
    return Source(
        name=str(root),
        kind="split folder" if splits else "class folder",
        fingerprint=digest.hexdigest(),
        listing=lambda: listing,
        read=partial(_read, root),
        headers=lambda: _headers(root, listing.records),
    )


def _split_folders(root: Path) -> dict[Path, Split]:
    names = [entry for entry in sorted(_folders(root)) if _holds_folders(entry)]
    splits = {entry: SPLIT_NAMES[entry.name.lower()] for entry in names if entry.name.lower() in SPLIT_NAMES}
    if not splits or "train" not in splits.values():
        if splits and len(splits) == len(names):
            raise DataError(
                f"{root} has {_names(splits)} but no 'train' folder: add one, or give one class folder"
            )
        return {}
    if len(set(splits.values())) < len(splits):
        raise DataError(f"{root} has two folders for one split ({_names(splits)}): merge them")
    others = [entry for entry in _folders(root) if entry not in splits]
    if others:
        raise DataError(f"{root} has split folders ({_names(splits)}) beside {_names(others)}: move one kind away")
    return splits


def _classes(root: Path, folder: Path, ignored: Counter[str]) -> dict[str, Path]:
    for entry in _scan(folder):
        rule = _ignore_rule(entry) or ("beside the class folders" if entry.is_file() else None)
        if rule:
            ignored[rule] += 1
    classes = {entry.name: entry for entry in sorted(_folders(folder))}
    if not classes:
        raise DataError(f"{folder} has no class folders: put each class's images in a folder of its own, "
                        f"such as {folder / 'cat' / '1.jpg'}")  # fmt: skip
    if len(classes) == 1 and folder == root:
        (only,) = classes.values()
        if _holds_folders(only):
            raise DataError(f"{root} holds one folder that has folders itself: did you mean {only}?")
    return classes


def _class_names(root: Path, names: list[str]) -> tuple[str, ...]:
    distinct = tuple(sorted(set(names)))
    folded: dict[str, str] = {}
    for name in distinct:
        twin = folded.setdefault(name.casefold(), name)
        if twin != name:
            raise DataError(
                f"{root} has classes {twin!r} and {name!r}, which differ in case only: merge or rename one"
            )
    return distinct


def _refuse_empty_classes(root: Path, class_names: tuple[str, ...], records: list[Record]) -> None:
    counts = Counter(record.label for record in records)
    if not records:
        raise DataError(f"{root} has class folders ({', '.join(class_names[:5])}) but no image in any of them")
    empty = [name for label, name in enumerate(class_names) if not counts[label]]
    if empty:
        raise DataError(f"{root} has no image of class {empty[0]!r}: add images, or remove the folder")


def _entries(root: Path, folder: Path, ignored: Counter[str]) -> Iterator[_Entry]:
    for entry in _scan(folder):
        rule = _ignore_rule(entry)
        if rule:
            ignored[rule] += 1
        elif entry.is_dir(follow_symlinks=False):
            yield from _entries(root, Path(entry.path), ignored)
        else:
            status = entry.stat(follow_symlinks=False)
            path = Path(entry.path).relative_to(root).as_posix()
            yield _Entry(path, status.st_size, status.st_mtime_ns)


def _ignore_rule(entry: os.DirEntry[str]) -> str | None:
    name = entry.name.lower()
    is_file, is_folder = entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False)
    rules = {
        "hidden": name.startswith("."),
        "system file": name in _SYSTEM_FILES or name in _SYSTEM_FOLDERS,
        "symbolic link": entry.is_symlink(),
        "not a regular file": not (is_file or is_folder),
        "text beside the images": is_file and Path(name).suffix in _SIDECARS,
    }
    return next((rule for rule, applies in rules.items() if applies), None)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except PermissionError:
        raise DataError(f"no permission to read the folder {folder}") from None


def _folders(folder: Path) -> list[Path]:
    entries = [entry for entry in _scan(folder) if entry.is_dir(follow_symlinks=False)]
    return [Path(entry.path) for entry in entries if _ignore_rule(entry) is None]


def _holds_folders(folder: Path) -> bool:
    return bool(_folders(folder))


def _names(paths: list[Path] | dict[Path, Split]) -> str:
    return ", ".join(repr(path.name) for path in sorted(paths))


def _read_bytes(root: Path, record: Record) -> bytes:
    path = root / record.path
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImage("too-large", f"over {MAX_BYTES // 2**20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage("unreadable", error.strerror or str(error)) from None


def _read(root: Path, record: Record, form: ImageForm) -> Pixels:
    return decode(_read_bytes(root, record), form)


def _headers(root: Path, records: tuple[Record, ...]) -> list[Header]:
    headers = []
    for record in records[:: max(1, len(records) // HEADERS_READ)]:
        try:
            headers.append(read_header(_read_bytes(root, record)))
        except UnreadableImage:
            continue
    return headers
