"""What trains: one network, a ladder, a search, a run once more."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from convladder.cli import results_output
from convladder.cli.arguments import AsJson, interruptible
from convladder.cli.browser import Opener, OpenPage
from convladder.cli.data_options import READING, SPLITTING, data_options
from convladder.cli.request_options import request_options
from convladder.core.errors import ExperimentError
from convladder.experiments.request import ClimbRequest, ReproduceRequest, Request, TrainRequest
from convladder.experiments.run_options import ReproduceOptions, RunOptions
from convladder.tuning.request import TuneOptions, TuneRequest


@data_options(READING, SPLITTING)
@request_options(
    ClimbRequest,
    RunOptions,
    "data ladder rungs seeds seconds seed metric margin epochs pretrained weights jobs cluster "
    "class_weight changes allow_rejects out fresh allow_changed tensorboard mlflow open_page "
    "as_json quiet",
)
def climb(
    request: ClimbRequest, how: RunOptions, *, open_page: OpenPage = False, as_json: AsJson = False
) -> None:
    """Train each technique with several seeds, and report which pay.

    A ladder is a list of networks. Each rung is the one before with one technique more. A seed is
    one training from another random start: several seeds tell a gain from chance.

    If it is interrupted for any reason, run the same command again to resume.
    """
    _climb(request, how, open_page, as_json=as_json)


@data_options(READING, SPLITTING)
@request_options(
    TrainRequest,
    RunOptions,
    "data rung ladder seed metric epochs pretrained weights threads class_weight changes "
    "allow_rejects out fresh allow_changed tensorboard mlflow devices processes process_id "
    "coordinator open_page as_json quiet",
)
def train(
    request: TrainRequest, how: RunOptions, *, open_page: OpenPage = False, as_json: AsJson = False
) -> None:
    """Train one network: one rung of a ladder, with one seed.

    With --folds, it is trained once per fold, like a climb of one rung. If it is interrupted for
    any reason, run the same command again to resume.
    """
    from convladder.api import train as training

    if request.given.get("data.folds"):
        if how.parallel.total > 1:
            raise ExperimentError(
                "--folds trains each network on one device: leave out --devices and --processes"
            )
        _climb(_in_every_fold(request), replace(how, jobs=how.threads), open_page, as_json=as_json)
        return
    if how.parallel.process_id:
        with interruptible():
            training.join_request(request, how)
        return
    opener = Opener(open_page)
    with interruptible():
        trained = training.train_request(request, replace(how, on_page=opener))
    page = opener(trained.report())
    results_output.run(trained, page, json_wanted=as_json)


def _in_every_fold(request: TrainRequest) -> ClimbRequest:
    """Return the climb of one rung with one seed."""
    from convladder.api import inputs

    rung = request.rung or inputs.ladder_of(request).rungs[-1].name
    same = {each.name: getattr(request, each.name) for each in fields(Request)}
    return ClimbRequest(rungs=[rung], seeds=1, **same)


def _print_space(wanted: bool) -> None:
    if wanted:
        from convladder.tuning.space_file import built_in_text

        sys.stdout.buffer.write(built_in_text().encode())  # UTF-8, also where a console is not
        raise typer.Exit


@data_options(READING, SPLITTING)
@request_options(
    TuneRequest,
    TuneOptions,
    "data space print_space trials seconds rung ladder pretrained weights seeds metric margin "
    "seed epochs jobs cluster class_weight changes allow_rejects out fresh allow_changed "
    "open_page as_json quiet",
)
def tune(
    request: TuneRequest,
    how: TuneOptions,
    *,
    print_space: Annotated[
        bool,
        typer.Option(
            "--print-space",
            help="Print the built-in space, as a start for your own.",
            callback=_print_space,
            is_eager=True,
        ),
    ] = False,
    open_page: OpenPage = False,
    as_json: AsJson = False,
) -> None:
    """Search for better settings, then test whether they are better.

    The search uses the validation images only. Candidates that fall behind are stopped early. The
    best one and the default are then trained again with several new seeds, which takes extra time.
    They are compared on test like a rung with its parent. If it is interrupted for any reason, run
    the same command again to resume.
    """
    from convladder.api import tune as search

    del print_space
    opener = Opener(open_page)
    with interruptible():
        tuned = search.tune_request(request, replace(how, on_page=opener))
    page = opener(tuned.report())
    results_output.tuning(tuned, page, json_wanted=as_json)
    if tuned.winner is None or tuned.test_failure:
        raise typer.Exit(1)


@request_options(
    ReproduceRequest, ReproduceOptions, "run data pretrained weights out as_json quiet"
)
def reproduce(request: ReproduceRequest, how: ReproduceOptions, *, as_json: AsJson = False) -> None:
    """Train a run again, and compare its predictions byte for byte.

    All that it takes is in the run's experiment.json. The exit status is 0 if predictions.csv is
    identical byte for byte, and 1 if it is not.
    """
    from convladder.api import reproduce as again

    with interruptible():
        reproduced = again.reproduce_request(request, how)
    results_output.reproduction(reproduced, Path(str(request.run)), json_wanted=as_json)
    if not reproduced.equal:
        raise typer.Exit(1)


def _climb(request: ClimbRequest, how: RunOptions, open_page: bool, *, as_json: bool) -> None:
    """Climb, and show what came out."""
    from convladder.api import climb as climbs

    opener = Opener(open_page)
    with interruptible():
        climbed = climbs.climb_request(request, replace(how, on_page=opener))
    page = opener(climbed.report(runs=True))
    results_output.climb(climbed, page, json_wanted=as_json)
    if climbed.failures:
        raise typer.Exit(1)
