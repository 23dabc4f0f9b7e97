"""What all commands print with: standard output, tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FREE_COLUMNS = ("verdict", "change", "title", "source")  # whose text may take several lines
PIPED_WIDTH = 160  # where there is no terminal whose width could be asked

output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def new_table(*headings: str) -> Table:
    """Make a table without lines; a heading that begins with `>` stands at the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        right, free = heading.startswith(">"), heading in FREE_COLUMNS
        table.add_column(
            heading.lstrip(">"),
            justify="right" if right else "left",
            no_wrap=not free,
            overflow="fold",
        )
    return table


def print_report_path(page: Path) -> None:
    output.print(f"report: {page}", soft_wrap=True, markup=False)
