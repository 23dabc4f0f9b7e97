"""The command line: its commands with their examples, and what becomes of errors and signals."""

from __future__ import annotations

import inspect
import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from convladder.cli import data, deploy, ladders, logs, planning, results, train, watching
from convladder.cli.arguments import errors
from convladder.cli.help_pages import HelpfulCommand, HelpfulGroup
from convladder.core.errors import ConvladderError, is_full_disk
from convladder.core.formatting import printable
from convladder.core.places import keep_libraries_here
from convladder.results.commands import PROGRAM

GONE = "The current folder was deleted: change to another one (cd) and try again"

FIRST_STEPS = """\
Train an image classifier on your own images, and see which technique pays.

  convladder climb digits           try it on built-in images, in some minutes
  convladder check path/to/images   check your own images: one folder per class
  convladder climb path/to/images   see which technique pays on them

All commands: convladder --help
"""

app = typer.Typer(
    cls=HelpfulGroup,
    help=(
        "Train an image classifier on your own images, and know which technique earned its place."
        "\n\nYour images are a folder with one folder per class. Start with `check` and `climb`."
    ),
    epilog=(
        "convladder climb digits\n"
        "convladder check path/to/images --html check.html\n"
        "convladder climb path/to/images --time 2h\n"
        "convladder climb --help"
    ),
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(group: str, command: Callable[..., None], *examples: str) -> None:
    """Add a command to a group, with examples that can be copied as they are.

    Each paragraph of its help is one line, to be broken where a terminal ends.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    app.command(
        cls=HelpfulCommand,
        rich_help_panel=group,
        help="\n\n".join(" ".join(each.split()) for each in paragraphs),
        epilog="\n".join(examples),
    )(command)


_add(
    "Start",
    data.check,
    "convladder check path/to/images",
    "convladder check path/to/images --html check.html",
)
_add(
    "Start",
    train.climb,
    "convladder climb digits",
    "convladder climb path/to/images --time 2h",
    "convladder climb path/to/images --rungs lenet5,max-pooling --epochs 10",
    "convladder climb path/to/images --pretrained MobileNetV2",
    "convladder climb path/to/images --cluster auto",
)
_add(
    "Start",
    train.train,
    "convladder train path/to/images",
    "convladder train path/to/images --rung batch-norm --epochs 20",
    "convladder train path/to/images --folds 5",
)
_add("Understand", results.report, "convladder report climbs/2026-01-31-120000-cats")
_add(
    "Understand",
    results.explain,
    "convladder explain runs/2026-01-31-120000-cats",
    "convladder explain runs/2026-01-31-120000-cats --accuracy 0.99",
)
_add(
    "Understand",
    results.compare,
    "convladder compare runs/FIRST runs/SECOND",
    "convladder compare climbs/NAME/trials/lenet5 climbs/NAME/trials/batch-norm",
)
_add(
    "Understand",
    results.evaluate,
    "convladder evaluate runs/2026-01-31-120000-cats",
    "convladder evaluate runs/2026-01-31-120000-cats --data path/to/other/images",
)
_add(
    "Understand",
    planning.plan,
    "convladder plan path/to/images",
    "convladder plan climbs/2026-01-31-120000-cats",
)
_add(
    "Improve",
    train.tune,
    "convladder tune path/to/images --time 30m",
    "convladder tune --print-space > mine.toml",
    "convladder tune path/to/images --space mine.toml",
)
_add(
    "Improve",
    ladders.ladder,
    "convladder ladder",
    "convladder ladder classic",
    "convladder ladder classic --toml > mine.toml",
)
_add(
    "Use",
    deploy.bundle,
    "convladder bundle runs/2026-01-31-120000-cats -o cats.convladder",
)
_add(
    "Use",
    deploy.predict,
    "convladder predict cats.convladder path/to/new/images",
    "convladder predict cats.convladder 'new/*.jpg' --top 3",
    "find . -name '*.jpg' | convladder predict cats.convladder - --csv > found.csv",
)
_add(
    "Use",
    deploy.serve,
    "convladder serve cats.convladder",
    "convladder serve cats.convladder --corrections corrected",
)
_add(
    "Use",
    deploy.export,
    "convladder export runs/2026-01-31-120000-cats --format litert --int8",
    "convladder export cats.convladder --format onnx --data path/to/images",
)
_add("Keep", train.reproduce, "convladder reproduce runs/2026-01-31-120000-cats")
_add("Keep", data.cache, "convladder cache", "convladder cache --clear")
_add("Keep", watching.watch, "convladder watch climbs/2026-01-31-120000-cats")


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        sys.stdout.write(f"convladder {version_of(PROGRAM)}\n")
    elif context.invoked_subcommand is None:
        sys.stdout.write(FIRST_STEPS)


def main() -> NoReturn:
    """Run the command line; a fault that a person can put right is one line and exit status 2."""
    keep_libraries_here()
    logs.show()
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # file names that are not UTF-8
    try:
        app(prog_name=PROGRAM)  # also as `python -m convladder`, for the scripts of shells
    except ConvladderError as error:
        _say_error(f"{error}{f'. {GONE}' if _working_folder_is_gone() else ''}")
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("convladder"):
            raise
        _say_error(
            f"{error.name} is not installed: this installation can only predict. For everything: "
            "pip install convladder"
        )
        sys.exit(2)
    except OSError as error:
        if is_full_disk(error):
            _say_error(f"{error}: free some space and run the same command to resume")
        elif _working_folder_is_gone():
            _say_error(GONE)
        else:
            raise
        sys.exit(2)
    sys.exit(0)


def _working_folder_is_gone() -> bool:
    """Whether relative paths lead nowhere, as in a terminal whose folder was deleted elsewhere."""
    try:
        return not Path.cwd().exists()
    except OSError:
        return True


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    sys.exit(128 + number)


def _say_error(message: str) -> None:
    one_line = printable(
        " ".join(message.split())
    )  # what it quotes may be made to control a terminal
    errors.print(f"Error: {one_line}", style="red", markup=False)
