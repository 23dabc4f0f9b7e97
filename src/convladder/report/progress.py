"""What a person sees meanwhile: live on a terminal, else plain lines; on standard error.

Rich draws the terminal's. Into a pipe it writes nothing until the end, and in a notebook nothing at
all without ipywidgets: there lines and a bar are our own.
"""

from __future__ import annotations

import contextlib
import html
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from convladder.core.formatting import plural
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Started,
)
from convladder.data.source import Progress as OnProgress
from convladder.report.telling import came_to, tell, tell_of
from convladder.results.folders import TrialKey

PLAIN_SECONDS = 10  # between plain lines of one bank
NOTEBOOK_SECONDS = 0.2  # between two pictures of a bar
TRAINING = 0.9  # share of a trial; the rest is its test, the corrupted images and the files


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
        tell_of(event, None if isinstance(event, Message) else self._console)


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
        if isinstance(event, Finished | Halted):
            count = f"[{self._ended}/{self._expected}] " if self._expected else ""
            said = f"{event.key.rung}, {event.key.name}: {came_to(event, last)}"
            self._console.print(f"{count}{said}", markup=False)


class _Tally:
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
    """One line for each running trial, above a bar over all the work with the time left."""

    def __init__(self, live: Live, console: Console) -> None:
        self._live, self._console, self._tally = live, console, _Tally()
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
        self._tally.follow(event)
        tell_of(event, self._console)
        self._redraw()

    def _redraw(self) -> None:
        words = f"{self._tally.ended} of {self._tally.trials} trials"
        self._bar.update(self._task, completed=self._tally.share, description=words)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("rung", "trial", "epoch", "val. accuracy", "images/s"):
            table.add_column(
                heading, justify="left" if heading == "rung" else "right", min_width=len(heading)
            )
        for key, row in self._tally.running.items():
            table.add_row(key.rung, key.name, *_cells(row))
        self._live.update(Group(table, self._bar))


class InNotebook:
    """A bar below the cell, renewed in place, and a line that stays when all is done."""

    def __init__(self, console: Console) -> None:
        self._console, self._tally, self._started = console, _Tally(), time.monotonic()
        self._place = _Place()

    def expect(self, weights: dict[TrialKey, float], seconds: float | None = None) -> None:
        self._tally.expect(weights, seconds)

    def follow(self, event: Event) -> None:
        self._tally.follow(event)
        tell_of(event, self._console)
        running = ", ".join(f"{key.rung} {key.name}" for key in self._tally.running)
        self._place.show_bar(
            self._tally.share, f"{self._tally.ended} of {self._tally.trials} trials; {running}"
        )

    def close(self) -> None:
        """Leave one line: how many trials were trained, and in what time."""
        trials, seconds = self._tally.ended, time.monotonic() - self._started
        self._place.show(
            f"{trials} trial{'' if trials == 1 else 's'} in {seconds:,.0f} s" if trials else ""
        )


class _Place:
    """A place below a notebook's cell that can be shown anew."""

    def __init__(self) -> None:
        from IPython.display import display

        self._last = 0.0
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, text: str) -> None:
        self._handle.update({"text/plain": text, "text/html": html.escape(text)}, raw=True)

    def show_bar(self, share: float, text: str) -> None:
        if time.monotonic() - self._last > NOTEBOOK_SECONDS:
            self._last = time.monotonic()
            bar = (
                f'<progress value="{share:.3f}" max="1" style="width: 16em"></progress> '
                f"{html.escape(text)}"
            )
            self._handle.update({"text/plain": f"{share:.0%} {text}", "text/html": bar}, raw=True)


@dataclass(frozen=True)
class Reporter:
    """Tells a person what happens. A quiet one tells of failures and stops alone."""

    console: Console
    quiet: bool = False

    def say(self, text: str, *, dim: bool = False) -> None:
        """Tell what is no result; a warning begins with that word."""
        level = logging.WARNING if text.startswith("warning:") else logging.INFO
        tell(None if self.quiet else self.console, text, level, "dim" if dim else None)

    @contextlib.contextmanager
    def trials(self) -> Iterator[Display]:
        """Yield the display of trials that suits the console."""
        if self.quiet:
            yield Quiet(self.console)
        elif self.console.is_jupyter:
            shown = InNotebook(self.console)
            try:
                yield shown
            finally:
                shown.close()
        elif not self.console.is_terminal:
            yield Plain(self.console)
        else:
            with Live(console=self.console, refresh_per_second=4, transient=True) as live:
                yield Lively(live, self.console)

    @contextlib.contextmanager
    def counting(self) -> Iterator[OnProgress]:
        """Yield a function of (what, done, total) that shows it: a bar, or plain lines."""
        if self.quiet:
            yield lambda what, done, total: None
        elif self.console.is_jupyter:
            place = _Place()
            try:
                yield lambda what, done, total: place.show_bar(
                    done / max(total, 1), f"{what}: {done:,} of {total:,}"
                )
            finally:
                place.show("")
        elif not self.console.is_terminal:
            yield _plain_counter(self.console)
        else:
            bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self.console,
            )
            with bar:
                yield _bar_counter(bar)


def reporter(*, quiet: bool) -> Reporter:
    """Return a reporter on standard error, or below the cell of a notebook."""
    return Reporter(Console(stderr=True, highlight=False, soft_wrap=True), quiet)


def _bar_counter(bar: Progress) -> OnProgress:
    """Show a bar for each thing that is done."""
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)

    return show


def _plain_counter(console: Console) -> OnProgress:
    last = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > PLAIN_SECONDS:
            last = time.monotonic()
            console.print(f"{what}: {done:,} of {total:,}")

    return show


def _cells(row: dict[str, Any]) -> list[str]:
    if not row:
        return ["starting", "", ""]
    epoch = f"{row['epoch']:.0f}/{row['epochs']:.0f}"
    return [epoch, f"{row['val_accuracy']:.3f}", f"{row['images_per_second']:,.0f}"]
