"""The page of a check: what became of every file, and pictures of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convladder.data.decoding.image_form import Pixels
from convladder.data.quality.checks import DataCheck
from convladder.data.source import count_ignored
from convladder.report.templating import write_file
from convladder.results import check_steps, outputs
from convladder.results.answer import checked

MOST_PICTURES = 48  # of a finding
MOST_ROWS = 500
MOST_SIZES = 12
OF_CLASS = 8  # pictures of each class
MOST_CLASSES = 50  # with pictures
MOST_ROWS_OF_CLASSES = 12  # that are not folded
MOST_OPEN = 3  # problems, of which pictures are not folded
SMOOTH = (
    48  # pixels of height from which images are enlarged smoothly: of fewer, each is to be seen
)


@dataclass(frozen=True)
class FindingRows:
    """Rows of a finding with their images' pixels, and how many pairs an earlier finding shows."""

    rows: list[dict[str, Any]]
    above: int = 0


def write_check(check: DataCheck, path: Path) -> Path:
    """Write the page of a check; return its path. Raises RunError where it may not be put there."""
    outputs.check_page(path, check.bank.source)
    return write_file(
        path,
        "check.html",
        check=check,
        answer=checked.of_check(check),
        steps_next=check_steps.of_check(check, path),
        ignored=count_ignored(check.ignored),
        largest=max(1, *(sum(counts.values()) for counts in check.counts.values())),
        examples=_examples(check),
        galleries=_galleries(check),
        how="smooth" if check.bank.form.height >= SMOOTH else "",
        most_rows=MOST_ROWS,
        most_sizes=MOST_SIZES,
        most_open=MOST_OPEN,
        most_classes=MOST_ROWS_OF_CLASSES,
    )


def _examples(check: DataCheck) -> dict[str, list[Pixels]]:
    """Return some images of each class, evenly from the whole of it."""
    bank = check.bank
    chosen = {}
    for label, name in enumerate(bank.class_names[:MOST_CLASSES]):
        positions = np.flatnonzero(bank.labels == label)
        step = max(1, len(positions) // OF_CLASS)
        chosen[name] = _pixels(check, positions[::step][:OF_CLASS].tolist())
    return chosen


def _galleries(check: DataCheck) -> dict[str, FindingRows]:
    """Return a gallery a finding; a pair that several findings have is shown with the first."""
    galleries, shown = dict[str, FindingRows](), set[frozenset[int]]()
    for finding in check.findings:
        rows = [row for row in finding.rows if "position" in row]
        new = [row for row in rows if _pair(row) not in shown]
        chosen = _evenly(new)
        shown |= {pair for row in chosen if (pair := _pair(row))}
        pictured = [row | {"pictures": _pixels(check, _ends(row))} for row in chosen]
        galleries[finding.code] = FindingRows(pictured, len(rows) - len(new))
    return galleries


def _evenly(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many rows as are shown, evenly from all of them."""
    places = np.linspace(0, len(rows), MOST_PICTURES, endpoint=False, dtype=int)
    return [rows[place] for place in np.unique(places) if rows]


def _ends(row: dict[str, Any]) -> list[int]:
    return [row[key] for key in ("position", "other_position") if key in row]


def _pair(row: dict[str, Any]) -> frozenset[int] | None:
    """Return which two images a row is of; None where it is of one."""
    ends = frozenset(_ends(row))
    return ends if len(ends) > 1 else None


def _pixels(check: DataCheck, positions: Sequence[int]) -> list[Pixels]:
    return list(check.bank.images[check.bank.rows[list(positions)]])
