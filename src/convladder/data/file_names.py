"""Classes that are in the names of files, such as `cat.12.jpg`, and not in folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from convladder.data.entries import Entry
from convladder.data.sources import Ignored, Split
from convladder.data.split_folders import of_names
from convladder.data.tree import Tree
from convladder.errors import DataError
from convladder.wording import plural

NO_LABEL = "no label in its path"
NUMBERED = r"([^/]+?)[ _.-]*\d+\.\w+$"  # cat.12.jpg, great_pyrenees_7.jpg: the class and a number
MOST_NAMED = 5

Named = tuple[Entry, tuple[str, Split]]  # a file with its class and split


def find_labels(tree: Tree, pattern: str) -> tuple[list[Named], list[Ignored], list[str]]:
    """Read the class of each file from its path, and its split from the outermost folder.

    Returns the files that have one, those passed over, and notes. The outermost folders are splits where all of
    them are named so. Raises DataError where no path has a label.
    """
    compiled = re.compile(pattern)
    splits = of_names({entry.parts[0] for entry in tree.files if "/" in entry.path})
    if any(entry.parts[0] not in splits for entry in tree.files) or "train" not in splits.values():
        splits = {}
    named: list[Named] = []
    left_out = []
    for entry in tree.files:
        match = compiled.search(entry.path)
        name = (match.group(1) if compiled.groups else match.group()) if match else None
        if name:
            named.append((entry, (name, splits.get(entry.parts[0], ""))))
        else:
            left_out.append(Ignored(entry.path, NO_LABEL))
    if not named:
        first = f", such as {tree.files[0].path!r}" if tree.files else ""
        raise DataError(f"{tree.root}: the label pattern {pattern!r} is found in no path{first}")
    notes = []
    if left_out:
        count, first = plural(len(left_out), "file"), left_out[0].path
        notes.append(f"{count} left out: the label pattern finds nothing in the path, such as {first}")
    return named, [*tree.ignored, *left_out], notes


def hint(paths: Sequence[str]) -> str:
    """Say how classes that are in the names of files may be read; nothing where the names do not look so."""
    found = [match.group(1) if (match := re.search(NUMBERED, path)) else "" for path in paths]
    prefixes = set(found)
    if "" in prefixes or not 1 < len(prefixes) <= len(paths) / 2:
        return ""
    return (
        f"are the classes in the names of the files ({some(prefixes)})? Then give --label-pattern '{NUMBERED}' "
        "(data.label_pattern), or a table of paths and labels"
    )


def some(names: Iterable[str]) -> str:
    """Return the first of the names, as a list for people."""
    ordered = sorted(names)
    return ", ".join(ordered[:MOST_NAMED]) + (", …" if len(ordered) > MOST_NAMED else "")
