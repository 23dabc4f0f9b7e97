"""What a person asks to be searched, as given.

What it imports is light, since the command line reads it to say what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.core import defaults
from convladder.core.options import option
from convladder.experiments.request import TrainRequest
from convladder.experiments.run_options import RunOptions

if TYPE_CHECKING:
    from convladder.experiments.resume import ResumePolicy

TRIALS = 30  # candidates, where neither their number nor a time is given


@dataclass(frozen=True, kw_only=True)
class TuneRequest(TrainRequest):
    """A search around one experiment, and the seeds that it ends with."""

    rung: str | None = option(
        None, "The rung to start from", unset="the last of the ladder", metavar="NAME"
    )
    space: str | Path | Mapping[str, Any] | None = option(
        None, "The search space, a .toml file", unset="the built-in one", metavar="FILE"
    )
    trials: int | None = option(
        None, "Number of candidates to try", unset=str(TRIALS), kind=int, metavar="N", least=1
    )
    seconds: float | None = option(
        None,
        "How long to search",
        hint=", such as 30m or 2h; testing the winner takes extra time",
        flag="--time",
        metavar="TIME",
    )
    seeds: int | None = option(
        None,
        "Number of seeds for the final test of the winner against the default",
        unset=f"{defaults.LOOKS[0]}, then up to {defaults.LOOKS[-1]} if more can decide it",
        kind=int,
        metavar="N",
        least=1,
    )
    margin: float | None = option(
        None,
        "Call both equal if their difference is shown to be less than so many points, such as 1 "
        "(auroc, log-loss and brier have no points: such as 0.01)",
        unset="they are not called equal",
        kind=float,
        metavar="POINTS",
    )
    seed: int = option(0, "Seed of the search", kind=int, metavar="N", least=0)


@dataclass(frozen=True, kw_only=True)
class TuneOptions(RunOptions):
    """How a search runs."""

    fresh: bool = option(False, "Start over in a new folder", kind=bool)

    @property
    def resume(self) -> ResumePolicy:
        """What is done with what an earlier command has left: in a new folder, nothing is."""
        from convladder.experiments.resume import ResumePolicy

        return ResumePolicy(allow_changed=self.allow_changed)
