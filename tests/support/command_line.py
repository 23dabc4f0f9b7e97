"""The command line as a person runs it: a process of its own, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from limits import HANG


def convladder(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "convladder", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=HANG, check=False
    )
