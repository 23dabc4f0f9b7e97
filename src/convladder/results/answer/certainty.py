"""How sure the answer is: the largest difference, what would be missed, and what shows more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convladder.core.formatting import plural
from convladder.results import advice, verdicts
from convladder.results.answer.cards import Card
from convladder.results.answer.naming import named
from convladder.results.answer.sentences import Explained, Sentence
from convladder.results.seed_runs import estimate_of

if TYPE_CHECKING:
    from convladder.core.metrics import Metric
    from convladder.results.group_summary import Claim
    from convladder.results.pace import Pace
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun

HEADING = "How sure?"


def of_climb(climb: SavedClimb) -> Card:
    """Say how sure a climb's verdicts are."""
    claims = {(each.name, each.reference): each for each in climb.against_start}
    claims |= {(each.name, each.reference): each for each in climb.against_parent}
    compared = [each for each in claims.values() if each.difference.family_low is not None]
    if compared:
        sentences = (
            *_largest_and_of_best(climb, compared),
            *missed(compared, _setup(climb)),
            *_more(climb, compared),
        )
        return Card(HEADING, sentences)
    if len(climb.ladder.rungs) > 1:
        return Card(HEADING, ((f"No comparison can be made: {_lacking(climb)}.",),))
    return Card(HEADING, tuple(_of_one(climb)))


def _largest_and_of_best(climb: SavedClimb, claims: Sequence[Claim]) -> Iterator[Sentence]:
    """Tell how the rung to use stands against start and parent; first the largest, if decided."""
    own, first = [each for each in claims if each.name == climb.best], _largest_of(claims)
    if not any(each.difference.is_called for each in own):
        yield largest(claims, "climbs")
        own = [each for each in own if each is not first]
    yield from (_tell(each, "climbs") for each in own)


def of_run(run: SavedRun) -> Card:
    """Say what the interval of a single network covers."""
    images = Explained(f"{estimate_of(run).images:,} test images", "All images of the test split.")
    sentences: tuple[Sentence, ...] = (
        ("The interval covers the choice of the ", images, ", not the choice of the seed."),
        ("Trained with another seed, the network may lie outside it.",),
        ("To compare techniques, train several seeds of each with convladder climb.",),
    )
    return Card(HEADING, sentences)


def _of_one(climb: SavedClimb) -> Iterator[Sentence]:
    standing = next(iter(climb.standings.values()))
    if not standing.estimate.covers_seeds:
        yield ("With one seed, the interval covers the choice of test images only.",)
    elif climb.folds:
        yield (f"Every image was tested once, in {climb.folds} folds.",)
    else:
        yield ("The interval covers the choice of seeds and test images.",)
    if expected := standing.next_network:
        metric = standing.metric
        figure = Explained(
            metric.write_range(expected.low, expected.high),
            "Where one more network would land on these test images, 95 times out of 100.",
        )
        yield ("Trained once more, expect ", figure, ".")


def _lacking(climb: SavedClimb) -> str:
    """Say why nothing is compared."""
    if not climb.complete_looks:
        seeds = plural(len(climb.looks[0].seeds), "seed")
        return f"trials are missing for the first look, which is at {seeds}"
    single = [name for name, standing in climb.standings.items() if len(standing.runs) == 1]
    if len(single) == len(climb.standings):
        return "with one seed per rung, a real effect cannot be told from chance"
    return f"both rungs need two finished seeds, and {', '.join(single) or 'a rung'} has too few"


def largest(claims: Sequence[Claim], of_what: str) -> Sentence:
    """Tell the largest difference that is decided, or else the largest there is.

    of_what : the claims are of, such as `climbs`.
    """
    found = _largest_of(claims)
    first = f"The largest difference{' found' if found.difference.is_called else ''} is "
    return _tell(found, of_what, first if len(claims) > 1 else "")


def _largest_of(claims: Sequence[Claim]) -> Claim:
    """Return the claim of the largest difference that is decided, or else of the largest."""
    decided = [each for each in claims if each.difference.is_called]
    return max(decided or claims, key=lambda each: abs(each.difference.difference))


def _tell(found: Claim, of_what: str, first: str = "") -> Sentence:
    """Tell a difference with its interval and its verdict."""
    difference, metric = found.difference, found.metric
    size = Explained(
        f"{metric.write_difference(difference.difference)}{metric.unit}",
        f"The {metric.title} of {found.name} less that of {found.reference}, on test.",
    )
    bounds = Explained(
        metric.write_bounds(
            difference.family_low or 0.0, difference.family_high or 0.0, called=difference.is_called
        ),
        "The 95 % interval. All such intervals of differences on clean images hold at once in 95 "
        f"of 100 such {of_what}.",
    )
    verdict = verdicts.in_words(difference, metric)
    return (
        f"{first}{found.name} against {found.reference}: ",
        size,
        " (",
        bounds,
        f"), {verdict}.",
    )


def _setup(climb: SavedClimb) -> str:
    """Name how often a climb trains and what it tests on."""
    trained = f"{climb.folds} folds" if climb.folds else f"{climb.seeds} seeds"
    return f"{trained} and {next(iter(climb.standings.values())).tested}"


def missed(claims: Sequence[Claim], setup: str) -> Iterator[Sentence]:
    """Tell which differences can go unnoticed. setup : such as `5 seeds and 360 test images`."""
    sizes = [each.difference.detectable for each in claims if each.difference.detectable]
    if not sizes:
        return
    metric = claims[0].metric
    told = _write_sizes(metric, min(sizes), min(max(sizes), metric.largest))
    which = ", depending on the pair." if " to " in told else "."
    yield (
        f"With {setup}, true differences under ",
        Explained(
            told, "The smallest true difference that this setup would find 4 times out of 5."
        ),
        f" are easily missed{which}",
    )


def _write_sizes(metric: Metric, low: float, high: float) -> str:
    """Write a range of differences, or one of them where they are nearly alike."""
    alike = high < verdicts.ALIKE * low
    return metric.write_size(high) if alike else metric.write_sizes(low, high)


def _more(climb: SavedClimb, claims: Sequence[Claim]) -> Iterator[Sentence]:
    """Tell what would find more."""
    undecided = named(claims, "undecided")
    if not climb.folds and len(undecided) < len(claims):
        yield from nearest(claims, climb.pace)
    elif undecided and (said := advice.of_undecided(climb)):
        yield (said,)


def nearest(claims: Sequence[Claim], pace: Pace | None = None) -> Iterator[Sentence]:
    """Tell what would decide the difference that is nearest to being decided."""
    undecided = [each for each in claims if each.difference.verdict == "undecided"]
    for claim in sorted(undecided, key=lambda each: each.difference.p_corrected or 1.0):
        if ways := advice.ways(claim.difference, pace):
            who = f"{claim.name} and {claim.reference}"
            yield (
                f"If the difference of {who} is as large as it looks, {' or '.join(ways)} would "
                "show it 4 times out of 5.",
            )
            return
