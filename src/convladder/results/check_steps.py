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

ALL_SPLITS = 3
OF_CLIMBS = {"--set", "--allow-rejects"}  # options that `plan` does not take
IN_MEMORY = "arrays"  # the kind of images that no command can name


def of_check(check: DataCheck, page: Path) -> list[NextStep]:
    """Return what to do with images: repair and check again, or climb. page : of this check."""
    images = _images(check)
    if images is None:
        return []
    if _stops(check):
        again = commands.written("check", *images, "--html", page)
        return [NextStep(again, "checks again, once you have repaired what stops training")]
    options = _options(check)
    which = "without the unfit images" if options else "on these images"
    climb = commands.written("climb", *images, *options)
    steps = [NextStep(climb, f"shows which techniques pay {which}")]
    if not OF_CLIMBS & {word.partition("=")[0] for word in (*images, *options)}:
        plan = commands.written("plan", *images, *options)
        steps.append(NextStep(plan, "shows how small a difference they can show"))
    return steps


def _stops(check: DataCheck) -> bool:
    """Whether training would refuse the images, with whatever options."""
    few = any(finding.code == "few-images" for finding in check.findings)
    to_split = len(check.splits) < ALL_SPLITS
    nothing_to_train_on = not {"", "train"} & {*check.splits}
    refused = any(finding.stops for finding in check.findings)
    return refused or nothing_to_train_on or (few and to_split)


def _images(check: DataCheck) -> Sequence[str] | None:
    """Return how a command names the images, as they were named to this one if it was a check."""
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
