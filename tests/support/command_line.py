"""The command line, as a process of its own or in this one.

In this one it saves the imports, where nothing is asked of the process.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

from convladder.cli.main import main
from limits import HANG


def convladder(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return in_a_process(sys.executable, "-m", "convladder", *words, cwd=cwd)


def in_a_process(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=HANG, check=False
    )


def convladder_here(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, and leave that as it was."""
    command = ["convladder", *words]
    output, errors = _stream(), _stream()
    answer = signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.object(sys, "argv", command),
        mock.patch.dict(os.environ),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code
        finally:
            signal.signal(signal.SIGTERM, answer)
    return subprocess.CompletedProcess(command, status, _said(output), _said(errors))


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _said(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
