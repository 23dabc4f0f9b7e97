"""A bar below the cell of a notebook, where Rich draws none without ipywidgets."""

from __future__ import annotations

import html
import time

from rich.console import Console

from convladder.core.tasks import Event
from convladder.report.telling import tell_of
from convladder.report.trial_displays import Tally
from convladder.results.folders import TrialKey

NOTEBOOK_SECONDS = 0.2  # between two pictures of a bar


class InNotebook:
    """A bar below the cell, renewed in place, and a line that stays when all is done."""

    def __init__(self, console: Console) -> None:
        self._console, self._tally, self._started = console, Tally(), time.monotonic()
        self._place = Place()

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


class Place:
    """A place below a notebook's cell that can be shown anew."""

    def __init__(self) -> None:
        from IPython.display import display

        self._last = 0.0
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, text: str) -> None:
        self._handle.update({"text/plain": text, "text/html": html.escape(text)}, raw=True)

    def show_bar(self, share: float, text: str) -> None:
        if share >= 1 or time.monotonic() - self._last > NOTEBOOK_SECONDS:
            self._last = time.monotonic()
            bar = (
                f'<progress value="{share:.3f}" max="1" style="width: 16em"></progress> '
                f"{html.escape(text)}"
            )
            self._handle.update({"text/plain": f"{share:.0%} {text}", "text/html": bar}, raw=True)
