"""The answer of a climb, and of a single run: what to use, how sure that is, and its dangers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convladder.results.answer import certainty, dangers, titles, use
from convladder.results.answer.cards import Answer
from convladder.results.answer.dangers import Suspect
from convladder.results.seed_runs import SeedRun, robustness_of

if TYPE_CHECKING:
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun


def of_climb(climb: SavedClimb) -> Answer:
    """Return the answer of a climb. Raises RunError where a file of its runs is damaged."""
    return in_short(climb).and_card(dangers.of_climb(climb))


def in_short(climb: SavedClimb) -> Answer:
    """Return the answer of a climb but for what to watch out for, which needs most of its files."""
    return Answer(titles.of_climb(climb), (use.of_climb(climb), certainty.of_climb(climb)))


def of_run(run: SavedRun) -> Answer:
    """Return the answer of a single run. Raises RunError where a file of it is damaged."""
    pooled = SeedRun((run,))
    suspect = Suspect((pooled,), pooled, robustness_of(run))
    watch_out = dangers.of_network(suspect, run.about["data"])
    return Answer(titles.of_run(run), (use.of_run(run), certainty.of_run(run), watch_out))
