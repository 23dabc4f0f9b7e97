"""Which rungs of a ladder are compared."""

from __future__ import annotations

from convladder.core.ladder import Ladder

Pair = tuple[str, str]


def steps(ladder: Ladder) -> list[Pair]:
    """Return each rung that has a parent, and the parent."""
    return [(rung.name, rung.parent) for rung in ladder.rungs if rung.parent]


def from_start(ladder: Ladder) -> list[Pair]:
    """Return each other rung, and the ladder's first."""
    start = ladder.rungs[0].name
    return [(rung.name, start) for rung in ladder.rungs if rung.name != start]


def family(ladder: Ladder) -> list[Pair]:
    """Return all pairs that are compared, each once: one family of tests."""
    return list(dict.fromkeys([*steps(ladder), *from_start(ladder)]))
