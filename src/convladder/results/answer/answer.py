"""What a page says first: a title and three cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convladder.results.answer import certainty, dangers, titles, use
from convladder.results.answer.cards import Card
from convladder.results.answer.dangers import Suspect
from convladder.results.seed_runs import SeedRun, robustness_of

if TYPE_CHECKING:
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun


@dataclass(frozen=True)
class Answer:
    """What was found, in words. use : which network to take. sure : how sure that is."""

    title: str
    use: Card
    sure: Card
    watch_out: Card

    @property
    def cards(self) -> tuple[Card, Card, Card]:
        return self.use, self.sure, self.watch_out


def of_climb(climb: SavedClimb) -> Answer:
    """Return the answer of a climb. Raises RunError where a file of its runs is damaged."""
    return Answer(
        titles.of_climb(climb),
        use.of_climb(climb),
        certainty.of_climb(climb),
        dangers.of_climb(climb),
    )


def of_run(run: SavedRun) -> Answer:
    """Return the answer of a single run. Raises RunError where a file of it is damaged."""
    pooled = SeedRun((run,))
    return Answer(
        titles.of_run(run),
        use.of_run(run),
        certainty.of_run(run),
        dangers.of_network(Suspect((pooled,), pooled, robustness_of(run)), run.about["data"]),
    )
