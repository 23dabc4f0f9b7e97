"""The first screen of a page, printed: what was found, and a line for each card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from convladder.cli.output import output

if TYPE_CHECKING:
    from convladder.results.answer import Answer


def show(answer: Answer, notes: Iterable[str] = ()) -> None:
    """Print an answer, then what a reader should know besides."""
    output.print(f"\n{answer.title}", style="bold", soft_wrap=True, markup=False)
    for line in (*(card.said() for card in answer.cards), *notes):
        output.print(f"- {line}", soft_wrap=True, markup=False)
    output.print()
