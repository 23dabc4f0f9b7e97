"""`tune`: a search for better settings, and an honest claim about what it found."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.api import inputs
from convladder.api.dataset import Dataset
from convladder.api.search import Tuning
from convladder.core import defaults, files
from convladder.core.devices import ALONE
from convladder.core.errors import ExperimentError, RunError, SearchError
from convladder.core.experiment import Experiment, difference
from convladder.core.formatting import plural
from convladder.core.ladder import Ladder, Rung
from convladder.experiments import climbing, resume
from convladder.experiments.climbing import Plan
from convladder.experiments.engines import Engine, check_address, engine_at
from convladder.experiments.pretrained import backbones, leakage
from convladder.experiments.pretrained.imagenet import Say
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.models import shapes
from convladder.report import progress
from convladder.results import folders, locks, migrations, outputs, provenance
from convladder.tuning.results import DEFAULT, TUNED
from convladder.tuning.space import TRANSFER, USUAL, Space, load_space, space_of

if TYPE_CHECKING:
    from convladder.tuning.candidates import SearchPlan
    from convladder.tuning.searching import Budget, Search

SAMPLER = "optuna"  # what draws the candidates; the name of its package
TRIALS = 30  # candidates, where neither their number nor a time is given


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
    seeds: int = defaults.SEEDS,
    seed: int = 0,
    epochs: int | None = None,
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
    data, ladder, rung, changes, epochs
        As `train` takes them: the experiment that the search begins with, the default.
    space
        The path of a TOML file, or `{setting: choices or range}`; None takes the built-in one, of
        which `pretrained` has its own.
    pretrained, weights
        As `train` takes them: what is searched then is how to train on a backbone, whose layers
        stay as they are.
    trials, seconds
        How many candidates are tried, and for how long at most, stops not counted; None for both
        takes 30.
    seeds, seed
        With how many seeds the winner and the default are trained again, and the seed of the
        search. Theirs are those that follow it.
    jobs
        Candidates, and then trials, at a time; None takes one a core, or as many as there is memory
        for.
    cluster
        The address of a Ray cluster to train on, as `climb` takes it.
    out
        The search's folder; None takes an earlier search of the same under `tunes/`, or makes a
        dated one.
    fresh
        Start over in a new folder.
    allow_changed
        Go on with unfinished trials of the winner and the default although versions differ.

    Raises
    ------
    SearchError
        The space is wrong, or the winner has been tested already, and more candidates would be
        chosen after that.
    ConvladderError
        Something else that a person can put right.
    """
    reporter = progress.reporter(quiet=quiet)
    inputs.check_counts(trials=trials, seeds=seeds, jobs=jobs)
    inputs.check_seeds(seed, seeds + 1)  # the winner's come after that of the search
    if seconds is not None and seconds <= 0:
        raise ExperimentError(f"seconds must be above 0; got {seconds!r}")
    check_address(cluster)
    place = outputs.check_at_start(out, "search", inputs.name_of(data), "tunes")
    searched = _space(space, USUAL if pretrained is None else TRANSFER)
    given = inputs.changes_of(epochs, changes)
    begun = inputs.Start(data, rung, ladder, pretrained, weights)
    _, start = begun.experiment(given, ALONE, reporter.say)
    start = start.replace({"seed": seed})
    _refuse_folds(start)
    _refuse_layers(searched, start)
    searched.check(start)
    load = inputs.loader(data, allow_rejects, reporter)
    dataset = leakage.check_unseen(start.model, load(start.data), reporter.say)
    default = start.replace(dataset.settled())
    shapes.check_size(default.model, *dataset.bank.form.shape[:2])
    from convladder.tuning.candidates import SearchPlan
    from convladder.tuning.searching import Budget, find_search  # with Optuna, which takes a second

    plan = SearchPlan(Trial(DEFAULT, default, dataset), searched)
    budget = Budget(trials or (None if seconds else TRIALS), seconds)
    earlier = place or (None if fresh else find_search(Path("tunes"), plan, reporter.say))
    folder = earlier or folders.new_folder("tunes", start.data.source)
    outputs.check(folder, "search", start.data.source)
    how = ResumePolicy(allow_changed=allow_changed)
    with (
        inputs.going_on(reporter, folder, fresh),
        locks.locked(folder),
        engine_at(cluster, jobs) as engine,
    ):
        about = _begin(folder, plan, budget, fresh=fresh)
        search = _search(about, plan, folder, budget, how, engine, reporter)
        if search.candidates.outcome()["changes"]:
            search.close()
            about.fix_seeds(seeds)
            final = climbing.make_plan(
                _ladder(start, search), range(seed + 1, seed + 1 + seeds), {}, load
            )
            _test(final, folder / "climb", how, engine, reporter)
    return Tuning(folder)


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


