"""Images whose class a person put right, kept as a class folder that the next training takes."""

from __future__ import annotations

import hashlib
import threading
import urllib.parse
from pathlib import Path

from convladder.core import files
from convladder.data.decoding.formats import SUFFIXES
from convladder.deploy.serve.errors import Problem

MOST = 100_000  # images that are kept

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_RESERVED = frozenset('<>:"|?*\\/%')


class Corrections:
    """A folder with a folder a class; a picture sent twice, or corrected anew, is there once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = sum(1 for _ in folder.glob("*/*")) if folder.is_dir() else 0
        self._lock = threading.Lock()

    def add(self, content: bytes, kind: str, class_name: str) -> Path:
        """Keep an image file of this format, as it was sent, under a class. Raises Problem."""
        name = hashlib.sha256(content).hexdigest()[:24] + SUFFIXES[kind][0]
        path = self.folder / folder_name(class_name) / name
        with self._lock:
            try:
                earlier = [
                    each
                    for each in self.folder.glob(f"*/{name}")
                    if each != path and _holds(each, content)
                ]
                new = not path.exists()
                if self.count >= MOST and new and not earlier:
                    raise Problem(
                        507, f"{self.folder} has {MOST:,} images: train with them, or remove some"
                    )
                files.write_bytes(path, content)
                for each in earlier:
                    each.unlink()
            except OSError as error:
                raise Problem(
                    507, f"it cannot be saved in {self.folder}: {error.strerror}"
                ) from None
            self.count += new - len(earlier)
        return path


def _holds(path: Path, content: bytes) -> bool:
    """Whether this is the picture, and not another file of its name."""
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def folder_name(class_name: str) -> str:
    """Return a class's name as that of a folder: what would lead elsewhere, or hide it, is escaped.

    >>> [folder_name(each) for each in ("cat", "../x", ".hidden", "a/b", "con")]
    ['cat', '%2E%2E%2Fx', '%2Ehidden', 'a%2Fb', '%63on']
    """
    if class_name.partition(".")[0].lower() in _DEVICES:
        return f"%{ord(class_name[0]):02X}{class_name[1:]}"
    plain = (
        class_name.isprintable()
        and not _RESERVED & set(class_name)
        and class_name == class_name.strip(". ")
    )
    return class_name if plain else urllib.parse.quote(class_name, safe=" ").replace(".", "%2E")
