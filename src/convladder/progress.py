"""What a person sees while convladder works: live on a terminal, plain lines elsewhere; all on standard error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from convladder.climbing import TrialKey
from convladder.data.sources import Progress as OnProgress
from convladder.processes import Event, Failed, Finished, Message, Started

PLAIN_SECONDS = 10  # between plain lines of one bank


class Display(Protocol):
    """Follows the trials of a climb."""

    def expect(self, weights: dict[TrialKey, float]) -> None:
        """Take note of the trials to come and how much work each is."""

    def follow(self, event: Event) -> None:
        """Show what happened to a trial."""


class Quiet:
    """Shows nothing but failures."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def expect(self, weights: dict[TrialKey, float]) -> None:
        """Nothing is shown."""

    def follow(self, event: Event) -> None:
        if isinstance(event, Failed):
            _show_failure(self._console, event)


class Plain:
    """A line for each trial that ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._expected = self._ended = 0
        self._last: dict[TrialKey, dict[str, float]] = {}

    def expect(self, weights: dict[TrialKey, float]) -> None:
        self._expected = len(weights)
        if weights:
            self._console.print(f"{len(weights)} trial{'' if len(weights) == 1 else 's'} to train")

    def follow(self, event: Event) -> None:
        if isinstance(event, Message):
            self._last[event.key] = event.value
        if isinstance(event, Finished | Failed):
            self._ended += 1
        if isinstance(event, Failed):
            _show_failure(self._console, event)
        if isinstance(event, Finished):
            count = f"[{self._ended}/{self._expected}]" if self._expected else ""
            accuracy = self._last.pop(event.key, {}).get("val_accuracy", float("nan"))
            rung, seed = event.key
            self._console.print(
                f"{count} {rung} seed {seed}: validation accuracy {accuracy:.3f} in its last epoch",
                markup=False,
            )


class Lively:
    """One line for each running trial, above a bar over all the work with the time left."""

    def __init__(self, live: Live, console: Console) -> None:
        self._live, self._console = live, console
        self._weights: dict[TrialKey, float] = {}
        self._running: dict[TrialKey, dict[str, float]] = {}
        self._shares: dict[TrialKey, float] = {}
        self._ended = 0
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("time left"), TimeRemainingColumn(elapsed_when_finished=True),
            console=console, speed_estimate_period=600,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=None)

    def expect(self, weights: dict[TrialKey, float]) -> None:
        self._weights = weights
        self._bar.update(self._task, total=sum(weights.values()) or None)
        self._redraw()

    def follow(self, event: Event) -> None:
        if isinstance(event, Started):
            self._running[event.key] = {}
        if isinstance(event, Message):
            self._running[event.key] = event.value
            self._shares[event.key] = event.value["epoch"] / event.value["epochs"]
        if isinstance(event, Finished | Failed):
            self._running.pop(event.key, None)
            self._shares[event.key] = 1.0
            self._ended += 1
        if isinstance(event, Failed):
            _show_failure(self._console, event)
        self._redraw()

    def _redraw(self) -> None:
        done = sum(share * self._weights.get(key, 1.0) for key, share in self._shares.items())
        total = len(self._weights) or len(self._running) + self._ended
        self._bar.update(
            self._task,
            completed=done,
            total=sum(self._weights.values()) or float(total) or None,
            description=f"{self._ended} of {total} trials",
        )
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("rung", "seed", "epoch", "val. accuracy", "images/s"):
            table.add_column(heading, justify="left" if heading == "rung" else "right", min_width=len(heading))
        for (rung, seed), row in self._running.items():
            table.add_row(rung, str(seed), *_cells(row))
        self._live.update(Group(table, self._bar))


@contextlib.contextmanager
def display(console: Console, *, quiet: bool) -> Iterator[Display]:
    """Yield the display that suits the console."""
    if quiet:
        yield Quiet(console)
    elif not console.is_terminal:
        yield Plain(console)
    else:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            yield Lively(live, console)


@contextlib.contextmanager
def counting(console: Console, what: str, *, quiet: bool) -> Iterator[OnProgress]:
    """Yield a function that takes (done, total) and shows it: a bar, or plain lines now and then."""
    if quiet:
        yield lambda done, total: None
    elif not console.is_terminal:
        yield _plain_counter(console, what)
    else:
        bar = Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console)
        with bar:
            task = bar.add_task(what, total=None, visible=False)
            yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _plain_counter(console: Console, what: str) -> OnProgress:
    last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > PLAIN_SECONDS:
            last = time.monotonic()
            console.print(f"{what}: {done:,} of {total:,}")

    return show


def _cells(row: dict[str, Any]) -> list[str]:
    if not row:
        return ["starting", "", ""]
    epoch = f"{row['epoch']:.0f}/{row['epochs']:.0f}"
    return [epoch, f"{row['val_accuracy']:.3f}", f"{row['images_per_second']:,.0f}"]


def _show_failure(console: Console, event: Failed) -> None:
    rung, seed = event.key
    console.print(f"{rung} seed {seed} failed: {event.error}", style="red", markup=False)
