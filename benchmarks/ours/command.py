"""A convladder command, as a person types it, and the files that it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(name: str, folder: str, out: Path, options: list[str]) -> None:
    """Run `convladder NAME FOLDER --out OUT` with these options; it prints no figures."""
    run_plainly(name, folder, "--quiet", "--on-leak", "keep", "--out", str(out), *options)


def run_plainly(name: str, *words: str) -> None:
    """Run `convladder NAME WORDS`."""
    subprocess.run(
        [sys.executable, "-m", "convladder", name, *words], check=True, stdout=sys.stderr
    )


def count_trained(about: Path) -> int:
    """Return the number of training images, of a climb's or a run's description."""
    counts: dict[str, Any] = json.loads(about.read_text())["data"]["counts"]["train"]
    return sum(counts.values())
