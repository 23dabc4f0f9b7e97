"""What is said of a fault in a data set: its kind, and a row for each image or class with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convladder.data.bank.bank import Bank

Row = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One kind of fault: its code, what it means, and a row for each image or class that has it.

    stops : whether training refuses such data.
    A row's keys are `path`, `label`, `split`, and, of a pair, the same with `other_`; and `detail`.
    """

    code: str
    title: str
    advice: str
    rows: tuple[Row, ...]
    stops: bool = False

    @property
    def heading(self) -> str:
        """The title, which says so where training refuses it."""
        return f"{self.title} (stops training)" if self.stops else self.title

    def as_json(self) -> Row:
        """Return all of it in plain values, but for the places of images in the bank."""
        rows = [
            {key: value for key, value in row.items() if "position" not in key} for row in self.rows
        ]
        return vars(self) | {"count": len(rows), "rows": rows}


def row_of_image(bank: Bank, position: int, detail: str = "") -> Row:
    """Return what a finding says of one image."""
    record = bank.records[position]
    return {
        "path": record.path,
        "label": bank.class_names[record.label],
        "split": record.split,
        "detail": detail,
        "position": int(position),
    }


def row_of_file(path: str, detail: str) -> Row:
    """Return what a finding says of a file that is no image of the data set."""
    return {"path": path, "label": "", "split": "", "detail": detail}
