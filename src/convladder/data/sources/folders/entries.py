"""What lies in a tree of files, on disk or in an archive, and what is always passed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convladder.data.decoding.formats import reads_suffix

TEXT = "text beside the images"  # the rule by which these are passed over
LINK, HARD_LINK = "symbolic link", "hard link"  # rules, too

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

Kind = Literal["file", "folder", "link", "hard link", "other"]
# above: to a folder that the link lies in
LeadsTo = Literal["", "file", "folder", "above", "nothing"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in a tree: its path below the root with `/`, its kind, and where its content is.

    leads_to : of a link that is not followed. rule : by which such a link is passed over.
    linked : whether a link that was followed is in the path.
    """

    path: str
    kind: Kind = "file"
    place: tuple[int, ...] = ()
    leads_to: LeadsTo = ""
    rule: str = LINK
    linked: bool = False

    @property
    def parts(self) -> list[str]:
        return self.path.split("/")


def ignore_rule(entry: Entry) -> str | None:
    """Return why an entry is passed over, whatever it holds; None where it is not."""
    names = entry.path.lower().split("/")
    if "/." in f"/{entry.path}":
        return "hidden"
    if names[-1] in _SYSTEM_FILES or not _SYSTEM_FOLDERS.isdisjoint(names):
        return "system file"
    if entry.kind == "file":
        return TEXT if suffix_of(names[-1]) in _SIDECARS else None
    if entry.kind == "link":
        return entry.rule
    return {"hard link": HARD_LINK, "other": "not a regular file"}.get(entry.kind)


def suffix_of(path: str) -> str:
    """Return a path's suffix from its last dot on, in small letters; nothing of `.name`."""
    name, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return f".{suffix}".lower() if dot and name.strip(".") else ""


def is_image(path: str) -> bool:
    """Whether a name is that of a readable image; many images have other names, or none."""
    return reads_suffix(suffix_of(path))
