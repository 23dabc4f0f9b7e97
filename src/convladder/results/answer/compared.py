"""The answer of a comparison: a title, the group to take, how sure that is, and its dangers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convladder.core.metrics import ACCURACY
from convladder.results import advice
from convladder.results.answer import certainty, dangers, use
from convladder.results.answer.answer import Answer
from convladder.results.answer.cards import Card
from convladder.results.answer.dangers import Suspect
from convladder.results.answer.sentences import Figure, Sentence

if TYPE_CHECKING:
    from convladder.evaluation.differences import Verdict
    from convladder.results.comparison import RunComparison
    from convladder.results.group_summary import Claim

MOST_NAMED = 3  # groups in a title


def of_comparison(compared: RunComparison) -> Answer:
    """Return the answer of a comparison. Raises RunError where a file of its runs is damaged."""
    return Answer(
        title_of(compared), use.of_comparison(compared), _certainty(compared), _dangers(compared)
    )


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
    if found.verdict in ("better", "worse"):
        judged_by = "" if metric == ACCURACY else f" in {metric.title}"
        size = metric.write_size(found.difference)
        return f"{claim.name} is {found.verdict} than {claim.reference} by {size}{judged_by}"
    if found.verdict == "equal":
        margin = metric.write_size(found.margin or 0.0)
        return f"{claim.name} and {claim.reference} are equal within ±{margin}"
    if found.verdict == "undecided":
        return f"No difference between {claim.name} and {claim.reference} is shown"
    return f"{claim.name} and {claim.reference} cannot be compared: one of them has one seed only"


def _of_several(claims: Sequence[Claim], reference: str) -> str:
    better, worse = _named(claims, "better"), _named(claims, "worse")
    if better:
        harmed = f", {_subject(worse, len(claims))} worse" if worse else ""
        return f"{_subject(better, len(claims))} better than {reference}{harmed}"
    if worse:
        return f"{_subject(worse, len(claims))} worse than {reference}"
    verdicts = {claim.difference.verdict for claim in claims}
    if verdicts == {"equal"}:
        margin = claims[0].metric.write_size(claims[0].difference.margin or 0.0)
        names = [claim.name for claim in claims]
        return f"{_subject(names, len(names))} equal to {reference} within ±{margin}"
    if verdicts == {"no comparison"}:
        return f"Nothing can be compared with {reference}: too few seeds are there"
    return f"No difference from {reference} is shown"


def _undecided(claims: Sequence[Claim]) -> str:
    """Say which are undecided, where others are better or worse."""
    names = _named(claims, "undecided")
    if not names or not {"better", "worse"} & {each.difference.verdict for each in claims}:
        return ""
    who = _and(names) if len(names) <= MOST_NAMED else f"{len(names)} others"
    return f"; {who} {'is' if len(names) == 1 else 'are'} undecided"


def _named(claims: Sequence[Claim], verdict: Verdict) -> list[str]:
    return [claim.name for claim in claims if claim.difference.verdict == verdict]


def _subject(names: Sequence[str], asked: int) -> str:
    """Name the groups, or count them where they are many, with their verb."""
    if len(names) == asked:
        return f"Both {_and(names)} are" if asked == 2 else f"All {asked} are"
    if len(names) > MOST_NAMED:
        return f"{len(names)} of {asked} are"
    return f"{_and(names)} {'is' if len(names) == 1 else 'are'}"


def _and(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


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
        sentences += [*_missed(compared, judged), *_more(judged)]
    return Card(certainty.HEADING, tuple(sentences))


def _missed(compared: RunComparison, claims: Sequence[Claim]) -> Iterator[Sentence]:
    sizes = [each.difference.detectable for each in claims if each.difference.detectable]
    if sizes:
        metric, tested = compared.lineup.metric, compared.standings[compared.reference].tested
        sizes_told = certainty.write_sizes(metric, min(sizes), min(max(sizes), metric.largest))
        figure = Figure(sizes_told, certainty.MISSED)
        setup = f"{compared.lineup.folds} folds" if compared.lineup.folds else "these seeds"
        yield (f"With {setup} and {tested}, it is easy to miss differences under ", figure, ".")


def _more(claims: Sequence[Claim]) -> Iterator[Sentence]:
    """Tell what would decide the undecided difference that is nearest to being decided."""
    undecided = [each for each in claims if each.difference.verdict == "undecided"]
    for claim in sorted(undecided, key=lambda each: each.difference.p_corrected or 1.0):
        if ways := advice.ways(claim.difference):
            yield (
                f"If {claim.name} differs as much as it looks, {' or '.join(ways)} would show it 4 "
                "times out of 5.",
            )
            return


def _dangers(compared: RunComparison) -> Card:
    """Say what to watch out for with the group that is to be used."""
    name, found = compared.best, compared.lineup.robustness
    alike = {
        other: own
        for other, own in found.items()
        if other != name and name in found and compared.lineup.asked_alike(other, name)
    }
    shown = compared.best_seed
    suspect = Suspect(compared.lineup.pooled[name], shown, found.get(name), alike)
    return dangers.of_network(suspect, shown.runs[0].about["data"])
