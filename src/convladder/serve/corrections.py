"""Images whose class a person put right, kept as a class folder that the next training takes."""

from __future__ import annotations

import hashlib
import urllib.parse
from pathlib import Path

from convladder import files
from convladder.data.images import SUFFIXES, ImageForm, Limits, open_picture
from convladder.serve.problems import Problem

MOST = 100_000  # images that are kept

_RESERVED = frozenset('<>:"|?*\\/%')


class Corrections:
    """A folder with a folder for each class; a picture that is sent twice, or put right anew, is there once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = sum(1 for _ in folder.glob("*/*")) if folder.is_dir() else 0

    def add(self, content: bytes, form: ImageForm, class_name: str, limits: Limits) -> Path:
        """Keep an image file as it was sent, under a class. Raises Problem or UnreadableImage."""
        if self.count >= MOST:
            raise Problem(507, f"{self.folder} has {MOST:,} images: train with them, or take them away")
        kind = open_picture(content, form, limits).format
        name = hashlib.sha256(content).hexdigest()[:24] + SUFFIXES[kind][0]
        path = self.folder / folder_name(class_name) / name
        for earlier in self.folder.glob(f"*/{name}"):
            earlier.unlink()
            self.count -= 1
        files.write_bytes(path, content)
        self.count += 1
        return path


def folder_name(class_name: str) -> str:
    """Return a class's name as that of a folder: what would lead elsewhere, or hide it, is escaped.

    >>> folder_name("cat"), folder_name("../x"), folder_name(".hidden"), folder_name("a/b")
    ('cat', '%2E%2E%2Fx', '%2Ehidden', 'a%2Fb')
    """
    plain = class_name.isprintable() and not _RESERVED & set(class_name) and class_name == class_name.strip(". ")
    return class_name if plain else urllib.parse.quote(class_name, safe=" ").replace(".", "%2E")
