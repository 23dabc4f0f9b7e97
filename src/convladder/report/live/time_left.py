"""How long trials take that are still to be trained, by those that have been."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from convladder.report.live.running import Row, Running
from convladder.report.trial_displays import TRAINING
from convladder.results.folders import TrialKey


class TimeLeft:
    """How long trials take: their epochs, by how much work these are, and the rest of each."""

    def __init__(self) -> None:
        self._weights: dict[TrialKey, float] = {}
        self._seconds = self._work = 0.0  # of the epochs so far
        self._rests: list[float] = []  # seconds of each trial beside its epochs
        self._lanes = 1

    def expect(self, weights: Mapping[TrialKey, float]) -> None:
        """Take note of how much work trials are."""
        self._weights.update(weights)

    def take_epoch(self, key: TrialKey, row: Row, together: int) -> None:
        """Take note of an epoch, while so many trials were trained together."""
        self._seconds += row["train_seconds"]
        self._work += self._weights.get(key, 0.0) / row["epochs"]
        self._lanes = max(self._lanes, together)

    def take_end(self, key: TrialKey, seconds: float, trial: Running) -> None:
        """Take note of a trial that took so many seconds; epochs that it left out took none."""
        done = trial.share / TRAINING
        self._work += self._weights.get(key, 0.0) * (1 - done)
        self._rests.append(seconds - trial.trained)

    def seconds_left(
        self, waiting: Iterable[TrialKey], running: Mapping[TrialKey, Running]
    ) -> float | None:
        """Return how long these trials take still; None where nothing is known yet."""
        if not self._work:
            return None
        rest = fmean(self._rests) if self._rests else 0.0
        each = self._seconds / self._work
        left = sum(rest + each * self._weights[key] for key in waiting)
        for key, trial in running.items():
            left += rest / 2 + each * self._weights.get(key, 0.0) * (1 - trial.share / TRAINING)
        return left / self._lanes
