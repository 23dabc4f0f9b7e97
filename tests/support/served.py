"""A server of its own process, as a person starts it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A running server: where it is, and its process."""

    port: int
    process: subprocess.Popen[str]
    lines: list[str]

    def said(self) -> str:
        """Return what it has printed so far."""
        return "".join(self.lines)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def served(bundle: Path, *options: object) -> contextlib.AbstractContextManager[Served]:
    """Serve a bundle on a free port as long as the block runs."""
    return serving(
        [
            sys.executable,
            "-m",
            "convladder",
            "serve",
            str(bundle),
            "--port",
            "0",
            *map(str, options),
        ]
    )


@contextlib.contextmanager
def serving(command: list[str], cwd: Path | None = None) -> Iterator[Served]:
    """Run a command that serves, as long as the block runs."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, cwd=cwd
    ) as process:
        assert process.stderr is not None
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                found = re.search(r"on http://\S+:(\d+)", line)
                if found:
                    drain = threading.Thread(
                        target=said.extend, args=(process.stderr,), daemon=True
                    )
                    drain.start()
                    yield Served(int(found[1]), process, said)
                    return
            raise AssertionError("".join(said))
        finally:
            process.kill()
