"""The task that a node is at, in a folder of its own; what a killed one has left is removed."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from convladder.core import files
from convladder.core.places import cache_folder
from convladder.core.tasks import Task
from convladder.experiments.ray.carried_files import Contents, newest_checkpoint
from convladder.results import folders

LOCK = ".lock"


@dataclass
class NodeTask:
    """A trial that this host is at, in a folder of its own that is removed at the end.

    every : seconds between two checkpoints that are sent to the driver.
    """

    task: Task
    every: float
    place: Path = field(default_factory=lambda: _places() / secrets.token_hex(8))
    sent: Set[str] = frozenset()
    last: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.place.mkdir(parents=True)
        self._lock = FileLock(self.place / LOCK, thread_local=False)
        self._lock.acquire()

    @property
    def folder(self) -> Path:
        return self.place / "run"

    def checkpoint(self) -> Contents:
        """Return the newest checkpoint, where it is time to send one that was not sent yet."""
        if time.monotonic() - self.last < self.every:
            return {}
        contents = newest_checkpoint(folders.unfinished(self.folder))
        if contents.keys() == self.sent:
            return {}
        # a view of the names would hold the whole checkpoint
        self.sent, self.last = frozenset(contents), time.monotonic()
        return contents

    def close(self) -> None:
        self._lock.release()
        shutil.rmtree(self.place, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove what hosts that were killed have left on this machine."""
    for lock in _places().glob(f"*/{LOCK}"):
        # hosts start together: another may just remove it, too
        with contextlib.suppress(Timeout, OSError):
            if _is_place(lock.parent):
                with FileLock(lock, timeout=0):
                    shutil.rmtree(lock.parent, ignore_errors=True)


def _places() -> Path:
    return cache_folder() / "trials"


def _is_place(folder: Path) -> bool:
    """Whether a task of ours made a folder: 16 hexadecimal digits, and nothing else in it."""
    made = {LOCK, "run", f"run{folders.UNFINISHED}"}
    named = re.fullmatch("[0-9a-f]{16}", folder.name) is not None
    return named and all(
        path.name in made or files.is_temporary(path.name) for path in folder.iterdir()
    )
