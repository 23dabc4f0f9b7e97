"""One process at a time in a folder: the lock of a run, a climb or a search that is at work."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from convladder.core import files
from convladder.core.errors import RunError
from convladder.results import folders

_logger = logging.getLogger(__name__)

MOMENT = 0.2  # seconds
# of a command, and of who trains
AT_WORK, TRAINING = (f"{files.MARK}lock", f"{files.MARK}training-lock")


@contextlib.contextmanager
def locked(folder: Path, name: str = AT_WORK, *, wait: float = MOMENT) -> Iterator[None]:
    """Keep other processes from working in a folder, which is made.

    Raises RunError where one does, and names it.

    The lock is the operating system's: it ends with the process that holds it, whatever ended that.
    `wait` is for how many seconds another may still hold it: a moment, since to see whether it is
    free is to hold it.
    """
    folders.check_writable(folder)
    lock, holder = FileLock(folder / name), folder / f"{name}-holder"
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _logger.info("waiting for the lock of %s, for %g s at most", folder, wait)
            lock.acquire(timeout=wait)
    except Timeout:
        raise RunError(
            f"another convladder process is working in {folder}{_named(holder)}: wait for it, or "
            "choose another --out"
        ) from None
    except OSError as error:
        raise RunError(
            f"cannot lock {folder / name} ({error.strerror}): choose another --out"
        ) from None
    try:
        try:
            files.write_text(holder, f"process {os.getpid()} on {platform.node()}")
        except OSError as error:  # of a full disk the work itself will tell
            _logger.debug("cannot say in %s who works there (%s)", holder, error)
        yield
    finally:
        try:
            holder.unlink(missing_ok=True)
        finally:
            lock.release()


def check_unlocked(folder: Path) -> None:
    """Raise RunError where another process is at work in the folder. Nothing is made there."""
    if (folder / AT_WORK).exists():
        with locked(folder):
            pass


def is_locked(folder: Path) -> bool:
    """Whether another process is at work in the folder."""
    try:
        check_unlocked(folder)
    except RunError:
        return True
    return False


def _named(holder: Path) -> str:
    try:
        return f" ({holder.read_text()})"
    except OSError:
        return ""
