"""What makes sense next, as commands with real paths: for the terminal and for pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from convladder.core import defaults
from convladder.core.formatting import plural, short_name
from convladder.results import commands

if TYPE_CHECKING:  # the command line imports this to say what it takes, which must be quick
    import pandas as pd

    from convladder.results.comparison import RunComparison
    from convladder.results.group_summary import Claim
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun

MOST = 3  # steps that a person reads
TO_ERRORS = "shows where it errs, and which labels look wrong"
TO_BUNDLE = "makes one file that predicts anywhere"


@dataclass(frozen=True)
class NextStep:
    """A command that makes sense now, as a shell takes it, and in a few words what it brings."""

    command: str
    why: str


class Search(Protocol):
    """What is asked of a search: `tuning.results.SearchResults` answers it."""

    folder: Path
    about: dict[str, Any]

    @property
    def found(self) -> int | None: ...

    @property
    def climb(self) -> SavedClimb | None: ...

    @property
    def candidates(self) -> pd.DataFrame: ...


def of_climb(climb: SavedClimb) -> list[NextStep]:
    """Return what to do after a climb: finish it, decide what is open, use its best network."""
    first = [*_finish(climb)] or [*_decide(climb)]
    return [*first, *_use_best(climb)][:MOST]


def of_run(run: SavedRun) -> list[NextStep]:
    """Return what to do with a network: see where it errs, and use it."""
    return [explain(run), bundle(run)]


def of_search(search: Search) -> list[NextStep]:
    """Return what to do after a search: go on, finish its test, or use what it found."""
    words = commands.recorded(search.about["environment"], "tune")
    if search.found is None:
        return [*_search_on(search, words)]
    test = search.climb
    if test is None or test.missing or test.failures:
        return [_again(words, search.folder, "finishes the test of the winner")] if words else []
    verdict = test.against_parent[0].difference.verdict
    steps = [_plan(test)] if verdict == "undecided" else []
    return [*steps, *of_run(test.best_of(_kept(test, verdict)))]


def of_comparison(compared: RunComparison) -> list[NextStep]:
    """Return what to do with the group that is best on validation, unless it is worse on test."""
    return of_run(compared.best_run)


def explain(run: SavedRun) -> NextStep:
    """Return the command that shows where a network errs."""
    return NextStep(commands.written("explain", run.folder), TO_ERRORS)


def bundle(run: SavedRun, *options: object) -> NextStep:
    """Return the command that makes a bundle of a run, under a name that tells what it is."""
    words = ("bundle", run.folder, "-o", bundle_name(run), *options)
    return NextStep(commands.written(*words), TO_BUNDLE)


def bundle_name(run: SavedRun) -> str:
    """Name a bundle by the images and the rung, such as `cats-batch-norm.convladder`."""
    from convladder.results.bundle.bundle import SUFFIX

    data = Path(short_name(run.experiment.data.source)).stem
    name = re.sub(r"[^\w]+", "-", f"{data}-{run.rung}").strip("-")
    return f"{name}{SUFFIX}"


def _finish(climb: SavedClimb) -> Iterator[NextStep]:
    """Yield the command that trains what is missing, if something is."""
    words = commands.recorded(climb.environment, "climb", "train")
    counts = {"missing": climb.missing, "failed": len(climb.failures)}
    lacking = [f"{plural(count, 'trial')} {what}" for what, count in counts.items() if count]
    if words and lacking:
        yield _again(words, climb.folder, f"finishes the climb: {' and '.join(lacking)}")


def _decide(climb: SavedClimb) -> Iterator[NextStep]:
    """Yield what would decide an open comparison soonest, if one is open."""
    if climb.folds or len(climb.ladder.rungs) == 1:
        return
    words = commands.recorded(climb.environment, "climb")
    claims = climb.against_parent or climb.against_start
    undecided = [claim for claim in claims if claim.difference.verdict == "undecided"]
    if words and all(len(each.runs) == 1 for each in climb.standings.values()):
        yield _with_seeds(
            climb, words, defaults.LOOKS[0], "one seed cannot tell a gain from chance"
        )
    elif undecided:
        ways = [*_ways(climb, words, undecided)] if words else []
        yield from ways[:1] or [_plan(climb)]


def _ways(
    climb: SavedClimb, words: Sequence[str], undecided: Sequence[Claim]
) -> Iterator[NextStep]:
    """Yield more seeds, or folds, that would show one of the differences if it is as it looks."""
    by_seeds = _fewest(undecided, "seeds_needed")
    if by_seeds:
        name, seeds = by_seeds
        took = climb.pace.of_seeds(seeds)
        yield _with_seeds(climb, words, seeds, f"more seeds may decide {name} ({took})")
    by_folds = _fewest(undecided, "fold_seeds_needed")
    if by_folds:
        name, seeds = by_folds
        took = climb.pace.of_each(defaults.FOLDS * seeds)
        kept = commands.without(words, (*commands.PLACE, *commands.SEEDS), commands.ONCE)
        options = ["--folds", defaults.FOLDS, *(["--seeds", seeds] if seeds > 1 else [])]
        yield NextStep(
            commands.written(*kept, *options), f"cross-validation may decide {name} ({took})"
        )


def _fewest(claims: Iterable[Claim], what: str) -> tuple[str, int] | None:
    """Return the claim that needs the fewest seeds, and how many."""
    needed = {claim.name: getattr(claim.difference, what) for claim in claims}
    known = {name: seeds for name, seeds in needed.items() if seeds}
    return min(known.items(), key=lambda each: each[1]) if known else None


def _use_best(climb: SavedClimb) -> list[NextStep]:
    """Return what to do with the network that the page shows, if a rung can be called the best."""
    return of_run(climb.shown) if climb.best or len(climb.ladder.rungs) == 1 else []


def _plan(climb: SavedClimb) -> NextStep:
    why = "shows what more seeds or more test images would find"
    return NextStep(commands.written("plan", climb.folder), why)


def _with_seeds(climb: SavedClimb, words: Sequence[str], seeds: int, why: str) -> NextStep:
    kept = commands.without(words, commands.SEEDS)
    return _again([*kept, "--seeds", str(seeds)], climb.folder, why)


def _again(words: Sequence[str], folder: Path, why: str) -> NextStep:
    """Return a command once more, at work in the same folder."""
    kept = commands.without(words, commands.PLACE, commands.ONCE)
    return NextStep(commands.written(*kept, "--out", folder), why)


def _search_on(search: Search, words: Sequence[str] | None) -> Iterator[NextStep]:
    """Yield the command that tries twice as many candidates, unless there are no others."""
    if words and not search.about["exhausted"]:
        kept = commands.without(words, ("--trials", "--time"))
        tried = len(search.candidates)
        more = [*kept, "--trials", str(2 * tried)]
        yield _again(more, search.folder, f"tries {plural(tried, 'more candidate')}")


def _kept(test: SavedClimb, verdict: str) -> str:
    """Return the rung of a search's test to use: the tuned one, unless it is worse."""
    default, tuned = (rung.name for rung in test.ladder.rungs)
    return default if verdict == "worse" else tuned
