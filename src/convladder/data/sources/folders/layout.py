"""What a tree of files means: class folders, folders of splits around or in them, and what is
passed over.

The tree may lie on a disk or in an archive. Every entry that is no folder ends as a record or as
ignored.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.source import Ignored, Listing, Record, Split, count_ignored
from convladder.data.sources.folders import links
from convladder.data.sources.folders.beside import (
    HOLDERS,
    Aside,
    put_companions_aside,
    put_copies_aside,
    put_extras_aside,
    put_text_aside,
    quoted,
    refuse_bare,
)
from convladder.data.sources.folders.entries import Entry, is_image
from convladder.data.sources.folders.file_names import Named, find_labels, hint_at_names, some
from convladder.data.sources.folders.split_folders import (
    inner_splits,
    is_set,
    of_names,
    outer_splits,
)
from convladder.data.sources.folders.tree import Tree

NO_CLASS = "next to the class folders"  # the rule by which files are passed over

LayoutKind = Literal[
    "class folder", "split folder", "class folder with splits", "names with labels"
]
Words = tuple[str, Split]  # a class and a split


@dataclass(frozen=True)
class Layout:
    """What a tree holds, and what was decided of it, in sentences for people."""

    kind: LayoutKind
    listing: Listing
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Order:
    """How the folders name classes and splits.

    parents : the folders whose folders are classes.
    name : gives the class and the split of the folders that a file is in, None where they name no
        class.
    """

    kind: LayoutKind
    parents: tuple[str, ...]
    name: Callable[[Sequence[str]], Words | None]


# docs/decisions/086-folders-name-classes-by-a-list-of-entries-alone.md
def lay_out(
    root: str,
    entries: Iterable[Entry],
    settings: Data | None = None,
    within: Callable[[], str] = str,
    *,
    packed: bool = False,
) -> Layout:
    """Read the entries below `root` as images of classes. Raises DataError where they are none.

    within : gives the folder of which `root` may be one class; empty where there is none.
    packed : whether this is an archive.
    """
    settings = settings or Data()
    tree = Tree(root, entries)
    with links.hinting(links.hint(count_ignored(tree.ignored), packed=packed)):
        if settings.label_pattern is not None:
            _refuse_links(tree, ("*",), packed=packed)
            named, ignored, notes = find_labels(tree, settings.label_pattern)
            return Layout("names with labels", _list(root, named, (), ignored), tuple(notes))
        _refuse_links(tree, ("",), packed=packed)
        _refuse_flat(tree, within)
        aside = Aside()
        put_text_aside(tree, aside)
        order = _order(tree, settings, aside)
        every = ("*",) if settings.class_level == "leaf" else order.parents
        _refuse_links(tree, every, packed=packed)
        return _lay_out(tree, order, aside, settings)


def _order(tree: Tree, settings: Data, aside: Aside) -> _Order:
    """Decide which folders are splits or classes; put others aside. Raises DataError."""
    names = aside.leave(tree.inside(""))
    splits = outer_splits(tree, names, hint_at_names)
    leaf = settings.class_level == "leaf"
    if splits:
        others = [name for name in names if name not in splits]
        unknown = put_extras_aside(tree, splits, others, aside)
        if unknown:
            raise DataError(
                f"{tree.root} has split folders ({quoted(splits)}) next to {quoted(unknown)}: "
                "move one kind away"
            )
        if "train" not in splits.values():
            aside.notes.append(
                f"there is no 'train' folder ({quoted(splits)}): these images can be used to "
                "test, but not to train"
            )
        for split in splits:
            put_text_aside(tree, aside, split)
        _refuse_detection(tree, splits, aside)
        return _Order(
            "split folder", tuple(splits), lambda parts: _in_split(parts, splits, leaf=leaf)
        )
    return _order_of_classes(tree, names, aside, leaf=leaf)


def _order_of_classes(tree: Tree, names: list[str], aside: Aside, *, leaf: bool) -> _Order:
    holder = put_companions_aside(names, aside)
    refuse_bare(tree, holder, aside)
    put_copies_aside(tree, names, names, aside)
    names = aside.leave(names)
    if len(names) == 1 and tree.inside(names[0]) and (not leaf or is_set(tree, names[0])):
        beside = f" (next to {quoted(aside.rules)})" if holder and aside.rules else ""
        raise DataError(
            f"{tree.root} holds one folder, which holds folders itself{beside}: did you mean "
            f"{tree.root}/{names[0]}?"
        )
    said = hint_at_names(sorted(tree.paths_below(names[0]))) if len(names) == 1 else ""
    if said:
        raise DataError(f"{tree.root} has one class folder only ({names[0]!r}): {said}")
    splits = _leaf_splits(tree, aside) if leaf else inner_splits(tree, names)
    if not splits:
        _tell_of_words(names, aside)
        return _Order("class folder", ("",), lambda parts: _in_class(parts, leaf=leaf))
    aside.notes.append(f"the folders {quoted(splits)} in the class folders are used as splits")
    parents = ("", *names)
    if leaf:
        return _Order(
            "class folder with splits",
            parents,
            lambda parts: ("/".join(parts[:-1]), splits[parts[-1]]),
        )
    return _Order("class folder with splits", parents, lambda parts: _around_split(parts, splits))


def _in_split(parts: Sequence[str], splits: dict[str, Split], *, leaf: bool) -> Words | None:
    found = _in_class(parts[1:], leaf=leaf)
    return found and (found[0], splits[parts[0]])


def _in_class(parts: Sequence[str], *, leaf: bool) -> Words | None:
    if not parts:
        return None
    return ("/".join(parts) if leaf else parts[0]), ""


def _around_split(parts: Sequence[str], splits: dict[str, Split]) -> Words | None:
    return (parts[0], splits[parts[1]]) if len(parts) > 1 else None


def _leaf_splits(tree: Tree, aside: Aside) -> dict[str, Split]:
    """Return the folders of images in class folders, where all are named for splits."""
    holders = {entry.path.rpartition("/")[0] for entry in tree.files}
    holders = {folder for folder in holders if folder.split("/")[0] not in aside.rules}
    splits = of_names({folder.rpartition("/")[2] for folder in holders})
    every = all("/" in folder and folder.rpartition("/")[2] in splits for folder in holders)
    return splits if every and "train" in splits.values() else {}


def _tell_of_words(names: Sequence[str], aside: Aside) -> None:
    words = of_names(names)
    if words and len(words) < len(names):
        verb = "is a class" if len(words) == 1 else "are classes"
        aside.notes.append(
            f"{quoted(words)} {verb} here, next to other class folders, and not a split"
        )


def _lay_out(tree: Tree, order: _Order, aside: Aside, settings: Data) -> Layout:
    named: list[Named] = []
    ignored = list(tree.ignored)
    known: dict[str, tuple[str | None, Words | None]] = {}  # of each folder
    for entry in tree.files:
        folder = entry.path.rpartition("/")[0]
        if folder not in known:
            known[folder] = _named(folder, order, aside)
        rule, found = known[folder]
        if found is None:
            ignored.append(Ignored(entry.path, rule or NO_CLASS))
        else:
            named.append((entry, found))
    if settings.class_level == "leaf":
        named = _shorten(named, aside)
        empty: list[str] = []
    else:
        parents = ("",) if order.kind == "class folder with splits" else order.parents
        empty = [name for parent in parents for name in aside.leave(tree.inside(parent), parent)]
        if settings.class_level is None:
            _tell_of_level(tree, order, aside, empty)
    listing = _list(tree.root, named, empty, ignored)
    return Layout(order.kind, listing, tuple(aside.notes))


def _named(folder: str, order: _Order, aside: Aside) -> tuple[str | None, Words | None]:
    """Return the rule by which a folder is passed over, or its class and split."""
    if not folder:
        return None, None
    parts = folder.split("/")
    outer = ("/".join(parts[:depth]) for depth in (1, 2))
    rule = next((aside.rules[each] for each in outer if each in aside.rules), None)
    return rule, None if rule else order.name(parts)


def _shorten(named: list[Named], aside: Aside) -> list[Named]:
    """Call classes by the folder of their images, unless two folders would be one class."""
    paths = {name for _, (name, _) in named}
    short = {path: path.rpartition("/")[2] for path in paths}
    twins: dict[str, str] = {}
    for path in sorted(paths):
        if twins.setdefault(fold(short[path]), path) != path:
            first = twins[fold(short[path])]
            aside.notes.append(
                f"classes are named by their paths, because {first} and {path} end alike"
            )
            return named
    return [(entry, (short[name], split)) for entry, (name, split) in named]


def _tell_of_level(tree: Tree, order: _Order, aside: Aside, classes: Sequence[str]) -> None:
    """Say which folders are taken as classes where there are folders of images in them."""
    if order.kind == "class folder with splits":
        return
    places = [
        f"{parent}/{name}" if parent else name for parent in order.parents for name in classes
    ]
    inner = {
        each
        for place in places
        for each in tree.inside(place)
        if tree.files_below(f"{place}/{each}")
    }
    if inner:
        outer = sorted(set(classes))
        aside.notes.append(
            f"the outer folders are used as classes ({some(outer)}), not those inside them "
            f"({some(inner)}). To use the folders that hold the images, give --class-level leaf "
            "(data.class_level)"
        )


def _list(
    root: str, named: Sequence[Named], empty: Iterable[str], ignored: Sequence[Ignored]
) -> Listing:
    class_names = name_classes(root, [*empty, *(name for _, (name, _) in named)])
    label = {name: number for number, name in enumerate(class_names)}
    records = [
        Record(entry.path, label[name], split, place=entry.place) for entry, (name, split) in named
    ]
    if not records:
        raise DataError(
            f"{root} has class folders ({some(class_names)}) but no image in any of them"
        )
    return Listing(class_names, tuple(records), tuple(ignored))


def _refuse_links(tree: Tree, parents: Iterable[str], *, packed: bool) -> None:
    """Raise DataError where an unfollowed link stands for a folder in one of these; `*` is any."""
    wanted = set(parents)
    for entry in tree.links:
        parent = entry.path.rpartition("/")[0]
        folder = entry.leads_to == "folder" or (
            entry.leads_to == "nothing" and "." not in entry.parts[-1]
        )
        if folder and (parent in wanted or "*" in wanted):
            links.refuse_folder(tree.root, entry.path, entry.leads_to, packed=packed)


def _refuse_detection(tree: Tree, splits: Iterable[str], aside: Aside) -> None:
    """Raise DataError where each split is one folder of images without classes, as for boxes."""
    names = {name for split in splits for name in aside.leave(tree.inside(split), split)}
    if len(names) == 1 and names <= HOLDERS:
        raise DataError(
            f"{tree.root} has split folders with {quoted(names)} and no class folders, as sets "
            "for object detection do: put each class's images in a folder of its own, or give a "
            "table with a path and a label for each image"
        )


def _refuse_flat(tree: Tree, within: Callable[[], str]) -> None:
    """Raise DataError where there is no folder."""
    if tree.inside(""):
        return
    if tree.is_empty:
        raise DataError(f"{tree.root} is empty: it has no class folders and no images")
    pictured = [entry.path for entry in tree.files if is_image(entry.path)]
    if not pictured:
        raise DataError(f"{tree.root} has no class folders: {_advice(tree.root)}")
    said = hint_at_names(pictured)
    if said:
        raise DataError(f"{tree.root} holds images, but it has no class folders: {said}")
    around = within()
    meant = f" (did you mean {around}, of which this is one class?)" if around else ""
    raise DataError(
        f"{tree.root} holds images, but it has no class folders{meant}: {_advice(tree.root)}"
    )


def _advice(place: str) -> str:
    return f"put each class's images in a folder of its own, such as {place}/cat/1.jpg"


def name_classes(root: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return distinct names in order. Raises DataError where two differ in case or encoding."""
    distinct = tuple(sorted(set(names)))
    folded: dict[str, str] = {}
    for name in distinct:
        twin = folded.setdefault(fold(name), name)
        if twin != name:
            same_letters = unicodedata.normalize("NFC", twin) == unicodedata.normalize("NFC", name)
            how = "the encoding of their accents" if same_letters else "case"
            raise DataError(
                f"{root} has classes {twin!r} and {name!r}, which differ only in {how}: merge "
                "them or rename one"
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
    """Return a name that can be written: bytes that are not UTF-8 are escaped, as `\\xe9`."""
    return (
        name
        if is_unicode(name)
        else name.encode(errors="backslashreplace").decode().replace("\\udc", "\\x")
    )


def fold(name: str) -> str:
    """Return what two names share that people, or some file systems, would take for one."""
    return unicodedata.normalize("NFC", name).casefold()
