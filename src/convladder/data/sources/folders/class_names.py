"""Names of classes: distinct for people and file systems alike, and such as can be written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from convladder.core.errors import DataError


def name_classes(root: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return distinct names in order. Raises DataError where two differ in case or encoding."""
    distinct = tuple(sorted(set(names)))
    folded: dict[str, str] = {}
    for name in distinct:
        twin = folded.setdefault(fold(name), name)
        if twin != name:
            same_letters = unicodedata.normalize("NFC", twin) == unicodedata.normalize("NFC", name)
            how = "the encoding of their accents" if same_letters else "case"
            raise DataError(
                f"{root} has classes {twin!r} and {name!r}, which differ only in {how}: merge "
                "them or rename one"
            )
    return distinct


def is_unicode(text: str) -> bool:
    """Whether a text can be written; not where bytes of another encoding were read into it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(name: str) -> str:
    """Return a name that can be written: bytes that are not UTF-8 are escaped, as `\\xe9`."""
    return (
        name
        if is_unicode(name)
        else name.encode(errors="backslashreplace").decode().replace("\\udc", "\\x")
    )


def fold(name: str) -> str:
    """Return what two names share that people, or some file systems, would take for one."""
    return unicodedata.normalize("NFC", name).casefold()
