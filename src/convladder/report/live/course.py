"""What a live page knows of trials: what runs, what has ended and how, and how much is left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from convladder.core.formatting import elapsed
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Stopping,
    WarningText,
)
from convladder.report.live.running import Row, Running
from convladder.report.live.time_left import TimeLeft
from convladder.report.telling import came_to
from convladder.report.trial_displays import TRAINING
from convladder.results.folders import TrialKey

MOST_LINES = 8  # of what happened last
LEAST_SECONDS = 5.0  # of work, before it is said how long the rest takes


class Remark(NamedTuple):
    """Something that happened. warns : it is not as it should be."""

    text: str
    warns: bool = False


class Ended(NamedTuple):
    """What a trial came to on validation, if it could be trained. finished : it was not halted."""

    value: float | None
    finished: bool


class Course:
    """The trials of a command, by what it is told of them.

    read_earlier : returns the epochs of a trial that an earlier command has trained.
    """

    def __init__(
        self,
        read_earlier: Callable[[TrialKey], Iterable[Row]] = lambda key: (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_earlier, self._clock = read_earlier, clock
        self._began = self._round_began = clock()
        self.expected: dict[TrialKey, float] = {}
        self.running: dict[TrialKey, Running] = {}
        self.ended: dict[TrialKey, Ended] = {}
        self.failed: dict[TrialKey, str] = {}
        self.lines: deque[Remark] = deque(maxlen=MOST_LINES)
        self._time_left = TimeLeft()
        self._seconds: float | None = None

    def expect(self, weights: Mapping[TrialKey, float], seconds: float | None = None) -> None:
        """Take note of the trials to come, how much work each is, and the seconds for all.

        Where all are of other rungs than before, as in the test after a search, the unit of their
        work is another: how long they take is measured anew.
        """
        if self.expected and _rungs(self.expected).isdisjoint(_rungs(weights)):
            self._time_left = TimeLeft()
        self.expected, self._seconds = dict(weights), seconds
        self._time_left.expect(weights)
        self._round_began = self._clock()

    def follow(self, event: Event) -> None:
        """Take note of what happened."""
        match event:
            case Started():
                self.running[event.key] = Running(self._clock())
            case Message(value=dict()):
                self._take_epoch(event.key, event.value)
            case Message(value=str()):
                self._say(event.key, event.value, warns=isinstance(event.value, WarningText))
            case Finished() | Halted():
                self._take_end(event)
            case Failed():
                self.running.pop(event.key, None)
                self.failed[event.key] = event.error
                self._say(event.key, f"failed: {event.error}", warns=True)
            case Overdue():
                self.running.pop(event.key, None)
                self._say(event.key, "took too long to save and was stopped", warns=True)
            case Notice():
                self.lines.append(Remark(event.text, event.warns))
            case Stopping():
                self.lines.append(Remark("Stopping and saving …"))
            case _:
                pass

    @property
    def seconds(self) -> float:
        """How long the command has been at work."""
        return self._clock() - self._began

    @property
    def seconds_left(self) -> float | None:
        """How long the expected trials take still, by those so far; None: not known."""
        passed = self._clock() - self._round_began
        in_time = None if self._seconds is None else max(0.0, self._seconds - passed)
        over = {*self.ended, *self.failed, *self.running}
        waiting = [key for key in self.expected if key not in over]
        left = self._time_left.seconds_left(waiting, self.running)
        if left is None or passed < LEAST_SECONDS or not self.expected:
            return in_time
        return left if in_time is None else min(left, in_time)

    def _take_epoch(self, key: TrialKey, row: Row) -> None:
        running = self.running.setdefault(key, Running(self._clock()))
        if running.curve.last is None and row["epoch"] > 1:
            for each in self._read_earlier(key):
                if each["epoch"] < row["epoch"]:
                    running.curve.add(each)
        running.curve.add(row)
        running.share = TRAINING * row["epoch"] / row["epochs"]
        running.trained += row["train_seconds"]
        self._time_left.take_epoch(key, row, len(self.running))

    def _take_end(self, event: Finished | Halted) -> None:
        running = self.running.pop(event.key, None) or Running(self._clock())
        last = dict(running.curve.last or {})
        value = event.value if isinstance(event, Finished) else last.get("kept")
        known = isinstance(value, float)
        self.ended[event.key] = Ended(value if known else None, isinstance(event, Finished))
        self.failed.pop(event.key, None)
        took = self._clock() - running.since
        self._time_left.take_end(event.key, took, running)
        self._say(event.key, f"{came_to(event, last)}, {elapsed(took)}")

    def _say(self, key: TrialKey, text: str, *, warns: bool = False) -> None:
        self.lines.append(Remark(f"{key.rung}, {key.name}: {text}", warns))


def _rungs(keys: Iterable[TrialKey]) -> set[str]:
    return {key.rung for key in keys}
