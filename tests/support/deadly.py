"""Tasks whose process dies or says much, for workers that should not have to import more."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any


def die(trial: Any, folder: Path, emit: Any) -> None:
    """Die, each time."""
    del trial, folder, emit
    os.kill(os.getpid(), signal.SIGKILL)


def be_killed(emit: Any) -> None:
    """Die as by the system, or by another program."""
    del emit
    os.kill(os.getpid(), signal.SIGKILL)


def abort(text: str, emit: Any) -> None:
    """Write a text as a library in C++ does, and give up."""
    del emit
    write(text)
    os.abort()


def abort_deep(depth: int, text: str, emit: Any) -> None:
    """Give up far down in calls of calls."""
    if depth:
        abort_deep(depth - 1, text, emit)
    abort(text, emit)


def crash(emit: Any) -> None:
    """Die without a word."""
    del emit
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(emit: Any) -> None:
    """End as a library may that asks for a licence."""
    del emit
    write("the licence has expired\n")
    os._exit(3)


def chatter(megabytes: int, emit: Any) -> int:
    """Say so much beside what is emitted."""
    emit("talking")
    for _ in range(megabytes):
        write(f"{'W tensorflow: ' * 73}\n" * 1024)
    return megabytes


def write(text: str) -> None:
    """Write to standard error past Python."""
    data = text.encode()
    while data:
        data = data[os.write(2, data) :]
