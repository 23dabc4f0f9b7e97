"""Patterns of paths, such as `new/*.jpg`, that a shell did not expand."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from convladder.data.sources.folders.entries import ignore_rule
from convladder.data.sources.folders.folder import walk

EVERY = "**"  # stands for the folder itself and for all folders below it


def is_pattern(text: str) -> bool:
    """Whether a text has characters that stand for others."""
    return glob.has_magic(text)


def matching(pattern: Path, *, follow: bool = False) -> list[Path]:
    """Return the paths that match a pattern, in order, each once.

    A part of it that is the name of something there stands for that, whatever characters it has: a
    folder may be called `[examples]`. `**` goes through links of folders if `follow` says so, and
    never in circles.
    """
    found = [Path(pattern.anchor)]
    parts = pattern.parts[1:] if pattern.anchor else pattern.parts
    for part in parts:
        found = list(dict.fromkeys(_step(found, part, follow=follow)))
    return sorted(each for each in found if os.path.lexists(each))


def _step(places: Iterable[Path], part: str, *, follow: bool) -> Iterator[Path]:
    for place in places:
        if part == EVERY:
            yield from _below(place, follow=follow)
        elif os.path.lexists(place / part) or not is_pattern(part):
            yield place / part
        else:
            yield from (place / name for name in glob.glob(part, root_dir=place))  # noqa: PTH207


def _below(place: Path, *, follow: bool) -> Iterator[Path]:
    if not place.is_dir():
        return
    yield place
    for entry, _ in walk(place, "", follow=follow):
        if entry.kind == "folder" and ignore_rule(entry) is None:
            yield place / entry.path
