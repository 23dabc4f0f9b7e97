"""How much disk and memory there is, and how much of it a command and its workers take.

Memory is what Linux says in /proc; elsewhere nothing is said of it. Counted is what a process has
alone: decoded images are a file that all workers map, and the system takes that back where memory
is short.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from convladder.core import container_limits

PROCESSES = Path("/proc")
LOW_DISK, LOW_MEMORY = 2**30, 2**29  # bytes, below which it is marked
_OWN = ("RssAnon", "RssShmem")


@dataclass(frozen=True)
class Machine:
    """Bytes: of the disk that are free, of memory that are taken and free; None: not known."""

    disk_free: int | None
    disk_total: int | None
    memory_taken: int | None
    memory_free: int | None

    @property
    def lacks_disk(self) -> bool:
        """Whether the disk is nearly full."""
        return self.disk_free is not None and self.disk_free < LOW_DISK

    @property
    def lacks_memory(self) -> bool:
        """Whether memory is nearly full."""
        return self.memory_free is not None and self.memory_free < LOW_MEMORY


def measure(folder: Path, processes: Path = PROCESSES, own: int | None = None) -> Machine:
    """Measure the disk of a folder, and the memory of a process and all that it has started.

    own : the process; None is this one.
    """
    disk_free = disk_total = None
    with contextlib.suppress(OSError):
        found = shutil.disk_usage(folder)
        disk_free, disk_total = found.free, found.total
    each = [_taken(processes, pid) for pid in _family(processes, own or os.getpid())]
    taken = sum(each) or None
    return Machine(disk_free, disk_total, taken, _free_memory(processes, taken))


def _family(processes: Path, pid: int) -> Iterator[int]:
    """Yield a process and all that it has started, directly or not."""
    yield pid
    for thread in _listed(processes / str(pid) / "task"):
        for child in _read(thread / "children").split():
            yield from _family(processes, int(child))


def _taken(processes: Path, pid: int) -> int:
    lines = dict(_numbers(_read(processes / str(pid) / "status")))
    return sum(lines.get(name, 0) for name in _OWN)


def _free_memory(processes: Path, taken: int | None) -> int | None:
    """Return what the machine has to give, or the container if that has less."""
    available = dict(_numbers(_read(processes / "meminfo"))).get("MemAvailable")
    limit = container_limits.memory_limit()
    if available is None or limit is None or taken is None:
        return available
    return min(available, max(0, limit - taken))


def _numbers(text: str) -> Iterator[tuple[str, int]]:
    """Yield the names and bytes of lines such as `MemAvailable:  1024 kB`."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            yield name, 1024 * int(rest.removesuffix(" kB"))


def _read(path: Path) -> str:
    """Return what a file says; nothing where it is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
