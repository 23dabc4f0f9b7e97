"""The command line and what it says: as a person runs it, or in this process, without the seconds
that a process takes to start.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from convladder.core import logs
from limits import HANG

Done = subprocess.CompletedProcess[str]


def convladder(*words: str, cwd: Path | None = None) -> Done:
    """Run a command in a process of its own."""
    return in_a_process(sys.executable, "-m", "convladder", *words, cwd=cwd)


def in_a_process(*command: str, cwd: Path | None = None) -> Done:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=HANG, check=False
    )


def convladder_here(*words: str, cwd: Path | None = None) -> Done:
    """Run a command in this process, for tests of what it says and does to files."""
    from convladder.cli import main

    said, errors = _stream(), _stream()
    with (
        as_in_its_own(cwd or Path.cwd()),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(errors),
        mock.patch.object(sys, "argv", ["convladder", *words]),
        pytest.raises(SystemExit) as ended,
    ):
        main.main()
    status = int(ended.value.code or 0)
    return subprocess.CompletedProcess(words, status, _text(said), _text(errors))


@contextlib.contextmanager
def as_in_its_own(folder: Path) -> Iterator[None]:
    """Leave working folder, environment, signals, loggers and filters of warnings as they are."""
    stop, logger = signal.getsignal(signal.SIGTERM), logging.getLogger(logs.PACKAGE)
    level, handlers = logger.level, list(logger.handlers)
    with contextlib.chdir(folder), mock.patch.dict(os.environ), warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, stop)
            logger.setLevel(level)
            logger.handlers[:] = handlers


def commands_said(output: str) -> list[list[str]]:
    """Return the words of each command that is said after `next:`, however it was started."""
    _, _, told = output.partition("\nnext:\n")
    lines = [line.strip() for line in told.splitlines() if not line.startswith("    ")]
    return [shlex.split(line.removeprefix("python -m ")) for line in lines]


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
