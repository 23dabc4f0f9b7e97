"""What a tree of files means: class folders, split folders of them, and what is passed over by which rule.

The tree may lie on a disk or in an archive. Every entry that is no folder ends as a record or as ignored.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from convladder.data.formats import FORMATS, SUFFIXES
from convladder.data.sources import SPLIT_NAMES, Ignored, Listing, Record, Split
from convladder.errors import DataError

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

_IMAGES = {suffix for name in FORMATS for suffix in SUFFIXES[name]}

Kind = Literal["file", "folder", "link", "hard link", "other"]

_NO_FILES: dict[Kind, str] = {"link": "symbolic link", "hard link": "hard link", "other": "not a regular file"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in a tree: its path below the root with `/`, what it is, and where its content is found."""

    path: str
    kind: Kind = "file"
    place: tuple[int, ...] = ()

    @property
    def parts(self) -> list[str]:
        return self.path.split("/")


@dataclass(frozen=True)
class Layout:
    kind: Literal["class folder", "split folder"]
    listing: Listing


def lay_out(root: str, entries: Iterable[Entry], within: str = "") -> Layout:
    """Read the entries below `root` as class folders or split folders. Raises DataError where they are neither.

    within : the folder that `root` is in, where it could be given in its place.
    """
    seen: list[Entry] = []
    ignored: list[Ignored] = []
    for entry in entries:
        rule = ignore_rule(entry)
        if rule is None:
            seen.append(entry)
        elif entry.kind != "folder":
            ignored.append(Ignored(entry.path, rule))
    tree = _Tree(root, seen)
    _refuse_flat(tree, within, empty=not seen and not ignored)
    splits = tree.splits()
    listing = _list(tree, splits, ignored)
    return Layout("split folder" if splits else "class folder", listing)


def _list(tree: _Tree, splits: dict[str, Split], ignored: list[Ignored]) -> Listing:
    depth = 2 if splits else 1  # of the folders that name classes
    folders = {part: tree.classes(part) for part in splits} if splits else {"": tree.classes("")}
    class_names = name_classes(tree.root, [name for names in folders.values() for name in names])
    label = {name: number for number, name in enumerate(class_names)}
    records = []
    for entry in tree.files:
        parts = entry.path.split("/", depth)
        if len(parts) <= depth:
            ignored.append(Ignored(entry.path, "beside the class folders"))
        else:
            split = splits[parts[0]] if splits else ""
            records.append(Record(entry.path, label[parts[depth - 1]], split, place=entry.place))
    if not records:
        some = ", ".join(class_names[:5])
        raise DataError(f"{tree.root} has class folders ({some}) but no image in any of them")
    return Listing(class_names, tuple(records), tuple(ignored))


