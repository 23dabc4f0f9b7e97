"""Which rungs or groups came to which verdict, as part of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convladder.core.formatting import every
from convladder.results.verdicts import MOST_NAMED

if TYPE_CHECKING:
    from convladder.evaluation.differences import Verdict
    from convladder.results.group_summary import Claim


def named(claims: Sequence[Claim], verdict: Verdict) -> list[str]:
    """Return who came to a verdict."""
    return [claim.name for claim in claims if claim.difference.verdict == verdict]


def few(names: Sequence[str], noun: str) -> str:
    """Name them, or count them where they are many: `a and b`, or `5 techniques`."""
    return every(names) if len(names) <= MOST_NAMED else f"{len(names)} {noun}"


def are(count: int) -> str:
    """Return the verb for so many."""
    return "is" if count == 1 else "are"


def who_are(names: Sequence[str], asked: int) -> str:
    """Name them with their verb, or count them where they are many: `4 of 7 are`."""
    return f"{few(names, f'of {asked}')} {are(len(names))}"
