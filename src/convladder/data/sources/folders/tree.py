"""A tree of files as its layout is read: the first levels, and what was passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from convladder.data.source import Ignored
from convladder.data.sources.folders.entries import HARD_LINK, LINK, TEXT, Entry, ignore_rule

LEVELS = 3  # of folders that may name a set, a split and a class


class Tree:
    """What is below a root: files by path, the first levels of folders, and what is ignored.

    A folder is called by its path; "" is the root.
    """

    def __init__(self, root: str, entries: Iterable[Entry]) -> None:
        self.root = root
        self.ignored: list[Ignored] = []
        self.links: list[Entry] = []
        self._texts: Counter[str] = Counter()
        self._links: Counter[str] = Counter()
        seen: list[Entry] = []
        for entry in entries:
            rule = ignore_rule(entry)
            if rule is None:
                seen.append(entry)
            elif entry.kind != "folder":
                self._pass_over(entry, rule)
        self.files = sorted(
            (entry for entry in seen if entry.kind == "file"), key=lambda entry: entry.parts
        )
        self.is_empty = not seen and not self.ignored
        self._count_files()
        self._inside = _nest([entry.path for entry in seen if entry.kind == "folder"], self._below)

    def _pass_over(self, entry: Entry, rule: str) -> None:
        self.ignored.append(Ignored(entry.path, rule))
        parent = entry.path.rpartition("/")[0]
        if rule == TEXT:
            self._texts.update(_levels(parent))
        if entry.kind == "link" or rule in (LINK, HARD_LINK):
            self._links.update(_levels(parent))
            self.links.append(entry)

    def _count_files(self) -> None:
        self._direct = Counter(entry.path.rpartition("/")[0] for entry in self.files)
        self._below: Counter[str] = Counter()
        for folder, count in self._direct.items():  # far fewer than files
            self._below.update(dict.fromkeys(_levels(folder), count))

    def inside(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder of the first levels."""
        return self._inside.get(folder, [])

    def files_below(self, folder: str) -> int:
        """Return how many files are anywhere below a folder of the first levels."""
        return self._below[folder]

    def files_in(self, folder: str) -> int:
        """Return how many files are in a folder itself."""
        return self._direct[folder]

    def has_text_alone(self, folder: str) -> bool:
        """Whether a folder has text and no possible image: an empty one may be a class."""
        return bool(self._texts[folder]) and not self._below[folder] and not self._links[folder]

    def paths_below(self, folder: str) -> set[str]:
        """Return the paths of the files below a folder, from there."""
        start = f"{folder}/"
        return {
            entry.path.removeprefix(start) for entry in self.files if entry.path.startswith(start)
        }


def _levels(folder: str) -> list[str]:
    """Return those of the first levels that are a folder or hold it; the root, "", is none."""
    parts = folder.split("/")[:LEVELS] if folder else []
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _nest(folders: Sequence[str], holders: Iterable[str]) -> dict[str, list[str]]:
    """Return the names in each folder of the first levels; archives name files rather."""
    every = {known for folder in folders for known in _levels(folder)} | set(holders)
    inside: dict[str, list[str]] = {}
    for folder in sorted(every, key=lambda path: path.split("/")):
        parent, _, name = folder.rpartition("/")
        inside.setdefault(parent, []).append(name)
    return inside
