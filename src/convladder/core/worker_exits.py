"""Why a worker has ended: its exit status, what it wrote last, and what the kernel counts."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from convladder.core.worker import NO_MEMORY, TASK_MARK

KEPT_BYTES = 65_536  # of what a worker has written, the last
KEPT_LINES = 20  # of its own, the last, and as many of where Python was
LONGEST_SAID = 300  # characters of its own message in one of ours
READING_SECONDS = 2.0  # in which the rest of what an ended process wrote is read

CRASHES = {
    "SIGSEGV": "a library crashed",
    "SIGABRT": "a library aborted",
    "SIGFPE": "a library crashed in a calculation",
    "SIGTRAP": "a library aborted",
    "SIGILL": "a library uses instructions that this processor does not have",
    "SIGBUS": "a file in use was truncated, or its disk is full or failing",
}
WINDOWS_STATUSES = {  # of which the status of a process is the number (NTSTATUS)
    0xC0000005: "SIGSEGV",
    0xC000001D: "SIGILL",
    0xC0000409: "SIGABRT",
}
WINDOWS_NO_MEMORY = (0xC0000017, 0xC000012D)

_OF_MEMORY = re.compile(
    "bad_alloc|out of memory|OutOfMemory|cannot allocate memory|RESOURCE_EXHAUSTED|MemoryError"
    "|Resource temporarily unavailable"  # a thread, whose stack had no room
    "|mmap error: 12",  # as TensorFlow's Abseil says it
    re.IGNORECASE,
)
_WHERE_PYTHON_WAS = ("Fatal Python error: ", "Windows fatal exception: ")  # so faulthandler begins
# TensorFlow's marks for what is information or a warning, and no reason to end
_CHATTER = re.compile(r"[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IW] |WARNING")
_NOISE = "Extension modules: "  # and so it ends, with hundreds of them


class LastLines(threading.Thread):
    """Reads what a process writes until its end, and keeps the last of it.

    Nobody else reads it, and a full pipe would block the process.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(daemon=True)
        self._stream, self._kept, self._lock = stream, b"", threading.Lock()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._stream as stream:
            while data := stream.read1(KEPT_BYTES):  # type: ignore[attr-defined]
                with self._lock:
                    self._kept = (self._kept + data)[-KEPT_BYTES:]

    def of_ended(self) -> list[str]:
        """Return the last lines of a process that has ended, and where Python was, if told.

        Lines of its earlier tasks, before the last TASK_MARK, are left out.
        """
        self.join(READING_SECONDS)  # longer where a process that it started still holds the pipe
        with self._lock:
            text = self._kept.rpartition(TASK_MARK)[2].decode("utf-8", errors="replace")
        lines = [_printable(line) for line in re.split(r"[\r\n]+", text)]
        own, where = _parted(
            [line for line in lines if line.strip() and not line.startswith(_NOISE)]
        )
        return [*own[-KEPT_LINES:], *where[:KEPT_LINES]]


def reason(status: int, lines: Sequence[str], kills_for_memory: int | None) -> str:
    """Say why a process ended: `its process ended with status -9 (...)`.

    lines : the last that it wrote. kills_for_memory : by the kernel while it lived; None where that
    is not known.
    """
    return (
        f"its process ended with status {status} "
        f"({_why(status, own_words(lines), kills_for_memory)})"
    )


def own_words(lines: Sequence[str]) -> str:
    """Return the line in which a process tells why it ends: the last that is no chatter.

    Where Python was comes after that. It is empty where there is none.
    """
    own, _ = _parted(lines)
    telling = [line.strip() for line in own if not _CHATTER.match(line)]
    return telling[-1][:LONGEST_SAID] if telling else ""


def kills_for_memory(root: Path = Path("/")) -> int | None:
    """Return how many processes that share our memory the kernel has killed because it lacked any.

    None where no kernel tells. `root` is where `proc` and `sys` are.
    """
    for file in (*_of_control_group(root), root / "proc/vmstat"):
        with contextlib.suppress(OSError):
            found = re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)
            if found:
                return int(found[1])
    return None


def _of_control_group(root: Path) -> list[Path]:
    """Return where the kernel counts what it kills in the control group of this process.

    There are two versions of such groups.
    """
    files = []
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            below = path.strip("/")
            if not controllers:
                places, name = root / "sys/fs/cgroup", "memory.events"
            elif "memory" in controllers.split(","):
                places, name = root / "sys/fs/cgroup/memory", "memory.oom_control"
            else:
                continue
            # the second in a container, which sees no group but its own
            files += [places / below / name, places / name]
    return files


# docs/decisions/038-memory-that-runs-out-shows-itself-in-six-ways.md
def _why(status: int, said: str, kills: int | None) -> str:
    name = _signal_name(status)
    words = f'; its last message: "{said}"' if said else ""
    if name == "SIGKILL":
        return _why_killed(kills)
    if status in WINDOWS_NO_MEMORY or (name in CRASHES and _OF_MEMORY.search(said)):
        return f"{NO_MEMORY}{words}"
    if name in ("SIGSEGV", "SIGABRT") and not said:  # a library may not look whether it got memory
        return f"{name}: {CRASHES[name]} without a message, or {NO_MEMORY}"
    if name in CRASHES:
        return f"{name}: {CRASHES[name]}{words}"
    if name:
        return f"{name}: another program ended it"
    return f"it exited by itself{words or ' without a message'}"


def _why_killed(kills: int | None) -> str:
    if kills:
        return f"SIGKILL by the system: {NO_MEMORY}"
    if kills is None:
        return f"SIGKILL: possibly {NO_MEMORY}"
    return (
        "SIGKILL by another program: not the system's out-of-memory killer, but perhaps a memory "
        "monitor or a job limit"
    )


def _signal_name(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
        return f"signal {-status}"
    return WINDOWS_STATUSES.get(status, "")


def _parted(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Part what a process wrote from what faulthandler wrote after that."""
    for number, line in enumerate(lines):
        if line.startswith(_WHERE_PYTHON_WAS):
            return lines[:number], lines[number:]
    return lines, []


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)
