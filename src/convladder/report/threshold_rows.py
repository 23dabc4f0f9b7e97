"""The rows of a table of thresholds: wanted accuracies that lead to the same one share a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from convladder.evaluation import calibration
from convladder.evaluation.calibration import Kept, Selection


@dataclass(frozen=True)
class ThresholdRow:
    """What a threshold does on test; `found` is None where there is none, and `why` says why."""

    wanted: str
    basis: str
    found: Kept | Selection | None
    why: str = ""


def rows_of(table: pd.DataFrame, wanted: Sequence[float]) -> list[ThresholdRow]:
    """Return two rows for each wanted accuracy, a guaranteed threshold and one as seen."""
    selections = [calibration.select(table, accuracy) for accuracy in wanted]
    guaranteed = [_guaranteed(each) for each in selections]
    as_seen = [_as_seen(each) for each in selections]
    return [*_together(guaranteed), *_together(as_seen)]


def _guaranteed(found: Selection) -> ThresholdRow:
    named = f"{100 * found.wanted:.0f} %"
    if found.threshold is not None:
        return ThresholdRow(named, "guaranteed", found)
    why = f"cannot be shown on {found.validation:,} validation images"
    if found.fewest and found.fewest > found.validation:
        why += f", it takes at least {found.fewest:,}"
    return ThresholdRow(named, "guaranteed", None, why)


def _as_seen(found: Selection) -> ThresholdRow:
    named, seen = f"{100 * found.wanted:.0f} %", found.as_seen
    if seen is None or seen.threshold is None:
        why = "not reached on validation with any threshold"
        return ThresholdRow(named, "as seen on validation", None, why)
    return ThresholdRow(named, "as seen on validation", seen)


def _together(rows: Sequence[ThresholdRow]) -> Iterator[ThresholdRow]:
    """Join the rows that say the same."""
    for _, alike in groupby(rows, key=lambda row: (row.found and row.found.threshold, row.why)):
        first, *others = alike
        wanted = ", ".join(each.wanted for each in (first, *others))
        yield ThresholdRow(wanted, first.basis, first.found, first.why)
