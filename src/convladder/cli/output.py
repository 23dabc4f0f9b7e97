"""What all commands print with: standard output, tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

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
    """Print where a report is: as a link in terminals that have them, else as plain text."""
    output.print(Text.assemble("report: ", (str(page), link_to(page))), soft_wrap=True)


def link_to(path: Path) -> Style:
    """Return the style of a text that leads to a file or folder, in terminals that have links.

    Another machine's files are named by its host, so that a terminal can tell them from its own.
    """
    if os.environ.get("TERM") == "linux":  # the console without windows, which may show the codes
        return Style()
    host = socket.gethostname() if "SSH_CONNECTION" in os.environ else ""
    return Style(link=path.absolute().as_uri().replace("file://", f"file://{host}", 1))
