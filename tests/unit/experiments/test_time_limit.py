"""How long a climb may take."""

from __future__ import annotations

import threading
import time

import pytest

from convladder.experiments.time_limit import TimeLimit
from limits import HANG


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_without_a_limit_time_is_never_up(clock: list[float]) -> None:
    limit = TimeLimit(None)
    clock[0] += 1e9
    assert not limit.is_up
    assert limit.within([3, 5, 8]) == [3, 5, 8]


def test_the_time_of_earlier_commands_counts(clock: list[float]) -> None:
    limit = TimeLimit(60, spent=50)
    clock[0] += 9
    assert not limit.is_up
    clock[0] += 1
    assert limit.is_up
    assert limit.spent == 60


def test_looks_are_those_that_there_is_time_for(clock: list[float]) -> None:
    """Three seeds took 30 s: 5 would take 41 s in all, 8 58 s and 12 80 s."""
    limit = TimeLimit(60)
    clock[0] += 30
    assert limit.within([3, 5, 8, 12]) == [3, 5, 8]
    assert TimeLimit(1).within([3, 5]) == [3, 5]


def test_the_first_look_is_there_however_little_time(clock: list[float]) -> None:
    limit = TimeLimit(10)
    clock[0] += 30
    assert limit.within([3, 5, 8, 12]) == [3]


def test_when_the_time_is_up_what_runs_is_stopped() -> None:
    limit, stopped = TimeLimit(0.01), threading.Event()
    with limit.ending(stopped.set):
        assert stopped.wait(HANG)
    assert limit.has_stopped


def test_what_ends_in_time_is_not_stopped() -> None:
    limit, stopped = TimeLimit(3600), threading.Event()
    with limit.ending(stopped.set):
        pass
    assert not limit.has_stopped
    assert not stopped.is_set()
