"""What a person sees of trials: nothing but failures, a line for each, or all of them live.

Rich draws the live one. Into a pipe it writes nothing until the end: there lines are our own.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from convladder.core.formatting import plural
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Started,
)
from convladder.report.telling import came_to, tell_of
from convladder.results.folders import TrialKey

TRAINING = 0.9  # share of a trial; the rest is its test, the corrupted images and the files

USUAL = ("val_loss", "val_accuracy")  # of each epoch; another is the metric that was asked for
ENDED = (Finished, Failed, Halted)


class Display(Protocol):
    """Follows the trials of a climb."""

    def expect(self, weights: dict[TrialKey, float], seconds: float | None = None) -> None:
        """Take note of the trials to come, how much work each is, and the seconds for all."""

    def follow(self, event: Event) -> None:
        """Show what happened to a trial."""


class Quiet:
    """Shows nothing but failures, and that it stops."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def expect(self, weights: dict[TrialKey, float], seconds: float | None = None) -> None:
        """Nothing is shown."""

    def follow(self, event: Event) -> None:
        informs = isinstance(event, Message) or (isinstance(event, Notice) and not event.warns)
        tell_of(event, None if informs else self._console)


class Plain:
    """A line for each trial that ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._expected = self._ended = 0
        self._last: dict[TrialKey, dict[str, float]] = {}

    def expect(self, weights: dict[TrialKey, float], seconds: float | None = None) -> None:
        self._expected, self._ended = len(weights), 0
        within = f" within {seconds:,.0f} s" if seconds else ""
        if weights or seconds:
            self._console.print(
                f"{plural(len(weights), 'trial') if weights else 'trials'} to train{within}"
            )

    def follow(self, event: Event) -> None:
        if isinstance(event, Message) and isinstance(event.value, dict):
            self._last[event.key] = event.value
        if isinstance(event, ENDED):
            self._ended += 1
        tell_of(event, self._console)
        last = self._last.pop(event.key, {}) if isinstance(event, ENDED) else {}
        _print_end(self._console, event, last, (self._ended, self._expected))


class Tally:
    """Keeps count of a climb: what runs, what has ended, and the share of all the work."""

    def __init__(self) -> None:
        self.running: dict[TrialKey, dict[str, float]] = {}
        self.ended = 0
        self._weights: dict[TrialKey, float] = {}
        self._shares: dict[TrialKey, float] = {}
        self._seconds: float | None = None
        self._started = 0.0

    def expect(self, weights: dict[TrialKey, float], seconds: float | None = None) -> None:
        self._weights, self._shares, self.ended = weights, {}, 0
        self._seconds, self._started = seconds, time.monotonic()

    def follow(self, event: Event) -> None:
        if isinstance(event, Started):
            self.running[event.key] = {}
        if isinstance(event, Message) and isinstance(event.value, dict):
            self.running[event.key] = event.value
            self._shares[event.key] = TRAINING * event.value["epoch"] / event.value["epochs"]
        if isinstance(event, ENDED):
            self.running.pop(event.key, None)
            self._shares[event.key] = 1.0
            self.ended += 1

    @property
    def expected(self) -> int:
        return len(self._weights)

    @property
    def trials(self) -> int:
        return len(self._weights) or len(self.running) + self.ended

    @property
    def share(self) -> float:
        """The share of the work that is done, from 0 to 1."""
        done = sum(share * self._weights.get(key, 1.0) for key, share in self._shares.items())
        share = done / (sum(self._weights.values()) or self.trials or 1)
        if self._seconds is None:
            return share
        in_time = min(1.0, (time.monotonic() - self._started) / self._seconds)
        return max(in_time, share) if self._weights else in_time


class Lively:
    """One line for each running trial, above a bar over all the work with the time left.

    Above that stays a line for each trial that has ended.
    """

    def __init__(self, live: Live, console: Console) -> None:
        self._live, self._console, self._tally = live, console, Tally()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("time left"), TimeRemainingColumn(),
            console=console, speed_estimate_period=600,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=1.0)

    def expect(self, weights: dict[TrialKey, float], seconds: float | None = None) -> None:
        self._tally.expect(weights, seconds)
        self._redraw()

    def follow(self, event: Event) -> None:
        last = self._tally.running.get(event.key, {}) if isinstance(event, ENDED) else {}
        self._tally.follow(event)
        tell_of(event, self._console)
        _print_end(self._console, event, last, (self._tally.ended, self._tally.expected))
        self._redraw()

    def _redraw(self) -> None:
        words = f"{self._tally.ended} of {self._tally.trials} trials"
        self._bar.update(self._task, completed=self._tally.share, description=words)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("rung", "trial", "epoch", "on validation", "images/s"):
            table.add_column(
                heading, justify="left" if heading == "rung" else "right", min_width=len(heading)
            )
        for key, row in self._tally.running.items():
            table.add_row(key.rung, key.name, *_cells(row))
        self._live.update(Group(table, self._bar))


def _print_end(
    console: Console, event: Event, last: dict[str, float], counts: tuple[int, int]
) -> None:
    """Print what a trial that has ended came to; what has failed is told otherwise.

    counts : how many have ended, and of how many; of 0 where that is open.
    """
    if isinstance(event, Finished | Halted):
        ended, expected = counts
        count = f"[{ended}/{expected}] " if expected else ""
        said = f"{event.key.rung}, {event.key.name}: {came_to(event, last)}"
        console.print(f"{count}{said}", markup=False)


def _cells(row: dict[str, Any]) -> list[str]:
    if not row:
        return ["starting", "", ""]
    epoch = f"{row['epoch']:.0f}/{row['epochs']:.0f}"
    own = [name for name in row if name.startswith("val_") and name not in USUAL]
    value = row[own[0] if own else "val_accuracy"]
    return [epoch, f"{value:.3f}", f"{row['images_per_second']:,.0f}"]
