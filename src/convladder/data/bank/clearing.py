"""What is removed from the cache: banks, finished or not. All else in that folder stays.

A person may have pointed CONVLADDER_CACHE at a folder of theirs. So what is ours is told by names
that nobody else gives: a bank's is a part of a SHA-256 sum, and only files that a bank consists of
are removed from it.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from pathlib import Path

from filelock import FileLock, Timeout

from convladder.core import files
from convladder.core.errors import DataError
from convladder.data.source import Source

_logger = logging.getLogger(__name__)

BUILDING, RECEIVING = ".building", ".receiving"  # from images, and from another machine

_BANK = re.compile(r"[0-9a-f]{20}")
_BEGUN = re.compile(rf"\.[0-9a-f]{{20}}({BUILDING}|{RECEIVING})")
_FILE = re.compile(
    r"index\.json|[a-z_]+\.npy|chunk-\d+\.(npz|row|trace)|\.(index|chunk-\d+)\.[0-9a-z.]+\.tmp"
)


def building_of(bank: Path) -> Path:
    """Return where a bank is while it is not done."""
    return bank.with_name(f".{bank.name}{BUILDING}")


def receiving_of(bank: Path) -> Path:
    """Return where a bank is while it comes from another machine."""
    return bank.with_name(f".{bank.name}{RECEIVING}")


def remove(folder: Path) -> None:
    """Remove a bank in any state; a file that is none of a bank's stays, and so the folder."""
    if not folder.is_dir() or folder.is_symlink():
        return
    try:
        for path in folder.iterdir():
            if _FILE.fullmatch(path.name) or files.is_temporary(path.name):
                path.unlink(missing_ok=True)
        folder.rmdir()
    except OSError as error:
        _logger.debug("%s stays (%s)", folder, error)


def remove_all(banks: Path) -> None:
    """Remove every bank, and all that was begun and that nobody is at work on."""
    for folder in banks.glob("[!.]*"):
        if _BANK.fullmatch(folder.name):
            remove(folder)
    remove_begun(banks, older_than=0)


def remove_begun(banks: Path, older_than: float) -> None:
    """Remove what was begun so many seconds ago and is unfinished, unless it is at work."""
    for path in banks.glob(".*"):
        if _BEGUN.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError, Timeout):
                if time.time() - path.stat().st_mtime >= older_than:
                    with FileLock(path.with_suffix(".lock"), timeout=0):
                        remove(path)


def check_outside(cache: Path, source: Source) -> None:
    """Raise DataError where the cache lies among the images: it would be read as data."""
    if not Path(source.name).is_dir():
        return
    with contextlib.suppress(ValueError):  # it lies elsewhere
        inside = cache.resolve().relative_to(Path(source.name).resolve())
        if not any(part.startswith(".") for part in inside.parts):  # a hidden folder is not read
            raise DataError(
                f"the cache {cache} is inside the folder of images ({source.name}): set "
                "CONVLADDER_CACHE to another folder"
            )