class _About:
    """What `tune.json` says of a search: what it is of, and what it has come to."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path, self._about = path, about

    def write(self, **more: Any) -> None:
        self._about |= more
        files.write_json(self._path, self._about)

    def settle_sampler(self, say: Say) -> None:
        """Keep which Optuna draws the candidates, and say where another has drawn those before."""
        before, now = self._about.get(SAMPLER), metadata.version(SAMPLER)
        if before not in (None, now):
            say(
                f"Optuna was {before} and is now {now}: the next candidates may differ from those "
                "of an uninterrupted search"
            )
        self.write(**{SAMPLER: now})

    def settle_environment(self, engine: Engine, tried: bool, say: Say) -> None:
        """Keep where what comes is trained, and say in what that is otherwise than what was tried
        before.
        """
        before, changed = self._about["environment"], list(self._about.get("changed", []))
        for change in resume.changed_backend(before) if tried else []:
            say(f"{change}: this search compares candidates from before and after")
            changed += [change] if change not in changed else []
        self.write(environment=engine.environment(), changed=changed)

    def fix_seeds(self, seeds: int) -> None:
        """Settle with how many seeds the winner is tested. Raises SearchError where that was with
        others.
        """
        before = self._about["seeds"]
        if before not in (None, seeds):
            raise SearchError(
                f"the winner of {self._path.parent} is tested with {before} seeds. That was fixed "
                f"before the test images were opened: give --seeds {before}"
            )
        self.write(seeds=seeds)


def _begin(folder: Path, plan: SearchPlan, budget: Budget, *, fresh: bool) -> _About:
    """Say in the folder what is searched there. Raises ConvladderError where it holds something
    else.
    """
    from convladder.tuning.searching import ABOUT

    path, before = folder / ABOUT, dict[str, Any]()
    if folders.is_search(folder):
        before = migrations.read_about(path)
        if fresh:
            raise SearchError(
                f"{folder} holds a search: to start over, remove it or choose another --out"
            )
        if before["identity"] != plan.identity or not resume.is_split_alike(before["data"]):
            differing = (
                "; ".join(_differences(before, plan))
                or "it was written by another version of convladder"
            )
            raise SearchError(f"{folder} holds another search ({differing}): choose another --out")
    data = plan.default.dataset.provenance()
    begun: dict[str, Any] = {
        "winner": None,
        "changes": {},
        "exhausted": False,
        "seconds": 0.0,
        "seeds": None,
    }
    begun["environment"] = provenance.environment(provenance.command())
    about = _About(path, begun | before)
    about.write(
        format=folders.FORMAT,
        identity=plan.identity,
        default=plan.default.experiment.model_dump(),
        space=plan.space.to_json(),
        space_from=plan.space.where,
        budget=asdict(budget),
        tested_before=_count_tested(folder, data["fingerprint"]),
        data=data,
    )
    return about


def _differences(before: Mapping[str, Any], plan: SearchPlan) -> list[str]:
    """Say in what a search differs from the one that a folder holds."""
    try:
        changes = resume.changes_of(
            before["data"], Experiment.parse(before["default"]), plan.default
        )
    except ExperimentError:  # it has settings that there are no more
        return []
    then, now = before["space"], plan.space.to_json()
    searched = [
        key for key in {**then, **now} if json.dumps(then.get(key)) != json.dumps(now.get(key))
    ]
    others = [f"the space has another line for {key}" for key in searched]
    if not searched and list(then) != list(now):
        others = ["the lines of the space are in another order"]
    return [*changes.values(), *others]


def _count_tested(folder: Path, fingerprint: str) -> int:
    """Return how many other searches beside this one have been tested on the same images."""
    count = 0
    for path in folder.parent.glob("*/tune.json"):
        other = path.parent.resolve() != folder.resolve() and folders.is_climb(
            path.parent / "climb"
        )
        with contextlib.suppress(
            OSError, ValueError, KeyError, TypeError, RunError
        ):  # damaged, or newer
            count += other and migrations.read_about(path)["data"]["fingerprint"] == fingerprint
    return count


def _search(
    about: _About,
    plan: SearchPlan,
    folder: Path,
    budget: Budget,
    how: ResumePolicy,
    engine: Engine,
    reporter: progress.Reporter,
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
            about.settle_sampler(reporter.say)
            about.settle_environment(engine, bool(search.candidates.tried), reporter.say)
            with reporter.trials() as display:
                display.expect(
                    search.expected(budget), budget.seconds and budget.seconds - search.seconds
                )
                search.run(budget, engine=engine, on_event=display.follow)
    finally:
        _keep(about, search)
    if search.candidates.are_exhausted:
        tried, refusal = (
            plural(len(search.candidates.tried), "candidate"),
            search.candidates.last_refusal,
        )
        reporter.say(
            f"the space holds no candidates beyond the {tried} tried (the last draw: {refusal})"
        )
    return search


def _keep(about: _About, search: Search) -> None:
    """Keep what a search has come to; what has ended it must not be hidden by a disk that is full."""
    with contextlib.ExitStack() as stack:
        if sys.exception() is not None:
            stack.enter_context(contextlib.suppress(OSError))
        search.write_table()
        search.write_importances()
        about.write(**search.candidates.outcome(), seconds=round(search.seconds, 1))


def _ladder(start: Experiment, search: Search) -> Ladder:
    """Return the ladder of two rungs that a search ends with."""
    base = {key: new for key, (_, new) in difference(Experiment(), start).items() if key != "seed"}
    winner = search.candidates.winner
    assert winner is not None
    tuned = Rung(
        name=TUNED,
        parent=DEFAULT,
        what=f"Candidate {winner.number} of the search: the best on validation.",
        why="It had the best accuracy of all candidates on the validation images.",
        hurts=(
            "The best of many candidates may just have been lucky. That is why it is trained "
            "again here, with new seeds."
        ),
        change=search.candidates.changes(winner),
    )
    default = Rung(name=DEFAULT, what="The settings that the search started from.")
    return Ladder(
        "tune",
        "Settings found by the search, compared with the default",
        "",
        base,
        (default, tuned),
    )


# docs/decisions/043-a-search-ends-in-a-climb-of-two-rungs.md
def _test(
    plan: Plan, folder: Path, how: ResumePolicy, engine: Engine, reporter: progress.Reporter
) -> None:
    """Train the winner and the default afresh, and open the test images."""
    with reporter.trials() as display:
        climbing.climb(
            plan, folder, engine=engine, how=how, on_weights=display.expect, on_event=display.follow
        )
