"""What to do next with images that were checked, as commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.data.quality.copy_findings import LEAKS
from convladder.data.quality.remarks import MOST_REJECTED
from convladder.data.source import NAMED_SET
from convladder.results import commands, provenance
from convladder.results.next_steps import NextStep

if TYPE_CHECKING:
    from convladder.data.quality.checks import DataCheck

IN_MEMORY = "arrays"  # the kind of images that no command can name


def of_check(check: DataCheck, page: Path | None) -> list[NextStep]:
    """Return what to do with images: repair and check again, or climb. page : of this check."""
    images = images_of(check)
    if images is None:
        return []
    if check.blocking:
        return [_check_again(images, check.blocking[0].advice, page)]
    if options := _options(check):
        without = commands.written("climb", *images, *options)
        return [NextStep(without, "trains without the images that training refuses")]
    climb = commands.written("climb", *images)
    return [NextStep(climb, "shows which techniques pay on these images"), *_plan(images)]


def _check_again(images: Sequence[str], advice: str, page: Path | None) -> NextStep:
    """Return the same check; where there is no page that has the advice, with that."""
    if page is None:
        return NextStep(commands.written("check", *images), f"once this is repaired: {advice}")
    again = commands.written("check", *images, "--html", page)
    return NextStep(again, "checks again, once that is repaired")


def _plan(images: Sequence[str]) -> list[NextStep]:
    """Return the plan of a climb, which takes no other settings."""
    if any(word.partition("=")[0] == "--set" for word in images):
        return []
    return [
        NextStep(commands.written("plan", *images), "shows how small a difference they can show")
    ]


def images_of(check: DataCheck) -> Sequence[str] | None:
    """Return how a command names the images; None where no command can.

    As they were named to this one, if it was a check.
    """
    typed = commands.recorded({"command": provenance.command()}, "check")
    if typed:
        return commands.without(typed[1:], ("--html",), commands.ONCE)
    return None if check.bank.kind == IN_MEMORY else [check.bank.source]


def _options(check: DataCheck) -> list[str]:
    """Return what training needs to leave out what it would refuse."""
    codes = {finding.code for finding in check.findings}
    crosses = codes & LEAKS and check.bank.kind != NAMED_SET
    rejected = check.files["rejected"]
    are_many = rejected > MOST_REJECTED * (rejected + check.files["accepted"])
    return [
        *(["--on-leak", "drop"] if crosses else []),
        *(["--allow-rejects"] if are_many else []),
    ]
