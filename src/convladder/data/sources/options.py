"""Which settings go with which sources, and what is said of one that would do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convladder.core.errors import DataError

if TYPE_CHECKING:
    from convladder.core.settings.data import Data

OF_PATHS = ("path_column", "image_root")  # what only tables of paths have
COLUMNS = ("label_column", "split_column", "group_column")
OF_TABLES = (*OF_PATHS, *COLUMNS)
OF_TREES = ("class_level", "label_pattern")  # what only folders and archives of them have
LINKS = ("follow_links",)  # what only folders and tables have, whose images are files of their own
OPENING = (*OF_TABLES, *OF_TREES, *LINKS, "max_bytes")  # settled once a source is open
SHARED = (*OF_TREES, "path_column", *COLUMNS[:2], *LINKS)  # what may hold of other images, too

TREES = "a folder of images or an archive of it"
_GOES_WITH = {
    **dict.fromkeys(OF_TABLES, "a table"),
    **dict.fromkeys(OF_TREES, TREES),
    **dict.fromkeys(LINKS, "a folder of images or a table of paths"),
}


class OutOfPlace(DataError):
    """A setting is given that does not go with the source: it would do nothing."""


def refuse(settings: Data, names: Sequence[str]) -> None:
    """Raise OutOfPlace where one of these settings is given, none of which goes with the source."""
    for name in given(settings, names):
        raise OutOfPlace(
            f"--{name.replace('_', '-')} is for {_GOES_WITH[name]}, and {settings.source} is "
            "not one: leave it out"
        )


def refuse_in_memory(settings: Data, names: Sequence[str], goes_with: str, what: str) -> None:
    """Raise OutOfPlace where one of these settings is given, of images in memory."""
    for name in given(settings, names):
        raise OutOfPlace(f"data.{name} is for {goes_with}, and {what} is not one: leave it out")


def given(settings: Data, names: Sequence[str]) -> list[str]:
    """Return those of these settings that are given."""
    return [name for name in names if getattr(settings, name) not in (None, False)]
