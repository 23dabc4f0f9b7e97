"""What looks at ladders."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from convladder.cli import ladders_output
from convladder.cli.arguments import AsJson, Pretrained
from convladder.cli.data_options import parse_size
from convladder.core.errors import ExperimentError

if TYPE_CHECKING:
    from convladder.core.ladder import Ladder


def ladder(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE", help="The ladder to show; default: list all ladders."),
    ] = None,
    image_size: Annotated[
        str,
        typer.Option(
            "--image-size", metavar="N|HxW", help="Image size in pixels, to compute costs."
        ),
    ] = "32",
    channels: Annotated[
        int,
        typer.Option(
            "--channels",
            metavar="N",
            help="Channels of the images, to compute costs: 1 (grey) or 3 (RGB).",
        ),
    ] = 3,
    classes: Annotated[
        int,
        typer.Option("--classes", metavar="N", min=2, help="Number of classes, to compute costs."),
    ] = 10,
    pretrained: Pretrained = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print a built-in ladder's file, to start your own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the ladders, or show the rungs of one.

    Each rung comes with its changes, its parameters, and its operations (MACs and FLOPs).
    """
    from convladder.core import ladder as ladders

    if channels not in (1, 3):
        raise ExperimentError(f"--channels must be 1 (grey) or 3 (RGB); got {channels}")
    if toml:
        sys.stdout.buffer.write(_text_of(name).encode())  # UTF-8, also where a console is not
    elif name is None:
        loaded = [ladders.load_ladder(each) for each in ladders.BUILT_IN]
        ladders_output.ladders(loaded, json_wanted=as_json)
    else:
        chosen, shape = ladders.load_ladder(name), (*parse_size(image_size), channels)
        costs = _measure(chosen, shape, classes, pretrained)
        ladders_output.ladder(name, chosen, costs, json_wanted=as_json)


def _text_of(name: str | None) -> str:
    """Return the file of a built-in ladder. Raises ExperimentError."""
    from convladder.core.ladder import BUILT_IN, built_in_text

    if name is None:
        raise ExperimentError(f"--toml needs the name of a ladder: {', '.join(BUILT_IN)}")
    if name not in BUILT_IN:
        raise ExperimentError(
            f"--toml prints a built-in ladder ({', '.join(BUILT_IN)}); got {name!r}"
        )
    return built_in_text(name)


def _measure(
    chosen: Ladder, shape: tuple[int, int, int], classes: int, pretrained: str | None
) -> dict[str, dict[str, int]]:
    """Return what each rung costs, as far as that is known without its backbone."""
    from convladder.core.worker_pool import call
    from convladder.experiments.pretrained import backbones
    from convladder.experiments.preview import measure_ladder

    start = backbones.changes(pretrained, None, {})
    # a worker keeps TensorFlow quiet
    costs: dict[str, dict[str, int]] = call(measure_ladder, chosen, shape, classes, start)
    return costs
