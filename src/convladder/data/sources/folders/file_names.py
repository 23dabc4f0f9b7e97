"""Classes that are in the names of files, such as `cat.12.jpg`, and not in folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from convladder.core.errors import DataError
from convladder.core.formatting import plural
from convladder.data.source import Ignored, Split
from convladder.data.sources.folders.beside import (
    Aside,
    put_companions_aside,
    put_copies_aside,
    put_known_aside,
    put_text_aside,
)
from convladder.data.sources.folders.entries import Entry
from convladder.data.sources.folders.split_folders import of_names
from convladder.data.sources.folders.tree import Tree

NO_LABEL = "no label in its path"
NUMBERED = r"([^/]+?)[ _.-]*\d+\.\w+$"  # cat.12.jpg, great_pyrenees_7.jpg: the class and a number
MOST_NAMED = 5
SAMPLE = 500  # paths that are looked at

Named = tuple[Entry, tuple[str, Split]]  # a file with its class and split


def find_labels(tree: Tree, pattern: str) -> tuple[list[Named], list[Ignored], list[str]]:
    """Read the class of each file from its path, and its split from the outermost folder.

    Returns the files that have one, those passed over, and notes. Masks and second copies are
    passed over as they are beside class folders. The outermost folders are splits where all of them
    are named so. Raises DataError where no path has a label.
    """
    aside = _put_aside(tree)
    rules = {entry.path: aside.rules.get(entry.path.partition("/")[0]) for entry in tree.files}
    passed = [Ignored(path, rule) for path, rule in rules.items() if rule]
    files = [entry for entry in tree.files if not rules[entry.path]]
    named, left_out = _match(files, re.compile(pattern))
    if not named:
        first = f", such as {files[0].path!r}" if files else ""
        raise DataError(f"{tree.root}: the label pattern {pattern!r} matches no path{first}")
    notes = list(aside.notes)
    if left_out:
        count, first = plural(len(left_out), "file"), left_out[0].path
        notes.append(
            f"{count} left out: the label pattern does not match their paths, such as {first}"
        )
    return named, [*tree.ignored, *passed, *left_out], notes


def _put_aside(tree: Tree) -> Aside:
    """Pass over second images of the same names. Raises DataError."""
    aside, names = Aside(), tree.inside("")
    splits = of_names(names)
    put_text_aside(tree, aside)
    if splits:
        put_known_aside([name for name in names if name not in splits], aside)
    else:
        put_companions_aside(aside.leave(names), aside)
    put_copies_aside(tree, aside.leave(names), aside.leave(names), aside)
    return aside


def _match(files: Sequence[Entry], pattern: re.Pattern[str]) -> tuple[list[Named], list[Ignored]]:
    """Return the files with a class in their path and their splits, and the other files."""
    splits = of_names({entry.parts[0] for entry in files if "/" in entry.path})
    if any(entry.parts[0] not in splits for entry in files) or "train" not in splits.values():
        splits = {}
    named: list[Named] = []
    left_out = []
    for entry in files:
        match = pattern.search(entry.path)
        name = (match.group(1) if pattern.groups else match.group()) if match else None
        if name:
            named.append((entry, (name, splits.get(entry.parts[0], ""))))
        else:
            left_out.append(Ignored(entry.path, NO_LABEL))
    return named, left_out


def hint_at_names(paths: Sequence[str]) -> str:
    """Say how classes in file names may be read; nothing where the names do not look so."""
    sample = paths[:: max(1, len(paths) // SAMPLE)]
    found = [match.group(1) if (match := re.search(NUMBERED, path)) else "" for path in sample]
    prefixes = set(found)
    if "" in prefixes or not 1 < len(prefixes) <= len(sample) / 2:
        return ""
    return (
        f"are the classes in the file names ({some(prefixes)})? Then give --label-pattern "
        f"'{NUMBERED}' (data.label_pattern), or a table of paths and labels"
    )


def some(names: Iterable[str]) -> str:
    """Return the first of the names, as a list for people."""
    ordered = sorted(names)
    return ", ".join(ordered[:MOST_NAMED]) + (", …" if len(ordered) > MOST_NAMED else "")
