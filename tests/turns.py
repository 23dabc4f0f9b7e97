"""Costly tests take turns: a run of the suite has some of them, all runs of a few commits have all.

`CONVLADDER_TURN=all make test`, which is `make test-all`, runs every one, `CONVLADDER_TURN=2` those of turn 2.
Without it the commit decides, so that whoever tests a commit tests the same; where there is none to be asked, all
run. Tests that share what is costly share a turn: `@pytest.mark.in_turn("cluster")`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TURNS = 8
VARIABLE = "CONVLADDER_TURN"


def chosen() -> int | None:
    """Return whose turn it is, from 0; None for all."""
    asked = os.environ.get(VARIABLE)
    if asked is not None:
        return None if asked == "all" else int(asked) % TURNS
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return int(done.stdout, 16) % TURNS


def skip_others(items: list[pytest.Item]) -> None:
    """Mark the costly tests whose turn it is not as skipped."""
    turn = chosen()
    turns: dict[str, int] = {}  # of each name or test: one after the other, so that each has as many
    for item in items:
        marker = item.get_closest_marker("in_turn")
        if marker is None:
            continue
        own = turns.setdefault(marker.args[0] if marker.args else item.nodeid, len(turns) % TURNS)
        if turn not in (None, own):
            reason = f"its turn is {own} of {TURNS}, and this is {turn} ({VARIABLE}=all runs all)"
            item.add_marker(pytest.mark.skip(reason=reason))
