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
        what=f"Candidate {winner.number} of the search: the best on validation.",
        why="It had the best accuracy of all candidates on the validation images.",
        hurts=(
            "The best of many candidates may just have been lucky. That is why it is trained "
            "again here, with new seeds."
        ),
        change=candidates.changes(winner),
    )
    default = Rung(name=DEFAULT, what="The settings that the search started from.")
    about = "Settings found by the search, compared with the default"
    return Ladder("tune", about, "", base, (default, tuned))
