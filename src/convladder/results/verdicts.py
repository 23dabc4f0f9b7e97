"""Claims in sentences: the interval is read, not the wish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convladder.core.metrics import Metric
from convladder.results import advice

if TYPE_CHECKING:
    from convladder.core.ladder import Rung
    from convladder.evaluation.differences import Difference
    from convladder.results.group_summary import Claim, GroupSummary
    from convladder.results.pace import Pace


MOST_NAMED = 3  # rungs in a sentence
LEAST_CHANCE = 0.01  # less is not written as a number
ALIKE = 1.25  # times as large, differences are told as one


def in_words(found: Difference, metric: Metric, to: str = "") -> str:
    """Return a verdict as people read it: an equality with its margin, and to what, if given."""
    if found.verdict == "equal" and found.margin:
        equal = f"equal to {to}" if to else "equal"
        return f"{equal} within ±{metric.write_size(found.margin)}"
    return found.verdict


def of_claim(claim: Claim, standings: Mapping[str, GroupSummary], pace: Pace | None = None) -> str:
    """Say in Markdown what a claim shows, how surely, and what more the rung costs."""
    own, reference = standings[claim.name], standings[claim.reference]
    who = f"**{claim.name}** against {claim.reference}"
    found, price = _difference(claim, own, pace), _price(own, reference)
    return f"{who}: {found}{_chances(claim)}{_beats(claim)} Cost: {price}."


def taken_in(rung: Rung) -> str:
    """Say for which rungs, left out of a climb, a rung stands too."""
    own = "its own rung was" if len(rung.takes_in) == 1 else "their own rungs were"
    return (
        f"{rung.name} includes {', '.join(rung.takes_in)}, because {own} not climbed. Its "
        f"difference from {rung.parent} is the effect of all of them together."
    )


def name_decided(claims: Sequence[Claim], where: str) -> str:
    """Name the steps that are better or worse somewhere else; empty where there are none.

    where : such as `On degraded images`.
    """
    said = []
    for verdict in ("better", "worse"):
        names = [claim.name for claim in claims if claim.difference.verdict == verdict]
        if names:
            said.append(f"{len(names)} {verdict} ({', '.join(names[:MOST_NAMED])}{_more(names)})")
    return f"{where}, of {len(claims)} steps: {'; '.join(said)}." if said else ""


def _more(names: Sequence[str]) -> str:
    return " and others" if len(names) > MOST_NAMED else ""


def _difference(claim: Claim, own: GroupSummary, pace: Pace | None) -> str:
    found, metric = claim.difference, claim.metric
    by = f"{metric.write_difference(found.difference)}{metric.unit}"
    seeds = found.seeds or own.estimate.seeds
    if found.family_low is None or found.family_high is None or found.detectable is None:
        return f"{by}, but **no comparison** can be made with {_count(seeds, 'seed')}."
    bounds = metric.write_bounds(found.family_low, found.family_high, called=found.is_called)
    said = f"{by} (95 % interval {bounds}), so **{in_words(found, metric)}**."
    if found.verdict == "undecided":
        tested = f"{own.folds} folds" if own.folds else _count(seeds, "seed")
        setup = f"{tested} and {own.tested}"
        said += f" {_found_in_four_of_five(found.detectable, setup, metric)}{_needed(found, pace)}"
    return said


def _needed(found: Difference, pace: Pace | None) -> str:
    """Say what would decide a difference that is as large as it looks."""
    ways = advice.ways(found, pace)
    return f" One as large as this would be found with {' or with '.join(ways)}." if ways else ""


def _chances(claim: Claim) -> str:
    """Say how probable it is that the true difference is larger than the margin, either way."""
    found = claim.difference
    if found.chance_better is None or found.chance_worse is None:
        return ""
    by = f" by more than {claim.metric.write_size(found.margin)}" if found.margin else ""
    better, worse = (_percent(chance) for chance in (found.chance_better, found.chance_worse))
    return (
        f" If this were the only comparison, it would be better{by} with a probability of "
        f"{better}, worse{by} with {worse}."
    )


def _percent(chance: float) -> str:
    """Write a probability without claiming to be certain."""
    if chance < LEAST_CHANCE:
        return "less than 1 %"
    return "more than 99 %" if chance > 1 - LEAST_CHANCE else f"{100 * chance:.0f} %"


def _beats(claim: Claim) -> str:
    if claim.beats is None:
        return ""
    often, low, high = (
        round(100 * share) for share in (claim.beats.value, claim.beats.low, claim.beats.high)
    )
    return (
        f" Trained once each, it would beat {claim.reference} in {often} of 100 cases (95 % "
        f"interval {low} to {high})."
    )


def _found_in_four_of_five(difference: float, setup: str, metric: Metric) -> str:
    if difference >= metric.largest:
        return f"With {setup}, not even the largest difference would be found 4 times out of 5."
    size = metric.write_size(difference)
    return f"With {setup}, a true difference of {size} would be found 4 times out of 5."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _price(own: GroupSummary, reference: GroupSummary) -> str:
    parameters = _times(own.price.parameters, reference.price.parameters) or "the same number of"
    flops = _times(own.price.flops, reference.price.flops) or "the same number of"
    return f"{parameters} parameters, {flops} FLOPs"


def _times(own: int, reference: int) -> str:
    """Return the ratio as words, such as `2.21 times the`; nothing where both are equal."""
    return "" if own == reference else f"{own / reference:.3g} times the"
