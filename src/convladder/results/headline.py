"""What a climb has shown in a few sentences: its answer, and how it went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from convladder.core.metrics import ACCURACY
from convladder.results.answer import climbed
from convladder.results.verdicts import name_decided, taken_in

if TYPE_CHECKING:
    from convladder.results.saved_climb import SavedClimb


def of_climb(climb: SavedClimb) -> str:
    """Say in a few sentences what a climb has shown."""
    said = climbed.in_short(climb).said()
    return " ".join([said, *elsewhere(climb), *circumstances(climb)])


def elsewhere(climb: SavedClimb) -> Iterator[str]:
    """Yield which steps are decided on degraded images, and in how good probabilities are."""
    found = [on_degraded(climb)]
    of_all = climb.probabilities_against_parent
    for metric in dict.fromkeys(claim.metric for claim in of_all):
        claims = [claim for claim in of_all if claim.metric == metric]
        found.append(name_decided(claims, f"In {metric.title}"))
    yield from filter(None, found)


def on_degraded(climb: SavedClimb) -> str:
    """Return which steps are decided on degraded images; empty where none is."""
    of_accuracy = climb.lineup.metric == ACCURACY
    where = "On degraded images" if of_accuracy else "In accuracy on degraded images"
    return name_decided(climb.corrupted_against_parent, where)


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
