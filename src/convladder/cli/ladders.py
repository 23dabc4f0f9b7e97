"""What looks at ladders."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from convladder.cli import output
from convladder.cli.arguments import AsJson, Pretrained
from convladder.cli.data_options import parse_size
from convladder.core.errors import ExperimentError


def ladder(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]", help="The ladder to show; default: list all ladders."
        ),
    ] = None,
    image_size: Annotated[
        str, typer.Option("--image-size", metavar="N|HxW", help="For the costs.")
    ] = "32",
    channels: Annotated[
        int,
        typer.Option(
            "--channels", help="Channels of the images, to compute costs: 1 (grey) or 3 (RGB)."
        ),
    ] = 3,
    classes: Annotated[int, typer.Option("--classes", min=2, help="For the costs.")] = 10,
    pretrained: Pretrained = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print a built-in ladder's file, to start your own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the ladders, or print the rungs of one: changes, parameters and FLOPs."""
    from convladder.core import ladder as ladders

    if channels not in (1, 3):
        raise ExperimentError(f"--channels must be 1 (grey) or 3 (RGB); got {channels}")
    if toml and name is None:
        raise ExperimentError(f"--toml needs the name of a ladder: {', '.join(ladders.BUILT_IN)}")
    if name is None:
        output.ladders(
            [ladders.load_ladder(each) for each in ladders.BUILT_IN], json_wanted=as_json
        )
    elif toml:
        if name not in ladders.BUILT_IN:
            raise ExperimentError(
                f"--toml prints a built-in ladder ({', '.join(ladders.BUILT_IN)}); got {name!r}"
            )
        sys.stdout.buffer.write(
            ladders.built_in_text(name).encode()
        )  # UTF-8, also where a console is not
    else:
        from convladder.core.worker_pool import call
        from convladder.experiments.pretrained import backbones
        from convladder.experiments.preview import measure_ladder

        chosen = ladders.load_ladder(name)
        shape = (*parse_size(image_size), channels)
        start = backbones.changes(pretrained, None, {})
        costs = call(
            measure_ladder, chosen, shape, classes, start
        )  # a worker keeps TensorFlow quiet
        output.ladder(chosen, costs, json_wanted=as_json)
