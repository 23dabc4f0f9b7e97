"""The title of a page: what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convladder.core.formatting import every, plural, short_name
from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation.statistics import Estimate
from convladder.results import verdicts
from convladder.results.answer.naming import are, few, named, who_are
from convladder.results.seed_runs import estimate_of
from convladder.results.verdicts import MOST_NAMED

if TYPE_CHECKING:
    from convladder.results.group_summary import Claim
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun


def of_climb(climb: SavedClimb) -> str:
    """Return what a climb has found, in a sentence."""
    if len(climb.ladder.rungs) == 1:
        name = climb.ladder.rungs[0].name
        return of_value(name, climb.standings[name].estimate, climb.lineup.metric)
    return f"{_found(climb)}{_take(climb)}."


def _take(climb: SavedClimb) -> str:
    """Say which rung to take, unless nothing is compared, or another is shown to be better."""
    found = {claim.difference.verdict for claim in _claims(climb)}
    if climb.best is None or found <= {"no comparison"}:
        return ""
    worse_than = [
        claim.reference
        for claim in _claims(climb)
        if claim.name == climb.best and claim.difference.verdict == "worse"
    ]
    if worse_than:
        return f"; {climb.best} is best on validation, but worse than {worse_than[0]} on test"
    better = {*named(climb.against_parent, "better")}
    return f"; take {climb.best}{'' if climb.best in better else ', best on validation'}"


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
    if better := named(steps, "better"):
        return _earned(_with_others(climb, better), len(climb.steps)) + _others(steps)
    if better := named(starts, "better"):
        beat = f"{who_are(better, len(starts))} better than {climb.ladder.rungs[0].name}"
        worse = _others([claim for claim in steps if claim.difference.verdict == "worse"])
        return f"No single step is shown to help, but {beat}{worse}" if steps else beat
    for claims in (steps, starts):
        if named(claims, "worse"):
            return f"No technique is shown to help{_others(claims)}"
    return _nothing_decided(climb)


def _nothing_decided(climb: SavedClimb) -> str:
    found = {claim.difference.verdict for claim in _claims(climb)}
    if found <= {"no comparison"}:
        return "No rung can be called better yet: too few trainings are finished"
    if found == {"equal"}:
        return f"All techniques are {_equal(_claims(climb))} on these images"
    names = {claim.name for claim in _claims(climb)}
    who = f"{names.pop()} is not" if len(names) == 1 else "No technique is"
    return f"{who} shown to make a difference on these images"


def _earned(names: Sequence[str], asked: int) -> str:
    if len(names) > MOST_NAMED:
        return f"{len(names)} of {asked} techniques earned their place on these images"
    their = "its" if len(names) == 1 else "their"
    return f"{every(names)} earned {their} place on these images"


def _with_others(climb: SavedClimb, names: Sequence[str]) -> list[str]:
    """Say of each rung for how many others it stands too, which were not climbed."""
    others = {rung.name: len(rung.takes_in) for rung in climb.ladder.rungs}
    return [
        f"{name} (with {plural(others[name], 'change')} before it)" if others[name] else name
        for name in names
    ]


def _others(claims: Sequence[Claim]) -> str:
    """Say what became of those that are not better."""
    said = []
    if worse := named(claims, "worse"):
        said.append(f"{few(worse, 'techniques')} made it worse")
    if equal := named(claims, "equal"):
        said.append(f"{few(equal, 'techniques')} {are(len(equal))} {_equal(claims)}")
    if undecided := named(claims, "undecided"):
        said.append(f"{few(undecided, 'others')} {are(len(undecided))} undecided")
    return "".join(f", {each}" for each in said)


def _equal(claims: Sequence[Claim]) -> str:
    """Return the verdict of those that are equal, with its margin."""
    found = next(claim for claim in claims if claim.difference.verdict == "equal")
    return verdicts.in_words(found.difference, found.metric)


def _claims(climb: SavedClimb) -> list[Claim]:
    return [*climb.against_parent, *climb.against_start]


def _article(noun: str) -> str:
    return "an" if noun[0].lower() in "aeiou" or noun.startswith("F1") else "a"
