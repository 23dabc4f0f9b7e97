from __future__ import annotations

import errno
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convladder.core import worker, worker_pool, worker_process
from convladder.core.errors import ConvladderError, DataError
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Overdue,
    Started,
    Stopping,
    Task,
)
from convladder.core.worker import Stopped, stop_asked
from convladder.core.worker_pool import call, run_tasks
from limits import HANG
from slow_tasks import sleep_on


def double(number: int, emit: Any) -> int:
    emit(f"doubling {number}")
    print("what a library prints does not mix with the events")
    return 2 * number


def own_process(emit: Any) -> int:
    del emit
    return os.getpid()


def raise_defect(emit: Any) -> None:
    del emit
    raise ZeroDivisionError("one by zero")


def raise_fault(emit: Any) -> None:
    del emit
    raise DataError("no such folder")


def leave(emit: Any) -> None:
    sys.exit(3)  # as libraries do that were made for a command line


def fill_the_disk(emit: Any) -> None:
    del emit
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as error:
        raise RuntimeError("the archive could not be closed") from error


def die(emit: Any) -> None:
    del emit
    os.kill(os.getpid(), signal.SIGKILL)


def threads_of_worker(emit: Any) -> str:
    del emit
    return os.environ["TF_NUM_INTRAOP_THREADS"]


def results(events: list[Event]) -> dict[Any, Any]:
    return {event.key: event.value for event in events if isinstance(event, Finished)}


def test_tasks_give_their_values_and_messages() -> None:
    events = list(run_tasks([Task(n, double, (n,)) for n in range(5)], jobs=2))
    assert results(events) == {0: 0, 1: 2, 2: 4, 3: 6, 4: 8}
    assert Message(3, "doubling 3") in events


def test_workers_live_over_several_tasks_and_are_renewed() -> None:
    tasks = [Task(n, own_process) for n in range(4)]
    assert len(set(results(list(run_tasks(tasks, jobs=1))).values())) == 1
    assert len(set(results(list(run_tasks(tasks, jobs=1, renew_after=2))).values())) == 2


def test_a_task_that_fails_leaves_the_others_alone() -> None:
    tasks = [
        Task("defect", raise_defect),
        Task("fault", raise_fault),
        Task("death", die),
        Task("fine", double, (1,)),
    ]
    events = list(run_tasks(tasks, jobs=1))
    failed = {event.key: event for event in events if isinstance(event, Failed)}
    assert results(events) == {"fine": 2}
    assert failed["defect"].error == "ZeroDivisionError: one by zero"
    assert "raise_defect" in failed["defect"].details
    assert failed["fault"].expected
    assert failed["fault"].error == "no such folder"
    assert failed["death"].expected
    assert "status -9 (SIGKILL" in failed["death"].error


def test_a_task_that_exits_has_failed_and_its_worker_goes_on() -> None:
    tasks = [Task("exit", leave), Task("first", own_process), Task("second", own_process)]
    events = list(run_tasks(tasks, jobs=1))
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert failed.error.startswith("SystemExit: 3")
    found = results(events)
    assert found["first"] == found["second"]


def test_a_function_that_a_worker_cannot_find_is_a_failure_and_not_a_hang() -> None:
    lost = type("Lost", (), {"__reduce__": lambda self: (__import__, ("no_such_module",))})()
    with pytest.raises(RuntimeError, match="no_such_module"):
        call(double, lost)


def test_workers_end_when_the_caller_stops_listening() -> None:
    events = run_tasks([Task(n, own_process) for n in range(2)], jobs=1)
    process = next(event.value for event in events if isinstance(event, Finished))
    events.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_worker_that_cannot_be_started_costs_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    real = worker_process._start_worker
    starts = iter([OSError(errno.EAGAIN, "Resource temporarily unavailable"), None])

    def start(threads: int) -> Any:
        error = next(starts)
        if error:
            raise error
        return real(threads)

    monkeypatch.setattr(worker_process, "_start_worker", start)
    events = list(run_tasks([Task(0, double, (1,)), Task(1, double, (1,))], jobs=1))
    (failed,) = [each for each in events if isinstance(each, Failed)]
    assert failed.expected
    assert "no worker process could be started" in failed.error
    assert results(events) == {1: 2}


def test_what_is_not_saved_in_time_is_said_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "STOP_SECONDS", 0.5)
    pool = worker_pool.Pool([Task("slow", sleep_on), Task("later", own_process)], jobs=1)
    events = []
    for event in pool.events():
        events.append(event)
        if isinstance(event, Message):
            pool.stop()
    assert events == [Started("slow"), Message("slow", "asleep"), Stopping(), Overdue("slow")]


def wait_for_the_end(emit: Any) -> None:
    emit("waiting")
    while not stop_asked():
        time.sleep(0.01)
    raise Stopped


