"""What shows trainings while they run, for a machine without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convladder.cli.arguments import errors
from convladder.cli.deploy import AllowHost, Host, Port
from convladder.core.errors import ExperimentError


def watch(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="The folder of a climb, a run or a search, begun or not."
        ),
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_host: AllowHost = None,
) -> None:
    """Show what trains in a folder, on a machine without a screen.

    It serves the live page of a climb, a run or a search to a browser, and then the report (needs
    the extra `serve`). On another machine, run first: ssh -L 8000:127.0.0.1:8000 HOST
    """
    from convladder.deploy.serve import launch
    from convladder.report.live.rendering import render_waiting
    from convladder.results import folders

    if folder.is_file():
        raise ExperimentError(f"{folder} is a file: give the folder of a climb, a run or a search")
    watched = folders.finished(folder)
    place = launch.Place(host=host, port=port, hosts=tuple(allow_host or ()))
    launch.watch(watched, place, render_waiting, lambda text: errors.print(text, markup=False))
