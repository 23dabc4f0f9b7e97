"""The files of a run on their way between a node and the driver, and back into a folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

from convladder.core import files
from convladder.results import folders
from convladder.training.checkpoint import descriptions

Contents = dict[str, bytes]  # of a folder's files


def read_folder(folder: Path, pattern: str = "[!.]*") -> Contents:
    """Return the files in a folder, but for locks; none where there is no folder."""
    contents = {}
    for path in sorted(folder.glob(pattern)):
        with contextlib.suppress(FileNotFoundError):  # a checkpoint that is replaced by a newer one
            contents[path.name] = path.read_bytes()
    return contents


def write_unfinished(folder: Path, contents: Contents) -> None:
    """Put an unfinished run into a folder, so that it can resume at any moment."""
    for name in sorted(contents, key=_rank):
        files.write_bytes(folder / name, contents[name])
    if not any(name.startswith("checkpoint-") and name.endswith(".json") for name in contents):
        return  # no newer one has come: those that are here stay
    others = [path for path in folder.glob("checkpoint-*") if path.name not in contents]
    for path in sorted(others, key=lambda path: -_rank(path.name)):
        files.remove(path)


def write_finished(folder: Path, contents: Contents) -> None:
    """Put what a task has left into its folder: a run as a whole, all else file by file."""
    if folders.MARKER not in contents:
        for name, content in contents.items():
            files.write_bytes(folder / name, content)
        return
    with folders.writing(folder) as new:
        for name, content in contents.items():
            (new / name).write_bytes(content)


def newest_checkpoint(folder: Path) -> Contents:
    """Return the newest checkpoint in a folder, and what it is of; nothing where there is none."""
    for path in descriptions(folder)[:1]:
        files_of_it = read_folder(folder, f"{path.stem}.*")
        if len(files_of_it) == 2:
            return files_of_it | read_folder(folder, folders.ABOUT) | read_folder(folder, "*.csv")
    return {}


def _rank(name: str) -> int:
    """What a checkpoint is of comes first, then tensors, then the JSON by which it counts."""
    if not name.startswith("checkpoint-"):
        return 0
    return 2 if name.endswith(".json") else 1