def test_a_task_that_is_halted_ends_and_the_next_is_begun_in_its_worker() -> None:
    pool = worker_pool.Pool([Task("long", wait_for_the_end), Task("next", own_process)], jobs=1)
    events = []
    for event in pool.events():
        events.append(event)
        if event == Message("long", "waiting"):
            pool.halt("next")  # which is not running: nothing happens
            pool.halt("long")
        if event == Halted("long"):
            pool.halt("long")  # once more, too late: the next is left alone
    assert events[:3] == [Started("long"), Message("long", "waiting"), Halted("long")]
    assert "next" in results(events)


def test_call_returns_a_value_or_raises_the_fault() -> None:
    assert call(double, 4) == 8
    assert call(threads_of_worker, threads=3) == "3"
    with pytest.raises(ConvladderError, match="no such folder"):
        call(raise_fault)
    with pytest.raises(RuntimeError, match="one by zero"):
        call(raise_defect)


def say_in_threads(emit: Any) -> None:
    texts = [str(number) * 200_000 for number in range(8)]
    threads = [
        threading.Thread(target=lambda text=text: [emit(text) for _ in range(5)]) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_is_emitted_in_several_threads_comes_whole() -> None:
    events = list(run_tasks([Task(0, say_in_threads)], jobs=1))
    said = Counter(event.value[:1] + event.value.strip(event.value[:1]) for event in events[1:-1])
    assert said == {str(number): 5 for number in range(8)}
    assert events[-1] == Finished(0, None)


def test_a_full_disk_is_something_that_a_person_can_put_right() -> None:
    (failed,) = [
        each for each in run_tasks([Task(0, fill_the_disk)], jobs=1) if isinstance(each, Failed)
    ]
    assert failed.expected
    assert "free some space" in failed.error


def wait_for_a_halt(emit: Any) -> str:
    """Wait, but not for ever."""
    until = time.monotonic() + HANG
    while time.monotonic() < until:
        if stop_asked():
            raise Stopped
        time.sleep(0.01)
    return "nobody halted it"


def test_a_task_that_is_halted_before_it_was_sent_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real, halted = worker_process._start_worker, threading.Event()

    def start_late(threads: int) -> Any:
        halted.wait(20)
        return real(threads)

    monkeypatch.setattr(worker_process, "_start_worker", start_late)
    pool = worker_pool.Pool([Task("long", wait_for_a_halt), Task("next", own_process)], jobs=1)
    events = []
    for event in pool.events():
        events.append(event)
        if event == Started("long"):
            pool.halt("long")
            halted.set()
    assert events[:2] == [Started("long"), Halted("long")]
    assert "next" in results(events), "it is not halted with the one before"


def test_what_came_in_time_is_told_however_late_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "STOP_SECONDS", 0)
    pool = worker_pool.Pool([], jobs=1)
    for event in (Stopping(), Finished("saved in time", 1), None):
        pool._events.put(event)
    assert list(pool._until_all_have_ended()) == [Stopping(), Finished("saved in time", 1)]


def test_a_pool_for_which_there_is_no_thread_ends_what_it_has_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = worker_pool.Pool([Task(n, own_process) for n in range(2)], jobs=2)

    def fail() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool._lanes[1], "start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        next(pool.events())
    assert not pool._lanes[0].is_alive()


def test_a_task_that_is_over_is_not_held_while_its_lane_waits_for_the_next() -> None:
    made: list[weakref.ref[Task]] = []
    held: list[bool] = []

    def make(number: int) -> Task:
        task = Task(number, double, (number,))
        made.append(weakref.ref(task))
        return task

    def tasks() -> Iterator[Task]:
        for number in range(3):
            held.extend(each() is not None for each in made)
            yield make(number)

    assert results(list(run_tasks(tasks(), jobs=1))) == {0: 0, 1: 2, 2: 4}
    assert held == 3 * [False]


class Parcel(bytearray):
    """A pickled task whose end can be seen."""


parcels: list[weakref.ref[Parcel]] = []


def count_parcels(emit: Any) -> int:
    del emit
    return sum(each() is not None for each in parcels)


def test_a_worker_does_not_hold_a_task_twice() -> None:
    def make() -> Any:
        parcel = Parcel(pickle.dumps((count_parcels, ())))
        parcels.append(weakref.ref(parcel))
        return parcel

    outcome = worker._outcome(make(), print)  # not within an assert, which would hold it
    assert pickle.loads(outcome) == ("finished", 0)
    assert len(parcels) == 1


def test_where_no_worker_can_be_started_no_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object, **how: object) -> None:
        assert list(tmp_path.iterdir()), "its folder is there by now"
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_process.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(worker_process.subprocess, "Popen", refuse)
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        worker_process._start_worker(1)
    assert list(tmp_path.iterdir()) == []
