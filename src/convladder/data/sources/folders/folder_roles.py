"""Which folders are classes, which are splits, and which are put aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.source import Split
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
from convladder.data.sources.folders.file_names import hint_at_names
from convladder.data.sources.folders.split_folders import (
    inner_splits,
    is_set,
    of_names,
    outer_splits,
)
from convladder.data.sources.folders.tree import Tree

LayoutKind = Literal[
    "class folder", "split folder", "class folder with splits", "names with labels"
]
Words = tuple[str, Split]  # a class and a split


@dataclass(frozen=True)
class FolderRoles:
    """How the folders name classes and splits.

    parents : the folders whose folders are classes.
    name : gives the class and the split of the folders that a file is in, None where they name no
        class.
    """

    kind: LayoutKind
    parents: tuple[str, ...]
    name: Callable[[Sequence[str]], Words | None]


def find_roles(tree: Tree, settings: Data, aside: Aside) -> FolderRoles:
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
        return FolderRoles(
            "split folder", tuple(splits), lambda parts: _in_split(parts, splits, leaf=leaf)
        )
    return _roles_of_classes(tree, names, aside, leaf=leaf)


def _roles_of_classes(tree: Tree, names: list[str], aside: Aside, *, leaf: bool) -> FolderRoles:
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
        return FolderRoles("class folder", ("",), lambda parts: _in_class(parts, leaf=leaf))
    aside.notes.append(f"the folders {quoted(splits)} in the class folders are used as splits")
    parents = ("", *names)
    if leaf:
        return FolderRoles(
            "class folder with splits",
            parents,
            lambda parts: ("/".join(parts[:-1]), splits[parts[-1]]),
        )
    return FolderRoles(
        "class folder with splits", parents, lambda parts: _around_split(parts, splits)
    )


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


def _refuse_detection(tree: Tree, splits: Iterable[str], aside: Aside) -> None:
    """Raise DataError where each split is one folder of images without classes, as for boxes."""
    names = {name for split in splits for name in aside.leave(tree.inside(split), split)}
    if len(names) == 1 and names <= HOLDERS:
        raise DataError(
            f"{tree.root} has split folders with {quoted(names)} and no class folders, as sets "
            "for object detection do: put each class's images in a folder of its own, or give a "
            "table with a path and a label for each image"
        )
