"""The first sentences about a climb: what it has shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from convladder.core.formatting import plural
from convladder.core.metrics import ACCURACY, of_class
from convladder.results import advice
from convladder.results.verdicts import count_verdicts, name_decided, taken_in

if TYPE_CHECKING:
    from convladder.results.saved_climb import SavedClimb

LEAST_LUCK = 0.0005  # less would be written as no points


def of_climb(climb: SavedClimb) -> str:
    """Say in a few sentences what a climb has shown."""
    if len(climb.ladder.rungs) == 1:
        return _value(climb, climb.ladder.rungs[0].name)
    claims = [*climb.against_parent, *climb.against_start]
    verdicts = {claim.difference.verdict for claim in claims}
    if verdicts == {"no comparison"}:
        return f"No comparison can be made, and no rung wins: {_lacking(climb)}."
    sentences = [*_verdicts(climb)]
    if climb.best:
        sentences.append(f"Best on validation: {_value(climb, climb.best)}{_luck(climb)}")
        sentences.append(_price_of_metric(climb, climb.best))
    if not verdicts & {"better", "worse"}:
        sentences.append(advice.of_undecided(climb))
    return " ".join(filter(None, [*sentences, *circumstances(climb)]))


def _verdicts(climb: SavedClimb) -> Iterator[str]:
    """Yield how many comparisons came to which verdict."""
    steps, others = climb.steps, len(climb.ladder.rungs) - 1
    tested = next(iter(climb.standings.values())).tested
    if steps:
        which = "from one rung to the next"
        yield count_verdicts("step", which, len(steps), climb.against_parent, tested)
    if others > 1 or not steps:
        which = f"compared with {climb.ladder.rungs[0].name}"
        yield count_verdicts("rung", which, others, climb.against_start)
    yield from filter(None, _elsewhere(climb))


def _elsewhere(climb: SavedClimb) -> Iterator[str]:
    """Yield which steps are decided on degraded images, and in how good probabilities are."""
    of_accuracy = climb.lineup.metric == ACCURACY
    where = "On degraded images" if of_accuracy else "In accuracy on degraded images"
    yield name_decided(climb.corrupted_against_parent, where)
    of_all = climb.probabilities_against_parent
    for metric in dict.fromkeys(claim.metric for claim in of_all):
        claims = [claim for claim in of_all if claim.metric == metric]
        yield name_decided(claims, f"In {metric.title}")


def circumstances(climb: SavedClimb) -> Iterator[str]:
    """Yield what a reader should know of how the climb went."""
    if any(len(standing.runs) == 2 for standing in climb.standings.values()) and not climb.folds:
        yield "Two seeds say almost nothing about how much seeds differ. Use three or more."
    if climb.about["time_is_up"]:
        yield "The climb ended because its time was up."
    if further := [look for look in climb.complete_looks if not look.planned]:
        counts = " and ".join(str(len(look.seeds)) for look in further)
        yield (
            f"Looks with {counts} seeds were not planned when the climb began. They need larger "
            "differences, so that false claims stay as rare."
        )
    yield from (taken_in(rung) for rung in climb.ladder.rungs if rung.takes_in and rung.parent)


def _value(climb: SavedClimb, name: str) -> str:
    standing = climb.standings[name]
    found, metric = standing.estimate, standing.metric
    value = f"{'' if metric == ACCURACY else metric.title + ' '}{metric.write(found.mean)}"
    bounds = metric.write_range(found.low, found.high).removesuffix(" %")
    if climb.folds:
        where = f"every image tested once, in {climb.folds} folds"
        return f"{name}, {value} ({bounds}), {where}."
    alone = (
        ""
        if found.covers_seeds
        else ". With one seed, the interval covers the choice of test images only"
    )
    return f"{name}, {value} on test ({bounds}){alone}."


def _price_of_metric(climb: SavedClimb, name: str) -> str:
    """Say what recall (or precision) was bought with: a network may call every image a class."""
    metric = climb.lineup.metric
    other = {"recall": "precision", "precision": "recall"}.get(metric.kind)
    if other is None or metric.of_class is None:
        return ""
    bought = of_class(other, metric.of_class)
    value = bought.write(climb.lineup.mean_of(name, bought))
    accuracy = ACCURACY.write(climb.standings[name].accuracy)
    return f"Its {bought.title} is {value}, and its accuracy {accuracy}."


def _luck(climb: SavedClimb) -> str:
    """Say how much too good the best looks, since its own seeds have chosen it."""
    luck = None if climb.folds or len(climb.standings) < 2 else climb.lineup.luck_of_choice()
    if luck is None or luck < LEAST_LUCK:
        return ""
    metric = climb.lineup.metric
    too = "low" if metric.lower_is_better else "high"
    size = metric.write_size(luck)
    return f" That is about {size} too {too}: the same seeds have chosen it."


def _lacking(climb: SavedClimb) -> str:
    if not climb.complete_looks:
        seeds = plural(len(climb.looks[0].seeds), "seed")
        return f"trials are missing for the first look, which is at {seeds}"
    single = [name for name, standing in climb.standings.items() if len(standing.runs) == 1]
    if len(single) == len(climb.standings):
        return "with one seed per rung, a real effect cannot be told from chance"
    return f"both rungs need two finished seeds, and {', '.join(single) or 'a rung'} has too few"
