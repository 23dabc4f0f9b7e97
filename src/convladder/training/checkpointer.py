"""When a training is kept: at epochs' ends, now and then in long ones, and at a stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from convladder.core import files
from convladder.core.worker import Stopped
from convladder.training import checkpoint
from convladder.training.checkpoint import Checkpoint

_logger = logging.getLogger(__name__)

HISTORY = "history.csv"
PRICE = 0.01  # at most this share of the time goes into checkpoints, but for the first and the last

Snapshot = Callable[[], Checkpoint]


class Checkpointer:
    """Keeps nothing, for a training that starts over each time."""

    def newest(self) -> Checkpoint | None:
        """Return where to go on."""
        return None

    def after_call(self, snapshot: Snapshot) -> None:
        """Keep the training if it is time. Raises Stopped, having kept it, where it should end."""

    def after_epoch(self, snapshot: Snapshot) -> None:
        """Keep the training, unless that was done a moment ago and epochs are short."""

    def keep(self, snapshot: Snapshot) -> None:
        """Keep the training as it is now."""


class FileCheckpointer(Checkpointer):
    """Keeps a training's checkpoints in a folder, and its history next to them for people.

    every : seconds between checkpoints within an epoch. asked_to_stop : whether training should end
        now.
    damaged : the names of checkpoints that were newer than the newest whole one. seconds_before :
        of training that went before, as far as they were kept.
    """

    def __init__(
        self, folder: Path, *, every: float, asked_to_stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._folder, self._every, self._asked_to_stop = folder, every, asked_to_stop
        self._last, self._cost = time.monotonic(), 0.0
        self._found, damaged = checkpoint.read_newest(folder)
        self._kept = self._found.name if self._found else None
        self.damaged = [path.name for path in damaged]
        self.seconds_before = _seconds_of(self._found)

    def put_damaged_aside(self) -> None:
        """Give checkpoints that are damaged other names, once it is written down which they are."""
        for name in self.damaged:
            checkpoint.put_aside(self._folder / name)

    def newest(self) -> Checkpoint | None:
        return self._found

    def after_call(self, snapshot: Snapshot) -> None:
        if self._asked_to_stop():
            self.keep(snapshot)
            raise Stopped
        if self._waited() >= self._every:
            self.after_epoch(snapshot)

    def after_epoch(self, snapshot: Snapshot) -> None:
        if self._cost <= PRICE * self._waited():
            self.keep(snapshot)

    def keep(self, snapshot: Snapshot) -> None:
        started = time.monotonic()
        taken = snapshot()
        self._found = None  # training is past it: its tensors are not held until the end
        if taken.name != self._kept and taken.is_finite:
            checkpoint.write(self._folder, taken)
            if taken.epoch:
                self._write_history(taken.course["history"])
            self._kept = taken.name
        self._last = time.monotonic()
        self._cost = self._last - started

    def _write_history(self, rows: list[dict[str, Any]]) -> None:
        text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
        try:
            files.write_text(self._folder / HISTORY, text)
        except OSError as error:  # it is for people to read; somebody may have it open
            _logger.debug("cannot write %s (%s)", self._folder / HISTORY, error)

    def _waited(self) -> float:
        return time.monotonic() - self._last


def _seconds_of(found: Checkpoint | None) -> float:
    """Return the seconds of training that a checkpoint tells of."""
    if found is None:
        return 0.0
    return float(
        found.course["seconds"] + sum(row["train_seconds"] for row in found.course["history"])
    )
