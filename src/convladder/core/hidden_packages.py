"""Packages that a process does without, though they are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import ClassVar


class _Finder(PathFinder):
    """Finds modules where Python does, but for those that are hidden."""

    hidden: ClassVar[set[str]] = set()

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname in cls.hidden else super().find_spec(fullname, path, target)


# docs/decisions/091-workers-do-not-see-what-keras-would-import-in-vain.md
def hide(packages: Iterable[str]) -> None:
    """Have this process find these packages no more, as if they were not installed."""
    _Finder.hidden.update(packages)
    sys.meta_path[:] = [_Finder if each is PathFinder else each for each in sys.meta_path]
