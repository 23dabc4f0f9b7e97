"""The sections of a docstring in numpydoc's form."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any


def sections_of(documented: Any) -> dict[str, dict[str, str]]:
    """Return the entries of each section by their names, each with its text in one line."""
    text = inspect.getdoc(documented) or ""
    _, *found = re.split(r"^(\w+)\n---+\n", text + "\n", flags=re.MULTILINE)
    return {
        title: dict(_entries(section))
        for title, section in zip(found[::2], found[1::2], strict=True)
    }


def _entries(section: str) -> Iterator[tuple[str, str]]:
    for names, text in re.findall(r"^(\S.*)\n((?:    .*\n)+)", section, re.MULTILINE):
        for name in names.split(", "):
            yield name, " ".join(text.split())
