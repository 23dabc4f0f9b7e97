"""The title of a page: what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convladder.core.formatting import short_name
from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation.statistics import Estimate
from convladder.results.seed_runs import estimate_of

if TYPE_CHECKING:
    from convladder.evaluation.differences import Verdict
    from convladder.results.group_summary import Claim
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun

MOST_NAMED = 3  # rungs in a title


def of_climb(climb: SavedClimb) -> str:
    """Return what a climb has found, in a sentence."""
    if len(climb.ladder.rungs) == 1:
        name = climb.ladder.rungs[0].name
        return of_value(name, climb.standings[name].estimate, climb.lineup.metric)
    return f"{_found(climb)}{_take(climb)}."


def _take(climb: SavedClimb) -> str:
    """Say which rung to take, unless nothing is compared, or another is shown to be better."""
    verdicts = {claim.difference.verdict for claim in _claims(climb)}
    if climb.best is None or verdicts <= {"no comparison"}:
        return ""
    worse_than = [
        claim.reference
        for claim in _claims(climb)
        if claim.name == climb.best and claim.difference.verdict == "worse"
    ]
    if worse_than:
        return f"; {climb.best} is best on validation, but worse than {worse_than[0]} on test"
    return f"; take {climb.best}"


def of_run(run: SavedRun) -> str:
    """Return how good one network is, in a sentence."""
    found = of_value(run.rung, estimate_of(run), run.experiment.judged_by)
    return f"{found.removesuffix('.')} on {short_name(run.about['data']['source'])}."


def of_value(name: str, found: Estimate, metric: Metric) -> str:
    """Return how good a network is, in a sentence."""
    value = metric.write(found.mean)
    if metric == ACCURACY:
        return f"{name} gets {value} of test images right."
    return f"{name} has {_article(metric.title)} {metric.title} of {value} on test."


def _found(climb: SavedClimb) -> str:
    steps, starts = climb.against_parent, climb.against_start
    if better := _named(steps, "better"):
        return _earned(better, len(climb.steps)) + _others(steps)
    if better := _named(starts, "better"):
        beat = f"{_all_or(better, len(starts))} better than {climb.ladder.rungs[0].name}"
        worse = _others([claim for claim in steps if claim.difference.verdict == "worse"])
        return f"No single step is shown to help, but {beat}{worse}" if steps else beat
    for claims in (steps, starts):
        if _named(claims, "worse"):
            return f"No technique is shown to help{_others(claims)}"
    return _nothing_decided(climb)


def _nothing_decided(climb: SavedClimb) -> str:
    verdicts = {claim.difference.verdict for claim in _claims(climb)}
    if verdicts <= {"no comparison"}:
        return "No rung can be called better yet: too few trainings are finished"
    if verdicts == {"equal"}:
        margin = climb.lineup.metric.write_size(climb.lineup.margin or 0)
        return f"All techniques are equal within ±{margin} on these images"
    names = {claim.name for claim in _claims(climb)}
    who = f"{names.pop()} is not" if len(names) == 1 else "No technique is"
    return f"{who} shown to make a difference on these images"


def _earned(names: Sequence[str], asked: int) -> str:
    if len(names) > MOST_NAMED:
        return f"{len(names)} of {asked} techniques earned their place on these images"
    their = "its" if len(names) == 1 else "their"
    return f"{_and(names)} earned {their} place on these images"


def _others(claims: Sequence[Claim]) -> str:
    """Say what became of those that are not better."""
    said = []
    if worse := _named(claims, "worse"):
        said.append(f"{_few(worse)} made it worse")
    if equal := _named(claims, "equal"):
        found = next(each for each in claims if each.difference.verdict == "equal")
        margin = found.metric.write_size(found.difference.margin or 0.0)
        said.append(f"{_few(equal)} {_be(equal)} equal within ±{margin}")
    if undecided := _named(claims, "undecided"):
        few = len(undecided) <= MOST_NAMED
        who = _and(undecided) if few else str(len(undecided))
        said.append(f"{who} {_be(undecided)} undecided")
    return "".join(f", {each}" for each in said)


def _few(names: Sequence[str]) -> str:
    return _and(names) if len(names) <= MOST_NAMED else f"{len(names)} techniques"


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _all_or(names: Sequence[str], asked: int) -> str:
    """Name the rungs, or count them where they are many, with their verb."""
    if len(names) == asked > 1:
        return "both rungs are" if asked == 2 else f"all {asked} rungs are"
    if len(names) > MOST_NAMED:
        return f"{len(names)} of {asked} rungs are"
    return f"{_and(names)} {_be(names)}"


def _claims(climb: SavedClimb) -> list[Claim]:
    return [*climb.against_parent, *climb.against_start]


def _named(claims: Sequence[Claim], verdict: Verdict) -> list[str]:
    return [claim.name for claim in claims if claim.difference.verdict == verdict]


def _and(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _article(noun: str) -> str:
    return "an" if noun[0].lower() in "aeiou" or noun.startswith("F1") else "a"
