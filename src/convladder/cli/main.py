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

from convladder.cli import data, deploy, ladders, logs, planning, results, train
from convladder.cli.arguments import errors
from convladder.core.errors import ConvladderError, is_full_disk
from convladder.core.formatting import printable
from convladder.core.places import keep_libraries_here

GONE = "The current folder was deleted: change to another one (cd) and try again"

app = typer.Typer(
    help=(
        "Train an image classifier on your own images, and learn which technique earned its place."
    ),
    epilog="Example:  convladder climb digits     then open the report it names",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(command: Callable[..., None], example: str) -> None:
    """Add a command. Each paragraph of its help is one line, to be broken where a terminal ends."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    app.command(help="\n\n".join(" ".join(each.split()) for each in paragraphs), epilog=example)(
        command
    )


_add(data.check, "Example:  convladder check path/to/images --html check.html")
_add(
    planning.plan,
    "Example:  convladder plan path/to/images     or, by what was trained:  convladder plan "
    "climbs/2026-01-31-120000-cats",
)
_add(
    train.climb,
    "Example:  convladder climb path/to/images --rungs lenet5,max-pooling --seeds 4 --epochs 10"
    "     or on many machines:  convladder climb path/to/images --cluster auto",
)
_add(train.train, "Example:  convladder train path/to/images --rung batch-norm --epochs 20")
_add(
    train.tune,
    "Example:  convladder tune path/to/images --time 30m     or, where you choose what is "
    "searched:  convladder tune --print-space > mine.toml     then  convladder tune "
    "path/to/images --space mine.toml",
)
_add(
    results.evaluate,
    "Example:  convladder evaluate runs/2026-01-31-120000-cats --data path/to/other/images",
)
_add(train.reproduce, "Example:  convladder reproduce runs/2026-01-31-120000-cats")
_add(
    ladders.ladder,
    "Example:  convladder ladder classic     or     convladder ladder classic --toml > mine.toml",
)
_add(results.report, "Example:  convladder report climbs/2026-01-31-120000-cats")
_add(results.explain, "Example:  convladder explain runs/2026-01-31-120000-cats --accuracy 0.95")
_add(
    results.compare,
    "Example:  convladder compare climbs/NAME/trials/lenet5 climbs/NAME/trials/batch-norm"
    "     or two runs:  convladder compare runs/FIRST runs/SECOND",
)
_add(deploy.bundle, "Example:  convladder bundle runs/2026-01-31-120000-cats -o cats.convladder")
_add(
    deploy.export,
    "Example:  convladder export runs/2026-01-31-120000-cats --format litert --int8     or, of a "
    "bundle:  convladder export cats.convladder --format onnx --data path/to/images",
)
_add(
    deploy.predict,
    "Example:  convladder predict cats.convladder new/ --top 3     or     "
    "find . -name '*.jpg' | convladder predict cats.convladder - --csv > found.csv",
)
_add(
    deploy.serve,
    "Example:  convladder serve cats.convladder --corrections corrected     then open "
    "http://127.0.0.1:8000",
)
_add(data.cache, "Example:  convladder cache --clear")


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        sys.stdout.write(f"convladder {version_of('convladder')}\n")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; a fault that a person can put right is one line and exit status 2."""
    keep_libraries_here()
    logs.show()
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # file names that are not UTF-8
    try:
        app()
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
