"""What a search ends with: the winner beside the default, as a ladder that is climbed."""

from __future__ import annotations

from convladder.core.experiment import Experiment, difference
from convladder.core.ladder import Ladder, Rung
from convladder.tuning.candidates import Candidates
from convladder.tuning.results import DEFAULT, TUNED


def final_ladder(start: Experiment, candidates: Candidates) -> Ladder:
    """Return the ladder of two rungs that a search ends with."""
    base = {key: new for key, (_, new) in difference(Experiment(), start).items() if key != "seed"}
    winner = candidates.winner
    assert winner is not None
    tuned = Rung(
        name=TUNED,
        parent=DEFAULT,
        what=f"Candidate {winner.number} of the search, the best on validation.",
        why="It was the best of all that were tried, by images that it was not trained on.",
        hurts=(
            "Where the best of many was so by luck: that is why it is trained afresh here, with "
            "other seeds."
        ),
        change=candidates.changes(winner),
    )
    default = Rung(name=DEFAULT, what="What the search began with.")
    return Ladder("tune", "What the search found, against the default", "", base, (default, tuned))
