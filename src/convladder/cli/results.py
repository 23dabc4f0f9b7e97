"""What looks at runs and climbs that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convladder.cli import explanation_output, results_output, steps_output
from convladder.cli.arguments import (
    AllowRejects,
    AsJson,
    Coverage,
    Out,
    QuietOption,
    Settings,
    interruptible,
)
from convladder.cli.browser import Opener, OpenPage
from convladder.cli.data_options import TABLES, data_options
from convladder.core.errors import ExperimentError


@data_options(TABLES)
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Other labelled images to evaluate on."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Write predictions.csv and evaluation.json to this folder.",
        ),
    ] = None,
    allow_rejects: AllowRejects = False,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Show the figures of a run, or test it on other labelled images.

    Without --data, it shows the figures on the run's own validation and test images. With --data,
    it evaluates the test split, or every image if there is no test split. convladder reads the
    other images with the same options as the run's own, unless you give others.
    """
    from convladder.api.run import Run

    if out and data is None:
        raise ExperimentError(
            "--out needs --data: a run's own predictions are already in its folder"
        )
    trained = Run(run)
    if data is None:
        figures, judged_by = trained.metrics, trained.experiment.judged_by
    else:
        judged_by = None
        with interruptible():
            figures = trained.evaluate(
                data, changes=settings, out=out, allow_rejects=allow_rejects, quiet=quiet
            )
    results_output.figures(figures, json_wanted=as_json, judged_by=judged_by)
    if not as_json:
        steps_output.show(steps_output.of_evaluation(trained, data, out))


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of a run, a climb or a search.")
    ],
    open_page: OpenPage = False,
    as_json: AsJson = False,
) -> None:
    """Write the report of a run, a climb or a search again."""
    from convladder.api.climb import Climb
    from convladder.api.run import Run
    from convladder.api.search import Tuning
    from convladder.results import outputs

    kind, opener = outputs.check_made_here(folder), Opener(open_page)
    if kind == "search":
        tuned = Tuning(folder)
        results_output.tuning(tuned, opener(tuned.report()), json_wanted=as_json)
    elif kind == "climb":
        climbed = Climb(folder)
        results_output.climb(climbed, opener(climbed.report(runs=True)), json_wanted=as_json)
    else:
        run = Run(folder)
        results_output.run(run, opener(run.report()), json_wanted=as_json)


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    accuracy: Annotated[
        float,
        typer.Option(
            "--accuracy",
            metavar="SHARE",
            help='Accuracy that answers not marked "unsure" should have.',
        ),
    ] = 0.95,
    coverage: Coverage = 0.95,
    as_json: AsJson = False,
) -> None:
    """Show where a network errs, and which labels look wrong.

    It also says whether to trust its confidence, and how it copes with degraded images.
    """
    from convladder.api.run import Run
    from convladder.evaluation import conformal

    if not 0 < accuracy <= 1:
        raise ExperimentError(f"--accuracy must be between 0 and 1, such as 0.95; got {accuracy:g}")
    conformal.check_coverage(coverage)
    explained, wanted = Run(run), explanation_output.Wanted(accuracy, coverage)
    explanation_output.explanation(explained, explained.report(), wanted, json_wanted=as_json)


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Folders of runs or rungs; the first is the reference."
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="METRIC",
            help="What they are judged by, such as macro-f1 (default: what they were trained for).",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="POINTS",
            help=(
                "Call two groups equal if their difference is shown to be less than so many "
                "points, such as 1 (auroc, log-loss and brier have no points: such as 0.01)."
            ),
        ),
    ] = None,
    out: Out = None,
    open_page: OpenPage = False,
    as_json: AsJson = False,
) -> None:
    """Compare runs on the same test images with the first of them.

    Runs that differ only in their seed form one group. Groups are compared over seeds and test
    images, as in a climb. Single runs are compared as networks, with McNemar's test.
    """
    from convladder.api import comparison

    compared = comparison.compare(*runs, metric=metric, margin=margin)
    page = Opener(open_page)(compared.report(out))
    results_output.comparison(compared, page, json_wanted=as_json)
