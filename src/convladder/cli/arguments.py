"""What several commands are given, each defined once, and what they make of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from convladder.cli.typer_options import described
from convladder.core.errors import ExperimentError
from convladder.experiments.request import Request
from convladder.experiments.run_options import RunOptions

errors = Console(stderr=True, highlight=False, soft_wrap=True)

Settings = dict[str, Any]

DataArgument = Annotated[str, described(Request, "data")]
Pretrained = Annotated[str | None, described(Request, "pretrained")]
Changes = Annotated[list[str] | None, described(Request, "changes")]
Threads = Annotated[int | None, described(RunOptions, "threads")]
AllowRejects = Annotated[bool, described(RunOptions, "allow_rejects")]
Out = Annotated[Path | None, described(RunOptions, "out")]
QuietOption = Annotated[bool, described(RunOptions, "quiet")]
ClassWeight = Annotated[
    str | None,
    typer.Option(
        "--class-weight", metavar="balanced", help='"balanced" gives rare classes more weight.'
    ),
]
Coverage = Annotated[
    float,
    typer.Option(
        "--coverage",
        metavar="SHARE",
        help="Share of images whose prediction set should hold the true class.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def given_settings(
    settings: Settings, epochs: int | None, class_weight: str | None, assignments: list[str] | None
) -> Settings:
    """Return the settings given by options and by --set. Raises ExperimentError if twice."""
    from convladder.core.experiment import parse_assignments

    changes = settings | {"train.epochs": epochs, "train.class_weight": class_weight}
    given = {key: value for key, value in changes.items() if value is not None}
    assigned = parse_assignments(assignments or [])
    for key, option in (("seed", "--seed"), ("data.source", "the argument DATA")):
        if key in assigned:
            raise ExperimentError(f"--set cannot set {key}: use {option}")
    for key in given.keys() & assigned.keys():
        option = f"--{key.rsplit('.')[-1].replace('_', '-')}"
        raise ExperimentError(f"{key} is given twice, by --set and by {option}: give it once")
    return given | assigned


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """End with the status of Ctrl-C; what is left has been said."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:  # who reads has enough, as `head` has: SIGPIPE's status, and no word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
