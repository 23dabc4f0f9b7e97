"""How many processors and how much memory may be used, in a container too.

A container sees all processors and all memory of its machine. What it may use of them is in files
of its control group. Groups lie in each other, and the least of what they allow holds. Both
versions of control groups are read; elsewhere than on Linux, and where nothing is limited, there
are no limits. What is known is read anew with each call: a limit may be changed while a program
runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")  # where they are mounted, by custom
OWN = Path("/proc/self/cgroup")  # which ones this process is in
UNLIMITED = 2**60  # bytes: version 1 has a number for "no limit" that hangs on the size of a page


# docs/decisions/084-a-processor-quotas-fraction-is-dropped.md
def cores(groups: Path = GROUPS, own: Path = OWN) -> int:
    """Return how many processors this process may keep busy, one at the least.

    A part of a processor is not counted: what begins more than it may have is held up again and
    again.
    """
    quota = processor_quota(groups, own)
    return _available() if quota is None else max(1, min(_available(), int(quota)))


def _available() -> int:
    """Return how many processors the system may place this process on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory(groups: Path = GROUPS, own: Path = OWN) -> int | None:
    """Return how many bytes of memory this process and its children may take; None: not known."""
    limit = memory_limit(groups, own)
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return limit
    return machine if limit is None else min(limit, machine)


def processor_quota(groups: Path = GROUPS, own: Path = OWN) -> float | None:
    """Return how many processors' time this process may use, not always whole; None: no limit."""
    quotas = [_quota_in(folder) for folder in _folders(groups, own, "cpu")]
    return min((each for each in quotas if each is not None), default=None)


def memory_limit(groups: Path = GROUPS, own: Path = OWN) -> int | None:
    """Return how many bytes this process and its like may use together; None: no limit."""
    limits = [
        _number(folder / name)
        for folder in _folders(groups, own, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    return min(
        (each for each in limits if each is not None and 0 <= each < UNLIMITED), default=None
    )


def _quota_in(folder: Path) -> float | None:
    """Return what one group allows: time within a period."""
    quota, period = _number(folder / "cpu.max"), _number(folder / "cpu.max", place=1)  # version 2
    if quota is None:
        quota = _number(folder / "cpu.cfs_quota_us")
        period = _number(folder / "cpu.cfs_period_us")
    return quota / period if quota is not None and quota > 0 and period else None


def _folders(groups: Path, own: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, from its own one outwards.

    In a container the path that Linux tells may be the machine's. Then only the outermost folder is
    there, and is the container's.
    """
    for mounted, path in _paths(groups, own, controller):
        inside = mounted.joinpath(*(part for part in path.split("/") if part not in ("", "..")))
        yield inside
        yield from (each for each in inside.parents if each.is_relative_to(mounted))


def _paths(groups: Path, own: Path, controller: str) -> Iterator[tuple[Path, str]]:
    """Yield where a hierarchy of groups is mounted, and which group in it this process is in."""
    lines = ""
    with contextlib.suppress(OSError):
        lines = own.read_text(errors="replace")
    for line in lines.splitlines() or ["0::/", f"1:{controller}:/"]:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller in controllers.split(","):  # version 1
            yield from ((groups / name, path) for name in {controllers, controller})
        elif number == "0" and not controllers:  # version 2, alone or beside version 1
            yield from ((groups, path), (groups / "unified", path))


def _number(file: Path, place: int = 0) -> int | None:
    """Return a number in a file of a group; None where there is none, or it says `max`."""
    try:
        return int(file.read_text().split()[place])
    except (OSError, ValueError, IndexError):
        return None
