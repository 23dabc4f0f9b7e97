"""What a person sees meanwhile: live on a terminal, else plain lines; on standard error."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from convladder.data.source import Progress as OnProgress
from convladder.report.notebook_bar import InNotebook, Place
from convladder.report.telling import tell
from convladder.report.trial_displays import Display, Lively, Plain, Quiet

PLAIN_SECONDS = 10  # between plain lines of one bank


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
            place = Place()
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
    """Print a line now and then; what has a line gets a last one when all of it is done."""
    last, unfinished = time.monotonic(), set[str]()

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > PLAIN_SECONDS or (done >= total and what in unfinished):
            last = time.monotonic()
            console.print(f"{what}: {done:,} of {total:,}")
            unfinished.discard(what)
            if done < total:
                unfinished.add(what)

    return show
