"""Workers that tests keep are those that a pool would have started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from convladder.core.tasks import Finished, Task
from convladder.core.worker_pool import call, run_tasks
from kept_workers import kept_workers


def who_and_where(emit: Any) -> tuple[int, str]:
    emit("a message")
    return os.getpid(), os.getcwd()  # noqa: PTH109


def fail(emit: Any) -> None:
    raise ZeroDivisionError


def test_a_worker_is_kept_where_another_would_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with kept_workers():
        first, place = call(who_and_where)
        assert place == str(Path.cwd())
        monkeypatch.chdir(tmp_path)
        assert call(who_and_where, on_message=said.append) == (first, str(tmp_path))
        assert said == ["a message"]
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            call(fail)
        two = run_tasks([Task(number, who_and_where) for number in range(2)], jobs=1)
        assert [e.value[0] for e in two if isinstance(e, Finished)] == [first, first]
        assert call(who_and_where, threads=2)[0] != first
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        assert call(who_and_where)[0] != first
    assert not psutil.pid_exists(first)
    monkeypatch.delenv("KERAS_BACKEND")
    assert call(who_and_where)[0] != first
