"""When checkpoints are written: by a clock that the test turns."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest

from convladder.core.worker import Stopped
from convladder.training import checkpoint, checkpointer
from convladder.training.checkpoint import Checkpoint
from convladder.training.checkpointer import FileCheckpointer


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(checkpointer, "time", clock)
    return clock


class Writes:
    """A training whose checkpoints take so many seconds; `at` is when each was begun."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds, self.at = clock, seconds, list[float]()
        self.history: list[dict[str, float]] = []
        self.step = 0

    def snapshot(self) -> Checkpoint:
        self.at.append(self.clock.seconds - 1000)
        self.clock.seconds += self.seconds
        return Checkpoint(
            {"history": list(self.history), "step": self.step}, {"weights": np.ones(1)}
        )

    def call(self, kept: FileCheckpointer, seconds: float) -> None:
        self.clock.seconds += seconds
        self.step += 1
        kept.after_call(self.snapshot)

    def end_epoch(self, kept: FileCheckpointer) -> None:
        self.history.append({"epoch": len(self.history) + 1.0})
        self.step = 0
        kept.after_epoch(self.snapshot)


def test_within_a_long_epoch_one_is_written_every_so_many_seconds(
    tmp_path: Path, clock: Clock
) -> None:
    kept, training = FileCheckpointer(tmp_path, every=60), Writes(clock, seconds=0.0)
    for _ in range(100):
        training.call(kept, 2)
    assert training.at == [60, 120, 180]


def test_each_epoch_that_is_long_enough_ends_with_one(tmp_path: Path, clock: Clock) -> None:
    kept, training = FileCheckpointer(tmp_path, every=1e6), Writes(clock, seconds=0.5)
    for _ in range(3):
        training.call(kept, 60)
        training.end_epoch(kept)
    assert training.at == [60, 120.5, 181]
    assert [path.stem for path in sorted(tmp_path.glob("*.json"))] == [
        "checkpoint-0002-000000",
        "checkpoint-0003-000000",
    ]


@pytest.mark.parametrize("every", [0.001, 1e6])
def test_whatever_is_asked_they_take_a_hundredth_of_the_time(
    tmp_path: Path, clock: Clock, every: float
) -> None:
    kept, training = FileCheckpointer(tmp_path, every=every), Writes(clock, seconds=0.5)
    for _ in range(100):
        training.call(kept, 10)
        training.end_epoch(kept)
    assert 15 <= len(training.at) <= 21  # one after 50 seconds each, of 1,000
    assert len(training.at) * 0.5 <= 0.011 * (clock.seconds - 1000)


def test_one_is_written_when_training_is_to_stop_and_at_its_end_whenever_that_is(
    tmp_path: Path, clock: Clock
) -> None:
    asked = iter([False, True])
    kept = FileCheckpointer(tmp_path, every=1e6, asked_to_stop=lambda: next(asked))
    training = Writes(clock, seconds=0.5)
    training.call(kept, 0.25)
    with pytest.raises(Stopped):
        training.call(kept, 0.25)
    assert training.at == [0.5]
    training.step += 1
    kept.keep(training.snapshot)
    assert [path.stem for path in sorted(tmp_path.glob("*.json"))] == [
        "checkpoint-0000-000002",
        "checkpoint-0000-000003",
    ]


def test_what_was_gone_on_from_is_not_held_once_training_is_past_it(
    tmp_path: Path, clock: Clock
) -> None:
    rows = [{"epoch": 1.0, "train_seconds": 5.0}]
    course = {"history": rows, "step": 0, "seconds": 2.0}
    checkpoint.write(tmp_path, Checkpoint(course, {"weights": np.zeros(1)}))
    kept, training = FileCheckpointer(tmp_path, every=1e6), Writes(clock, seconds=0.5)
    training.history = list(rows)
    found = kept.newest()
    assert found is not None
    held = weakref.ref(found)
    del found
    assert held() is not None, "until training has begun, it is what is gone on from"
    training.end_epoch(kept)
    assert held() is None
    assert kept.newest() is None
    assert kept.seconds_before == 7
