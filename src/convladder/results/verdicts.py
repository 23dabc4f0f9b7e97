"""Claims in sentences: the interval is read, not the wish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convladder.core.formatting import points

if TYPE_CHECKING:
    from convladder.core.ladder import Rung
    from convladder.evaluation.statistics import Verdict
    from convladder.results.groups import Claim, GroupSummary


_SAID: Mapping[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "no detectable difference": "without a detectable difference",
    "no comparison": "with too few seeds to compare",
}

MOST_NAMED = 3  # rungs in a sentence


def of_claim(claim: Claim, standings: Mapping[str, GroupSummary]) -> str:
    """Say in Markdown what a claim shows, how surely, and what more the rung costs."""
    own, reference = standings[claim.name], standings[claim.reference]
    who = f"**{claim.name}** against {claim.reference}"
    return f"{who}: {_difference(claim, own)} Cost: {_price(own, reference)}."


def taken_in(rung: Rung) -> str:
    """Say for which rungs, left out of a climb, a rung stands too."""
    were = "was" if len(rung.takes_in) == 1 else "were"
    return (
        f"{rung.name} brings {', '.join(rung.takes_in)} as well, which {were} left out. Its "
        f"difference from {rung.parent} is the effect of all of them together."
    )


def count_verdicts(
    noun: str, which: str, asked: int, claims: Sequence[Claim], images: int | None = None
) -> str:
    """Say how many of the comparisons came to which verdict, and name the few that differ.

    images : the number of test images, to say which differences these are too few for.
    """
    verdicts = {claim.difference.verdict for claim in claims}
    if verdicts == {"no detectable difference"} and asked == len(claims):
        return _none_detected(noun, which, claims, images)
    said = []
    for verdict, words in _SAID.items():
        names = [claim.name for claim in claims if claim.difference.verdict == verdict]
        named = verdict in ("better", "worse") and len(names) <= MOST_NAMED
        if names:
            said.append(f"{len(names)} {words}" + (f" ({', '.join(names)})" if named else ""))
    if asked > len(claims):
        said.append(f"{asked - len(claims)} could not be compared, because trials are not finished")
    return f"Of {asked} {noun}{'' if asked == 1 else 's'} {which}: " + "; ".join(said) + "."


def _none_detected(noun: str, which: str, claims: Sequence[Claim], images: int | None) -> str:
    if len(claims) == 1:
        who = f"{claims[0].name} made no detectable difference"
    else:
        who = f"None of the {len(claims)} {noun}s {which} made a difference we can detect"
    missed = max(claim.difference.detectable or 0.0 for claim in claims)
    if not images or not missed:
        return f"{who}."
    return (
        f"{who} (differences under ~{100 * missed:.1f} points are easily missed with "
        f"{images:,} test images)."
    )


def _difference(claim: Claim, own: GroupSummary) -> str:
    found = claim.difference
    by = f"{points(found.difference)} points"
    seeds, images = own.accuracy.seeds, own.accuracy.images
    if found.low is None or found.high is None or found.detectable is None:
        return f"{by}, but **no comparison** can be made with {_count(seeds, 'seed')}."
    interval = f"{by} (95 % interval {points(found.low)} to {points(found.high)})"
    if found.verdict == "no detectable difference":
        tested = f"{own.folds} folds" if own.folds else _count(seeds, "seed")
        return (
            f"{interval}, so **no detectable difference**. With {tested} and {images:,} test "
            f"images, a true difference under {100 * found.detectable:.1f} points is likely to be "
            "missed."
        )
    return f"{interval}, so **{found.verdict}** on these images."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _price(own: GroupSummary, reference: GroupSummary) -> str:
    parameters = _times(own.price.parameters, reference.price.parameters) or "the same number of"
    flops = _times(own.price.flops, reference.price.flops) or "the same number of"
    return f"{parameters} parameters, {flops} FLOPs"


def _times(own: int, reference: int) -> str:
    """Return the ratio as words, such as `2.21 times the`; nothing where both are equal."""
    return "" if own == reference else f"{own / reference:.3g} times the"
