"""Workers outlive their pool for a while, for whoever wants the same of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from convladder import workers
from convladder.processes import RENEW_AFTER, Event, Finished, Task, call, run_tasks


def own_process(emit: Any) -> int:
    del emit
    return os.getpid()


def fail(emit: Any) -> None:
    del emit
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def none_idle() -> Iterator[None]:
    """Begin and end without an idle worker."""
    end_all()
    yield
    end_all()


def end_all() -> None:
    for worker in list(workers._idle):
        workers._end_idle(worker)


def processes_of(events: list[Event]) -> set[int]:
    return {event.value for event in events if isinstance(event, Finished)}


def test_the_next_call_has_the_worker_of_the_one_before() -> None:
    assert call(own_process) == call(own_process)


def test_a_worker_serves_so_many_tasks_whoever_asks() -> None:
    first = call(own_process)
    tasks = [Task(number, own_process) for number in range(RENEW_AFTER)]
    served = processes_of(list(run_tasks(tasks, jobs=1, renew_after=RENEW_AFTER)))
    assert len(served) == 2
    assert first in served


def test_who_wants_another_environment_folder_or_threads_gets_another_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = [call(own_process)]
    monkeypatch.setenv("CONVLADDER_ANYTHING", "1")
    seen.append(call(own_process))
    monkeypatch.chdir(tmp_path)
    seen.append(call(own_process))
    seen.append(call(own_process, threads=2))
    assert len(set(seen)) == 4
    assert [psutil.pid_exists(process) for process in seen] == [False, False, False, True]


def test_a_worker_that_failed_or_that_is_not_renewed_is_not_kept() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        call(fail)
    list(run_tasks([Task(0, own_process)], jobs=1))
    assert not workers._idle


def test_one_that_died_while_it_was_idle_is_not_hired() -> None:
    process = psutil.Process(call(own_process))
    process.kill()
    process.wait()
    assert call(own_process) != process.pid


def test_few_are_kept_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "KEPT_SECONDS", 0.5)
    monkeypatch.setattr(workers, "KEPT", 1)
    served = processes_of(
        list(run_tasks([Task(n, own_process) for n in range(8)], jobs=2, renew_after=RENEW_AFTER))
    )
    assert sum(psutil.pid_exists(process) for process in served) == 1
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(process) for process in served) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(process) for process in served)
    assert not workers._idle
