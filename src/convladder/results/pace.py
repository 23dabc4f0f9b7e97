"""How long further trainings of a climb take, by those that it has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Self

from convladder.core.formatting import plural

if TYPE_CHECKING:
    from convladder.results.group_summary import GroupSummary

MINUTE, HOUR, DAY = 60, 3600, 86_400  # in seconds
MANY = 2  # of a unit, from which on it is the one to tell in


@dataclass(frozen=True)
class Pace:
    """How long the trainings of a climb took, and how many there were.

    seconds : of one training of each rung, the mean. trained : how many each rung has had. jobs :
        how many went on at once; None where that is not known. place : where they did.
    """

    seconds: Mapping[str, float]
    trained: Mapping[str, int]
    jobs: int | None = None
    place: str = "machine"

    @classmethod
    def of(cls, groups: Mapping[str, GroupSummary], environment: Mapping[str, Any]) -> Self:
        """Return that of the runs of each rung, where the last command trained."""
        runs = {name: group.runs for name, group in groups.items()}
        return cls(
            {name: fmean(run.metrics["seconds"] for run in each) for name, each in runs.items()},
            {name: len(each) for name, each in runs.items()},
            environment.get("jobs"),
            "cluster" if "cluster" in environment else "machine",
        )

    def of_seeds(self, seeds: int) -> str:
        """Say how long it takes until each rung has so many seeds, such as `about 25 minutes`."""
        lacking = {rung: max(seeds - trained, 0) for rung, trained in self.trained.items()}
        return self._told(lacking)

    def of_each(self, trainings: int) -> str:
        """Say how long so many further trainings of each rung take."""
        return self._told(dict.fromkeys(self.seconds, trainings))

    def _told(self, trainings: Mapping[str, int]) -> str:
        seconds = sum(self.seconds[rung] * number for rung, number in trainings.items())
        if self.jobs is None:
            return f"about {in_time(seconds)} of training"
        of_one = (self.seconds[rung] for rung, number in trainings.items() if number)
        longest = max(of_one, default=0.0)
        at_least = max(seconds / self.jobs, longest)
        return f"about {in_time(at_least)} more on the same {self.place}"


def in_time(seconds: float) -> str:
    """Write a time for people: in the largest unit of which there are two.

    >>> in_time(45), in_time(100), in_time(1500), in_time(7200), in_time(200_000)
    ('1 minute', '2 minutes', '25 minutes', '2 hours', '2 days')
    """
    for unit, name in ((DAY, "day"), (HOUR, "hour")):
        if seconds >= MANY * unit:
            return plural(round(seconds / unit), name)
    return plural(max(round(seconds / MINUTE), 1), "minute")
