"""What says which differences a climb would find."""

from __future__ import annotations

from typing import Annotated

import typer

from convladder.cli.arguments import AsJson, QuietOption, Settings
from convladder.cli.data_options import READING, SPLITTING, data_options
from convladder.cli.output import new_table, output, print_json
from convladder.core.errors import ExperimentError
from convladder.core.formatting import plural

LEAST_PERCENT, MOST_PERCENT = 1, 100  # less is a share that was taken for a percentage


@data_options(READING, SPLITTING)
def plan(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA|CLIMB",
            help="Your images, as climb takes them; or a climb, whose results are used.",
        ),
    ],
    ladder: Annotated[
        str | None,
        typer.Option(
            "--ladder", metavar="NAME|FILE", help="The ladder to climb; default: classic."
        ),
    ] = None,
    accuracy: Annotated[
        float | None,
        typer.Option("--accuracy", metavar="PERCENT", help="The accuracy you expect; default: 80."),
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option(
            "--spread",
            metavar="POINTS",
            help=(
                "The standard deviation of accuracy between trainings, in points; default: 1. 0.5 "
                "is steady, 2 is unsteady."
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Show which differences a climb would find, by its numbers of seeds and of test images.

    Before anything is trained, it guesses how much seeds and images will differ. Of a climb it
    measures that. The table shows the smallest true difference that 4 climbs out of 5 would find.
    """
    from convladder.api import planning

    if accuracy is not None and not LEAST_PERCENT < accuracy < MOST_PERCENT:
        raise ExperimentError(f"--accuracy is in percent, such as 80; got {accuracy:g}")
    planned = planning.plan(
        data,
        ladder,
        accuracy=None if accuracy is None else accuracy / 100,
        spread=None if spread is None else spread / 100,
        changes=settings,
        quiet=quiet,
    )
    table = planned.table()
    if as_json:
        print_json(
            {
                "source": planned.source,
                "rungs": planned.rungs,
                "comparisons": planned.comparisons,
                "test_images": planned.images,
                "assumed": planned.assumed,
                "detectable_points": [
                    {"seeds": seeds, "test_images": images, "points": points}
                    for images, column in table.items()
                    for seeds, points in zip(table.index.tolist(), column.tolist(), strict=True)
                ],
            }
        )
        return
    shown = new_table("seeds", *(f">{images:,} test images" for images in table.columns))
    for seeds, row in table.iterrows():
        shown.add_row(str(seeds), *(f"{points:.1f} points" for points in row))
    output.print(shown)
    output.print(
        f"the smallest true difference that 4 climbs out of 5 would find; {planned.rungs} rungs, "
        f"{plural(planned.comparisons, 'comparison')}; {planned.assumed}",
        markup=False,
    )
