"""`tune`: a search for better settings, and an honest claim about what it found."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.api import inputs, live_pages
from convladder.api.dataset import Dataset
from convladder.api.search import Tuning
from convladder.core import defaults
from convladder.core.devices import ALONE
from convladder.core.errors import ExperimentError, SearchError
from convladder.core.experiment import Experiment
from convladder.core.formatting import plural
from convladder.core.ladder import Ladder
from convladder.experiments import climb_plan, climbing
from convladder.experiments.climb_plan import Plan
from convladder.experiments.engines import Engine, check_address, engine_at
from convladder.experiments.judging import check_metric
from convladder.experiments.pretrained import backbones, leakage
from convladder.experiments.pretrained.imagenet import Say
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.models import shapes
from convladder.report import progress
from convladder.report.live.page import LivePage
from convladder.results import folders, locks, outputs
from convladder.tuning.request import TRIALS, TuneOptions, TuneRequest
from convladder.tuning.results import DEFAULT
from convladder.tuning.space import Space
from convladder.tuning.space_file import TRANSFER, USUAL, load_space, space_of

if TYPE_CHECKING:
    from convladder.tuning.candidates import SearchPlan
    from convladder.tuning.record import SearchRecord
    from convladder.tuning.searching import Budget, Search


_logger = logging.getLogger(__name__)


def tune(
    data: str | Path | Dataset,
    rung: str | None = None,
    *,
    ladder: str | Ladder | None = None,
    space: str | Path | Mapping[str, Any] | None = None,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    trials: int | None = None,
    seconds: float | None = None,
    seeds: int | None = None,
    margin: float | None = None,
    seed: int = 0,
    epochs: int | None = None,
    metric: str | None = None,
    changes: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    out: str | Path | None = None,
    fresh: bool = False,
    allow_changed: bool = False,
    allow_rejects: bool = False,
    quiet: bool = False,
) -> Tuning:
    """Search for better settings on validation; then test the winner once, against the default.

    Optuna draws the candidates, and those that fall behind are stopped early. The best on
    validation and the default are then trained again, with other seeds. Their difference on test
    is a claim like that of a rung. If a search is interrupted, the same call resumes it.

    Parameters
    ----------
    data, ladder, epochs, metric, changes
        As `train` takes them, for the experiment that the search begins with, the default.
    rung
        The rung to start from; None takes the last of the ladder.
    space
        The search space, a .toml file; None takes the built-in one, of which `pretrained` has its
        own. `{setting: choices or range}` is taken, too.
    pretrained, weights
        As `train` takes them: what is searched then is how to train on a backbone, whose layers
        stay as they are.
    trials
        Number of candidates to try; None takes 30, or with `seconds` as many as there is time for.
    seconds
        How long to search, interruptions not counted; testing the winner takes extra time.
    seeds
        Number of seeds for the final test of the winner against the default; None takes 3, then up
        to 12 if more can decide it. They follow that of the search.
    margin
        Call both equal if their difference is shown to be less than so many points, such as 1
        (auroc, log-loss and brier have no points: such as 0.01); None takes they are not called
        equal.
    seed
        Seed of the search.
    jobs, cluster
        As `climb` takes them; candidates are trials, too.
    out
        Where to write: a new or empty folder, or one to resume; None takes a new dated folder
        under `tunes/`, or that of an earlier search of the same.
    fresh
        Start over in a new folder.
    allow_changed
        Resume even if versions, threads or epochs changed (recorded in the run). This is about the
        runs of the winner and the default.
    allow_rejects, quiet
        As `train` takes them.

    Returns
    -------
    Tuning
        The search, with its candidates, its claim and its plots.

    Raises
    ------
    SearchError
        The space is wrong, or the winner has been tested already, and more candidates would be
        chosen after that.
    ConvladderError
        Something else that a person can put right.
    """
    request = TuneRequest(
        data=data,
        rung=rung,
        ladder=ladder,
        space=space,
        pretrained=pretrained,
        weights=weights,
        trials=trials,
        seconds=seconds,
        seeds=seeds,
        margin=margin,
        seed=seed,
        epochs=epochs,
        metric=metric,
        changes=changes,
    )
    how = TuneOptions(
        jobs=jobs,
        cluster=cluster,
        out=out,
        fresh=fresh,
        allow_changed=allow_changed,
        allow_rejects=allow_rejects,
        quiet=quiet,
    )
    return tune_request(request, how)


def tune_request(request: TuneRequest, how: TuneOptions) -> Tuning:
    """Search as `tune` does, which says what is raised."""
    reporter, source = progress.reporter(quiet=how.quiet), inputs.name_of(request.data)
    _check_numbers(request, how)
    place = outputs.check_at_start(how.out, "search", source, "tunes")
    load = inputs.loader(request.data, how.allow_rejects, reporter)
    default, space = _start_of(request, load, reporter.say)
    from convladder.tuning import record
    from convladder.tuning.candidates import SearchPlan, final_ladder
    from convladder.tuning.searching import Budget, find_search  # with Optuna, which takes a second

    plan = SearchPlan(default, space)
    budget = Budget(request.trials or (None if request.seconds else TRIALS), request.seconds)
    earlier = place or (None if how.fresh else find_search(Path("tunes"), plan, reporter.say))
    folder = earlier or folders.new_folder("tunes", source)
    outputs.check(folder, "search", source)
    with (
        inputs.going_on(reporter, folder, how.fresh),
        locks.locked(folder),
        live_pages.of_search(default, folder, how, reporter) as page,
        engine_at(how.cluster, how.jobs) as engine,
    ):
        kept = record.begin(folder, plan, budget, fresh=how.fresh)
        search = _search(kept, plan, folder, budget, how.resume, engine, reporter, page)
        if search.candidates.outcome()["changes"]:
            search.close()
            counts = kept.fix_seeds(request.seeds)
            ladder = final_ladder(default.experiment, search.candidates)
            seeds = range(request.seed + 1, request.seed + 1 + counts[-1])
            final = climb_plan.make_plan(ladder, seeds, {}, load, counts=counts)
            final = replace(final, margin=request.margin)
            _test(final, folder / "climb", how.resume, engine, reporter, page)
    return Tuning(folder)


def _check_numbers(request: TuneRequest, how: TuneOptions) -> None:
    """Raise ConvladderError where a number, a time or an address cannot be."""
    inputs.check_counts(trials=request.trials, seeds=request.seeds, jobs=how.jobs)
    most = request.seeds or defaults.LOOKS[-1]
    inputs.check_seeds(request.seed, most + 1)  # the winner's come after the search's
    inputs.check_seconds(request.seconds)
    check_address(how.cluster)


def _start_of(request: TuneRequest, load: climb_plan.Load, say: Say) -> tuple[Trial, Space]:
    """Return the default, with its images loaded, and the space around it."""
    space = _space(request.space, USUAL if request.pretrained is None else TRANSFER)
    _, start = inputs.experiment_of(request, ALONE, say)
    inputs.check_margin(request.margin, start.judged_by)
    _refuse_folds(start)
    _refuse_layers(space, start)
    space.check(start)
    dataset = leakage.check_unseen(start.model, load(start.data), say)
    check_metric(start, [dataset])
    default = start.replace(dataset.settled())
    shapes.check_size(default.model, *dataset.bank.form.shape[:2])
    return Trial(DEFAULT, default, dataset), space


def _space(space: str | Path | Mapping[str, Any] | None, built_in: str) -> Space:
    if isinstance(space, Mapping):
        return space_of(space, "space")
    return load_space(space, built_in)


def _refuse_folds(start: Experiment) -> None:
    if start.data.folds:
        raise ExperimentError(
            "a search cannot use folds: its winner would be tested on images that helped to "
            "choose it"
        )


# docs/decisions/066-with-a-backbone-tune-searches-how-to-train.md
def _refuse_layers(space: Space, start: Experiment) -> None:
    """Raise SearchError where layers are to be searched that a backbone gives."""
    for key in space.dimensions:
        if start.model.backbone and key in {f"model.{name}" for name in backbones.BODY}:
            raise SearchError(
                f"{space.where}: {key} cannot be searched: its layers come from the backbone"
            )


def _search(
    kept: SearchRecord,
    plan: SearchPlan,
    folder: Path,
    budget: Budget,
    how: ResumePolicy,
    engine: Engine,
    reporter: progress.Reporter,
    page: LivePage,
) -> Search:
    """Try candidates, if there is room for more, and keep what came out."""
    from convladder.tuning.searching import Search

    search = Search(plan, folder, how)
    room, tested = search.has_room(budget), folders.is_climb(folder / "climb")
    if room and tested:
        raise SearchError(
            f"the test of the winner in {folder} has started, so no more candidates may be tried. "
            "They would be chosen after the test images were opened: decide how long to search "
            "before that"
        )
    try:
        if room:
            kept.settle_sampler(reporter.say)
            kept.settle_environment(engine, bool(search.candidates.tried), reporter.say)
            page.add_candidates(live_pages.earlier_candidates(search.candidates, plan.default))
            with live_pages.showing(reporter, page) as (expect, on_event):
                expect(search.expected(budget), budget.seconds and budget.seconds - search.seconds)
                search.run(budget, engine=engine, on_event=on_event)
    finally:
        _keep(kept, search)
    if search.candidates.are_exhausted:
        tried, refusal = (
            plural(len(search.candidates.tried), "candidate"),
            search.candidates.last_refusal,
        )
        reporter.say(
            f"the space holds no candidates beyond the {tried} tried (the last draw: {refusal})"
        )
    return search


def _keep(kept: SearchRecord, search: Search) -> None:
    """Keep what a search has come to; a disk that is full must not hide what has ended it."""
    is_ended = sys.exception() is not None
    try:
        search.write_table()
        search.write_importances()
        kept.write(**search.candidates.outcome(), seconds=round(search.seconds, 1))
    except OSError as error:
        if not is_ended:
            raise
        _logger.warning("what the search has found so far was not written down (%s)", error)


# docs/decisions/043-a-search-ends-in-a-climb-of-two-rungs.md
def _test(
    plan: Plan,
    folder: Path,
    how: ResumePolicy,
    engine: Engine,
    reporter: progress.Reporter,
    page: LivePage,
) -> None:
    """Train the winner and the default afresh, and open the test images."""
    with live_pages.showing(reporter, page) as (expect, on_event):
        climbing.climb(plan, folder, engine=engine, how=how, on_weights=expect, on_event=on_event)
