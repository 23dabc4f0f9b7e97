"""What a tree of files means: folders of classes and of splits, and what is ignored.

The tree may lie on a disk or in an archive. Every entry that is no folder ends as a record or as
ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.source import Ignored, Listing, Record, count_ignored
from convladder.data.sources.folders import links
from convladder.data.sources.folders.beside import Aside, put_text_aside
from convladder.data.sources.folders.class_names import fold, name_classes
from convladder.data.sources.folders.entries import Entry, is_image
from convladder.data.sources.folders.file_names import Named, find_labels, hint_at_names, some
from convladder.data.sources.folders.folder_roles import FolderRoles, LayoutKind, Words, find_roles
from convladder.data.sources.folders.tree import Tree

NO_CLASS = "next to the class folders"  # the rule by which files are passed over


@dataclass(frozen=True)
class Layout:
    """What a tree holds, and what was decided of it, in sentences for people."""

    kind: LayoutKind
    listing: Listing
    notes: tuple[str, ...] = ()


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
        roles = find_roles(tree, settings, aside)
        every = ("*",) if settings.class_level == "leaf" else roles.parents
        _refuse_links(tree, every, packed=packed)
        return _lay_out(tree, roles, aside, settings)


def _lay_out(tree: Tree, roles: FolderRoles, aside: Aside, settings: Data) -> Layout:
    named: list[Named] = []
    ignored = list(tree.ignored)
    known: dict[str, tuple[str | None, Words | None]] = {}  # of each folder
    for entry in tree.files:
        folder = entry.path.rpartition("/")[0]
        if folder not in known:
            known[folder] = _named(folder, roles, aside)
        rule, found = known[folder]
        if found is None:
            ignored.append(Ignored(entry.path, rule or NO_CLASS))
        else:
            named.append((entry, found))
    if settings.class_level == "leaf":
        named = _shorten(named, aside)
        empty: list[str] = []
    else:
        parents = ("",) if roles.kind == "class folder with splits" else roles.parents
        empty = [name for parent in parents for name in aside.leave(tree.inside(parent), parent)]
        if settings.class_level is None:
            _tell_of_level(tree, roles, aside, empty)
    listing = _list(tree.root, named, empty, ignored)
    return Layout(roles.kind, listing, tuple(aside.notes))


def _named(folder: str, roles: FolderRoles, aside: Aside) -> tuple[str | None, Words | None]:
    """Return the rule by which a folder is passed over, or its class and split."""
    if not folder:
        return None, None
    parts = folder.split("/")
    outer = ("/".join(parts[:depth]) for depth in (1, 2))
    rule = next((aside.rules[each] for each in outer if each in aside.rules), None)
    return rule, None if rule else roles.name(parts)


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


def _tell_of_level(tree: Tree, roles: FolderRoles, aside: Aside, classes: Sequence[str]) -> None:
    """Say which folders are taken as classes where there are folders of images in them."""
    if roles.kind == "class folder with splits":
        return
    places = [
        f"{parent}/{name}" if parent else name for parent in roles.parents for name in classes
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