class _Tree:
    """The entries that are not ignored: files, sorted by path, and the folders at the first two levels."""

    def __init__(self, root: str, entries: Sequence[Entry]) -> None:
        self.root = root
        self.files = sorted((entry for entry in entries if entry.kind == "file"), key=lambda entry: entry.parts)
        folders = {entry.path for entry in entries if entry.kind == "folder"}
        holders = {entry.path.rpartition("/")[0] for entry in self.files}
        folders |= {parent for holder in holders for parent in _first_two(holder)}
        self._inside: dict[str, list[str]] = {}
        for folder in sorted(folders, key=lambda path: path.split("/")):
            parent, _, name = folder.rpartition("/")
            self._inside.setdefault(parent, []).append(name)

    def inside(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder; "" is the root."""
        return self._inside.get(folder, [])

    def splits(self) -> dict[str, Split]:
        """Return the folders that stand for splits; none where the tree has class folders. Raises DataError."""
        names = [name for name in self.inside("") if self.inside(name)]
        splits = {name: SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES}
        if not splits or "train" not in splits.values():
            if splits and len(splits) == len(names):
                raise DataError(
                    f"{self.root} has {_quoted(splits)} but no 'train' folder: add one, or give one class folder"
                )
            near = [name for name in names if name.lower().startswith("train")]
            if splits and near:
                raise DataError(
                    f"{self.root} has {_quoted(splits)} but no 'train': did you mean {_quoted(near)}? Rename it"
                )
            return {}
        if len(set(splits.values())) < len(splits):
            raise DataError(f"{self.root} has two folders for one split ({_quoted(splits)}): merge them")
        others = [name for name in self.inside("") if name not in splits]
        if others:
            raise DataError(
                f"{self.root} has split folders ({_quoted(splits)}) beside {_quoted(others)}: move one kind away"
            )
        return splits

    def classes(self, folder: str) -> list[str]:
        """Return the class folders in the root or in a split's folder. Raises DataError where there are none."""
        names = self.inside(folder)
        place = f"{self.root}/{folder}" if folder else self.root
        if not names:
            raise DataError(f"{place} has no class folders: {_advice(place)}")
        if len(names) == 1 and not folder and self.inside(names[0]):
            raise DataError(
                f"{self.root} holds one folder that has folders itself: did you mean {self.root}/{names[0]}?"
            )
        return names


def _refuse_flat(tree: _Tree, within: str, *, empty: bool) -> None:
    """Raise DataError where there is no folder."""
    if tree.inside(""):
        return
    if empty:
        raise DataError(f"{tree.root} is empty: it has no class folders and no images")
    pictured = any(suffix_of(entry.path) in _IMAGES for entry in tree.files)
    hint = f" (did you mean {within}, of which this is one class?)" if within and pictured else ""
    holds = (
        f"{tree.root} holds images, but it has no class folders"
        if pictured
        else f"{tree.root} has no class folders"
    )
    raise DataError(f"{holds}{hint}: {_advice(tree.root)}")


def _advice(place: str) -> str:
    return f"put each class's images in a folder of its own, such as {place}/cat/1.jpg"


def _first_two(folder: str) -> list[str]:
    """Return the folders at the first two levels that are a folder or hold it; the root, "", is none."""
    parts = folder.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, min(len(parts), 2) + 1) if folder]


def name_classes(root: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct names in order. Raises DataError where two differ in case or encoding only."""
    distinct = tuple(sorted(set(names)))
    folded: dict[str, str] = {}
    for name in distinct:
        twin = folded.setdefault(fold(name), name)
        if twin != name:
            same_letters = unicodedata.normalize("NFC", twin) == unicodedata.normalize("NFC", name)
            how = "how their accents are encoded" if same_letters else "case"
            raise DataError(
                f"{root} has classes {twin!r} and {name!r}, which differ in {how} only: merge or rename one"
            )
    return distinct


def is_unicode(text: str) -> bool:
    """Whether a text can be written; not where bytes of another encoding were read into it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(name: str) -> str:
    """Return a name that can be written: bytes that are not UTF-8 become escapes, such as `\\xe9`."""
    return name if is_unicode(name) else name.encode(errors="backslashreplace").decode().replace("\\udc", "\\x")


def fold(name: str) -> str:
    """Return what two names share that people, or some file systems, would take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def ignore_rule(entry: Entry) -> str | None:
    """Return why an entry is passed over, whatever it holds; None where it is not."""
    names = entry.path.lower().split("/")
    if "/." in f"/{entry.path}":
        return "hidden"
    if names[-1] in _SYSTEM_FILES or not _SYSTEM_FOLDERS.isdisjoint(names):
        return "system file"
    if entry.kind == "file":
        return "text beside the images" if suffix_of(names[-1]) in _SIDECARS else None
    return _NO_FILES.get(entry.kind)


def suffix_of(path: str) -> str:
    """Return what follows the last dot of a path's name, with the dot, in small letters; nothing of `.name`."""
    name, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return f".{suffix}".lower() if dot and name.strip(".") else ""


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
