"""What says which differences a climb would find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convladder.cli import steps_output
from convladder.cli.arguments import AsJson, QuietOption, Settings
from convladder.cli.data_options import READING, SPLITTING, data_options
from convladder.cli.output import new_table, output, print_json
from convladder.cli.request_options import parse_rungs
from convladder.core import defaults
from convladder.core.errors import ExperimentError
from convladder.core.formatting import plural

if TYPE_CHECKING:
    import pandas as pd

    from convladder.api.planning import Planning

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
    rungs: Annotated[
        str | None,
        typer.Option(
            "--rungs",
            metavar="A,B,C",
            help="Plan for these rungs only, separated by commas; default: all.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="POINTS",
            help=(
                "Also say how many seeds it takes to call two equal rungs equal within so many "
                "points."
            ),
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
    """Show how small a difference a climb of your images would find.

    Before anything is trained, it guesses how much seeds and images will differ. Of a climb it
    measures that. The table shows the smallest true difference that 4 climbs out of 5 would find,
    by numbers of seeds and of test images.
    """
    from convladder.api import planning

    if accuracy is not None and not LEAST_PERCENT < accuracy < MOST_PERCENT:
        raise ExperimentError(f"--accuracy is in percent, such as 80; got {accuracy:g}")
    planned = planning.plan(
        data,
        ladder,
        rungs=None if rungs is None else parse_rungs(rungs),
        folds=settings.pop("data.folds", None),
        margin=margin,
        accuracy=None if accuracy is None else accuracy / 100,
        spread=None if spread is None else spread / 100,
        changes=settings,
        quiet=quiet,
    )
    if as_json:
        print_json(_as_json(planned))
        return
    output.print(
        f"The smallest true difference in {planned.metric.title} between two rungs that 4 climbs "
        "out of 5 would find. A rung is one step of the ladder: a network with one technique more.",
        markup=False,
    )
    output.print(_as_table(planned, planned.table()))
    for line in _remarks(planned):
        output.print(line, markup=False)
    steps_output.show(steps_output.of_plan(planned))


def _as_json(planned: Planning) -> dict[str, Any]:
    table = planned.table()
    told = {
        "source": planned.source,
        "rungs": planned.rungs,
        "comparisons": planned.comparisons,
        "test_images": planned.images,
        "folds": planned.folds,
        "assumed": planned.assumed,
        "metric": planned.metric.name,
        "unit": planned.metric.unit.strip(),
        "detectable": [
            {"seeds": seeds, "test_images": images, "difference": difference}
            for images, column in table.items()
            for seeds, difference in zip(table.index.tolist(), column.tolist(), strict=True)
        ],
    }
    if planned.margin is None:
        return told
    needed = [
        {"test_images": images, "seeds": seeds}
        for images, seeds in planned.seeds_for_margin().items()
    ]
    return told | {"margin": planned.margin, "seeds_to_call_equal": needed}


def _as_table(planned: Planning, table: pd.DataFrame) -> Any:
    first = "seeds in each fold" if planned.folds else "seeds of each rung"
    shown = new_table(first, *(f">{images:,} test images" for images in table.columns))
    for seeds, row in table.iterrows():
        shown.add_row(str(seeds), *(_size(planned, difference) for difference in row))
    return shown


def _size(planned: Planning, difference: float) -> str:
    """Write a difference as the plan has it."""
    return f"{difference:.1f} points" if planned.metric.is_share else f"{difference:.3f}"


def _remarks(planned: Planning) -> Iterator[str]:
    """Yield what a newcomer needs to read the table, and what else would help."""
    if planned.folds:
        yield (
            f"Every image is tested once, in {planned.folds} folds. So one seed is "
            f"{planned.folds} trainings of each rung. You have {planned.images:,} images."
        )
    else:
        yield (
            "A seed is one training from another random start. You have "
            f"{plural(planned.images, 'test image')}. The other columns are for more of them."
        )
    rungs, pairs = plural(planned.rungs, "rung"), plural(planned.comparisons, "comparison")
    fewer = " Fewer rungs (--rungs) find smaller differences." if planned.rungs > 2 else ""
    yield f"This is for {rungs}, {pairs}.{fewer}"
    yield f"How much seeds and images differ is {planned.assumed}."
    if not planned.is_measured:
        yield (
            "Another metric (--metric) of one class rests on the test images of that class alone, "
            "so it takes larger differences."
        )
    yield from _of_folds(planned)
    yield from _of_margin(planned)


def _of_folds(planned: Planning) -> Iterator[str]:
    """Yield that folds would find more with the same trainings, where they would."""
    for seeds in (defaults.SEEDS, 2 * defaults.SEEDS):
        found = planned.folds_at(seeds)
        if found is not None:
            more = f" --seeds {seeds // defaults.FOLDS}" if seeds > defaults.FOLDS else ""
            yield (
                f"With --folds {defaults.FOLDS}{more}, the same {seeds} trainings of each rung "
                f"would find {_size(planned, found)}."
            )


def _of_margin(planned: Planning) -> Iterator[str]:
    if planned.margin is None:
        return
    yield (
        f"To call two rungs equal within {planned.margin:g}{planned.metric.unit}, in 4 climbs out "
        "of 5 where they truly are:"
    )
    where = " in each fold" if planned.folds else ""
    for images, seeds in planned.seeds_for_margin().items():
        needed = "50 trainings of each rung are too few" if seeds is None else plural(seeds, "seed")
        yield f"  {images:,} test images: {needed}{where if seeds else ''}"
