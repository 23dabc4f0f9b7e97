"""The page of a check: what became of every file, and pictures of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convladder import outputs
from convladder.data.checks import Check, Finding
from convladder.data.images import Pixels
from convladder.data.sources import count_ignored
from convladder.report.render import write_file

MOST_PICTURES = 48  # of a finding
MOST_ROWS = 500
MOST_SIZES = 12
OF_CLASS = 8  # pictures of each class
MOST_CLASSES = 50


def write_check(check: Check, path: Path) -> Path:
    """Write the page of a check; return its path. Raises RunError where it may not be put there."""
    outputs.check_page(path, check.bank.source)
    return write_file(
        path,
        "check.html",
        check=check,
        headline=check.headline(),
        ignored=count_ignored(check.ignored),
        largest=max(1, *(sum(counts.values()) for counts in check.counts.values())),
        examples=_examples(check),
        galleries={finding.code: _gallery(check, finding) for finding in check.findings},
        most_rows=MOST_ROWS,
        most_sizes=MOST_SIZES,
    )


def _examples(check: Check) -> dict[str, list[Pixels]]:
    """Return some images of each class, evenly from the whole of it."""
    bank = check.bank
    chosen = {}
    for label, name in enumerate(bank.class_names[:MOST_CLASSES]):
        positions = np.flatnonzero(bank.labels == label)
        step = max(1, len(positions) // OF_CLASS)
        chosen[name] = _pixels(check, positions[::step][:OF_CLASS].tolist())
    return chosen


def _gallery(check: Check, finding: Finding) -> list[dict[str, Any]]:
    """Return rows that have pictures, evenly from all of them, each with the pixels of its image, or of both."""
    rows = [row for row in finding.rows if "position" in row]
    rows = [
        rows[place]
        for place in np.unique(np.linspace(0, len(rows), MOST_PICTURES, endpoint=False, dtype=int))
        if rows
    ]
    places = [[row[key] for key in ("position", "other_position") if key in row] for row in rows]
    return [row | {"pictures": _pixels(check, place)} for row, place in zip(rows, places, strict=True)]


def _pixels(check: Check, positions: Sequence[int]) -> list[Pixels]:
    return list(check.bank.images[check.bank.rows[list(positions)]])
