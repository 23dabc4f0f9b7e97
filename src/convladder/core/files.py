"""Files that are whole or not there: a temporary neighbour, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

# with which the name begins of what is here for a moment, such as a lock or half a file
MARK = ".convladder-"
# a folder with these alone is empty
OF_SYSTEMS = frozenset({".DS_Store", "desktop.ini", "lost+found", ".gitkeep"})

_LONGEST = 100  # bytes of a name that its temporary neighbour has too: file systems take 255 in all
# what was half written by versions that did not mark it: names of ours, and nobody else's
_OLDER = re.compile(
    r"\.shared\.tmp|\.(?:(?:climb|ladder|tune|importances|experiment|metrics|model)\.json|card\.md|report\.html|"
    r"(?:results|summary|candidates|history|predictions)\.csv|splits\.csv\.gz|seed-\d+|fold-\d+-seed-\d+|"
    r"checkpoint-\d+-\d+\.(?:json|safetensors))\.[0-9a-f]{8}\.tmp"
)


def write_text(path: Path, text: str) -> None:
    """Write a text atomically. Undecodable parts of file names survive (surrogateescape)."""
    write_bytes(path, text.encode("utf-8", errors="surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically: after a crash the old content is there, or the new."""
    make_folder(path.parent)
    temporary = _neighbour(path)
    try:
        _write_synced(temporary, data)
        _rename(temporary, path)
        sync_folder(path.parent)
    finally:
        remove(temporary)


def write_unsynced(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step, which a power cut may lose. The folder must be there."""
    temporary = _neighbour(path)
    try:
        temporary.write_bytes(data)
        _rename(temporary, path)
    finally:
        remove(temporary)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, on the disk. What a full disk leaves of it is taken back."""
    is_new, rest = not path.exists(), line.encode() + b"\n"
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            while rest:
                rest = rest[file.write(rest) :]
            _sync_to_disk(file.fileno())
        except OSError:
            file.truncate(size)
            raise
    if is_new:
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, where they are missing, so that they last."""
    if not folder.is_dir():
        # a drive that is not there, or a working folder that was deleted
        if folder.parent == folder:
            raise FileNotFoundError(errno.ENOENT, "there is no such drive or folder", str(folder))
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder are on the disk: what was renamed or removed there."""
    if sys.platform == "win32":  # it opens no folders, and keeps names by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def whole_folder(path: Path, marker: str, keeps: Set[str] = frozenset()) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` if the block ends well, and vanishes if not.

    A folder that stands at `path` by then and has the file `marker` is left as it is: whoever was
    first has won. One that holds files of the names `keeps` alone is replaced, and the new one has
    these files too. Raises OSError where anything else stands there.
    """
    make_folder(path.parent)
    temporary = _neighbour(path)
    temporary.mkdir()
    try:
        yield temporary
        settle(temporary, path, marker, keeps)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def settle(temporary: Path, path: Path, marker: str, keeps: Set[str] = frozenset()) -> None:
    """Sync a finished folder to the disk and give it its name, as `whole_folder` does."""
    for inside in temporary.rglob("*"):
        if inside.is_file():
            _sync(inside)
        else:
            sync_folder(inside)
    sync_folder(temporary)
    if _is_working_folder(path) or _holds_what_stays(path, keeps):
        _move_into(path, temporary, marker)
        return
    with _set_aside(path, temporary, marker, keeps):
        with contextlib.suppress(OSError):
            path.rmdir()  # an empty folder may be replaced; Windows wants it gone first
        try:
            temporary.rename(path)
        except OSError:
            if not (path / marker).is_file():
                raise
    sync_folder(path.parent)


@contextlib.contextmanager
def _set_aside(path: Path, temporary: Path, marker: str, keeps: Set[str]) -> Iterator[None]:
    """Have a folder with these files alone out of the way; what takes its place gets copies.

    A kill meanwhile leaves the folder under a name that `remove_leftovers_of` knows.
    """
    names = {inside.name for inside in path.iterdir()} if path.is_dir() else set()
    if not names & keeps or not all(name in keeps or is_temporary(name) for name in names):
        yield
        return
    for name in names & keeps:
        shutil.copyfile(path / name, temporary / name)
    aside = _neighbour(path)
    try:
        path.rename(aside)
    except OSError:  # Windows, while one of its files is open
        for name in names & keeps:
            remove(temporary / name)
        _move_into(path, temporary, marker)
    try:
        yield
    finally:
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(path)


def _is_working_folder(path: Path) -> bool:
    """Whether a command is at work in a folder: its shell would be left in no folder."""
    try:
        return path.samefile(Path.cwd())
    except OSError:
        return False


def _holds_what_stays(path: Path, keeps: Set[str]) -> bool:
    """Whether a folder has what systems and Git put into an empty one: it is not ours."""
    if not path.is_dir():
        return False
    names = {inside.name for inside in path.iterdir()}
    return bool(names & OF_SYSTEMS) and names <= OF_SYSTEMS | keeps


def _move_into(folder: Path, temporary: Path, marker: str) -> None:
    """Put what is finished into a folder that stays; the marker last, which says that all is there.

    Raises OSError, before anything is moved, where one of the names is there already.
    """
    if (folder / marker).is_file():
        return
    finished = sorted(temporary.iterdir(), key=lambda path: path.name == marker)
    for path in finished:
        if os.path.lexists(folder / path.name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / path.name))
    for path in finished:
        path.rename(folder / path.name)
    sync_folder(folder)


def remove_leftovers(*folders: Path) -> None:
    """Remove what a killed process of ours has left half-written directly in these folders."""
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            if is_temporary(path.name):
                remove_any(path)


def remove_leftovers_of(path: Path) -> None:
    """Remove what a killed process has left of a file or folder that it wrote at this place."""
    for leftover in path.parent.glob(f"{glob.escape(_beginning(path))}{'[0-9a-f]' * 8}.tmp"):
        remove_any(leftover)


def is_temporary(name: str) -> bool:
    """Whether a name in a folder of ours is of something half written, marked or older."""
    return (name.startswith(MARK) and name.endswith(".tmp")) or _OLDER.fullmatch(name) is not None


def remove_any(path: Path) -> None:
    """Remove a file or a folder with all that is in it; of a link, the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        _sync_to_disk(file.fileno())


def _rename(source: Path, target: Path) -> None:
    source.replace(target)


def _neighbour(path: Path) -> Path:
    return path.with_name(f"{_beginning(path)}{secrets.token_hex(4)}.tmp")


def _beginning(path: Path) -> str:
    name = path.name.encode("utf-8", errors="surrogateescape")[:_LONGEST]
    return f"{MARK}{name.decode('utf-8', errors='ignore')}."


def _sync(file: Path) -> None:
    with file.open("r+b") as opened:  # Windows syncs only what is open for writing
        _sync_to_disk(opened.fileno())


def _sync_to_disk(handle: int) -> None:
    """Sync to the disk itself: macOS syncs only as far as the disk's own memory (`man fsync`)."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):  # not every file system there knows it
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)
