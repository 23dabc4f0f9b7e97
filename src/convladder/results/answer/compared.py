"""The answer of a comparison: a title, the group to take, how sure that is, and its dangers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convladder.core.metrics import ACCURACY
from convladder.results import verdicts
from convladder.results.answer import certainty, dangers, use
from convladder.results.answer.cards import Answer, Card
from convladder.results.answer.dangers import Suspect
from convladder.results.answer.naming import are, few, named, who_are
from convladder.results.answer.sentences import Sentence

if TYPE_CHECKING:
    from convladder.results.comparison import RunComparison
    from convladder.results.group_summary import Claim


def of_comparison(compared: RunComparison) -> Answer:
    """Return the answer of a comparison. Raises RunError where a file of its runs is damaged."""
    return in_short(compared).and_card(_dangers(compared))


def in_short(compared: RunComparison) -> Answer:
    """Return the answer of a comparison but for what to watch out for."""
    return Answer(title_of(compared), (use.of_comparison(compared), _certainty(compared)))


def title_of(compared: RunComparison) -> str:
    """Return what a comparison has found, in a sentence."""
    claims = compared.claims
    found = _of_one(claims[0]) if len(claims) == 1 else _of_several(claims, compared.reference)
    if {claim.difference.verdict for claim in claims} == {"no comparison"}:
        return f"{found}."
    where = f"on the same {compared.standings[compared.reference].tested}"
    return f"{found} {where}{_undecided(claims)}."


def _of_one(claim: Claim) -> str:
    found, metric = claim.difference, claim.metric
    if found.is_called:
        judged_by = "" if metric == ACCURACY else f" in {metric.title}"
        size = metric.write_size(found.difference)
        return f"{claim.name} is {found.verdict} than {claim.reference} by {size}{judged_by}"
    if found.verdict == "equal":
        return f"{claim.name} and {claim.reference} are {verdicts.in_words(found, metric)}"
    if found.verdict == "undecided":
        return f"No difference between {claim.name} and {claim.reference} is shown"
    return f"{claim.name} and {claim.reference} cannot be compared: one of them has one seed only"


def _of_several(claims: Sequence[Claim], reference: str) -> str:
    better, worse = named(claims, "better"), named(claims, "worse")
    if better:
        harmed = f", {who_are(worse, len(claims))} worse" if worse else ""
        return f"{who_are(better, len(claims))} better than {reference}{harmed}"
    if worse:
        return f"{who_are(worse, len(claims))} worse than {reference}"
    found = {claim.difference.verdict for claim in claims}
    if found == {"equal"}:
        alike = verdicts.in_words(claims[0].difference, claims[0].metric, to=reference)
        names = [claim.name for claim in claims]
        return f"{who_are(names, len(names))} {alike}"
    if found == {"no comparison"}:
        return f"Nothing can be compared with {reference}: too few seeds are there"
    return f"No difference from {reference} is shown"


def _undecided(claims: Sequence[Claim]) -> str:
    """Say which are undecided, where others are better or worse."""
    names = named(claims, "undecided")
    if not names or not {"better", "worse"} & {each.difference.verdict for each in claims}:
        return ""
    return f"; {few(names, 'others')} {are(len(names))} undecided"


def _certainty(compared: RunComparison) -> Card:
    judged = [each for each in compared.claims if each.difference.family_low is not None]
    if not judged:
        single: tuple[Sentence, ...] = (
            ("With one seed, a real effect cannot be told from chance.",),
            ("Train at least three seeds of each.",),
        )
        return Card(certainty.HEADING, single)
    sentences: list[Sentence] = [certainty.largest(judged, "comparisons")]
    if compared.of_networks:
        sentences += [
            ("This compares these trained networks only. Other seeds may give other results.",),
            ("To compare the techniques behind them, give several seeds of each.",),
        ]
    else:
        folds, tested = compared.lineup.folds, compared.standings[compared.reference].tested
        trained_with = f"{folds} folds" if folds else "these seeds"
        sentences += [
            *certainty.missed(judged, f"{trained_with} and {tested}"),
            *certainty.nearest(judged),
        ]
    return Card(certainty.HEADING, tuple(sentences))


def _dangers(compared: RunComparison) -> Card:
    """Say what to watch out for with the group that is to be used."""
    lineup, name, shown = compared.lineup, compared.best, compared.best_seed
    others = lineup.asked_as(name)
    suspect = Suspect(lineup.pooled[name], shown, others.pop(name, None), others)
    return dangers.of_network(suspect, shown.runs[0].about["data"])
