"""How long a climb may take, and with how many seeds it can be looked at in that time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from convladder.core.timers import calling_after

GOING_ON = 0.55  # of the rungs get more seeds after a look, measured on simulated ladders


class TimeLimit:
    """The time of a climb, over all commands that it took.

    seconds : that it may take in all; None for as long as it takes. spent : by earlier commands.
    """

    def __init__(self, seconds: float | None, spent: float = 0.0) -> None:
        self._seconds, self._before, self._began = seconds, spent, time.monotonic()
        self.has_stopped = False

    @property
    def spent(self) -> float:
        """The seconds so far, those of earlier commands included."""
        return self._before + time.monotonic() - self._began

    @property
    def is_set(self) -> bool:
        """Whether there is a limit."""
        return self._seconds is not None

    @property
    def is_up(self) -> bool:
        """Whether no time is left."""
        return self._seconds is not None and self.spent >= self._seconds

    def within(self, counts: Sequence[int]) -> list[int]:
        """Return at how many seeds there can be a look, when the first look has been come to.

        What more seeds take is estimated from what the first took.
        """
        if self._seconds is None:
            return list(counts)
        first = counts[0]
        each = self.spent / first
        return [
            count
            for count in counts
            if count == first or self.spent + GOING_ON * each * (count - first) <= self._seconds
        ]

    def ending(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `stop` when the time is up, if the block has not ended by then."""

        def end() -> None:
            self.has_stopped = True
            stop()

        return calling_after(None if self._seconds is None else self._seconds - self.spent, end)
