"""Programs, commands and tasks of workers in this process, as if each had one of its own.

Each would take seconds to import Keras. What their processes do beside is tested with programs that
need none (test_harness), and in tests/.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import runpy
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from unittest import mock

from _harness import programs
from command_line import as_in_its_own
from convladder.core import worker, worker_pool
from convladder.core.lanes import Lane, Pending
from convladder.core.tasks import Events, Failed, Finished, Message, Started, Task


@contextlib.contextmanager
def everything() -> Iterator[None]:
    """Run in this process what the block would start: sides of rows, commands, tasks of workers."""
    with (
        mock.patch.object(programs, "_running", _running),
        mock.patch.object(subprocess, "run", _run),
        mock.patch.object(worker_pool, "ProcessLane", LaneHere),
    ):
        yield


class Ended:
    """A program that has run in this process; whoever watches its memory sees it once."""

    pid = os.getpid()

    def __init__(self, status: int) -> None:
        self._status, self._seen = status, False

    def poll(self) -> int | None:
        seen, self._seen = self._seen, True
        return self._status if seen else None

    def wait(self, timeout: float) -> int:
        del timeout
        return self._status


@contextlib.contextmanager
def _running(count: int, command: list[str], **how: Any) -> Iterator[list[Ended]]:
    yield [Ended(run_python(command[1:], **how)) for _ in range(count)]


def _run(command: list[str], **how: Any) -> subprocess.CompletedProcess[Any]:
    if command[:3] != [sys.executable, "-m", "convladder"]:
        return _RUN(command, **how)
    done = subprocess.CompletedProcess(command, run_python(command[1:], stdout=how["stdout"]))
    done.check_returncode()
    return done


_RUN = subprocess.run


def run_python(
    words: list[str],
    *,
    stdout: TextIO,
    stderr: TextIO | None = None,
    env: Mapping[str, str] = os.environ,
    cwd: Path | str = ".",
) -> int:
    """Run what Python would with these words, and return the status that it would end with."""
    with (
        as_in_its_own(Path(cwd)),
        mock.patch.dict(os.environ, dict(env), clear=True),
        mock.patch.object(sys, "path", [str(Path(words[0]).parent), *sys.path]),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr or sys.stderr),
    ):
        try:
            _run_main(*words)
        except SystemExit as end:
            return int(end.code or 0)
        except Exception:
            traceback.print_exc()
            return 1
    return 0


def _run_main(first: str, *rest: str) -> None:
    """Run a file, `-c` and a text or `-m` and a module, as Python does with the words after it."""
    with mock.patch.object(sys, "argv", [first, *rest]):
        if first == "-c":
            exec(rest[0], {"__name__": "__main__"})
        elif first == "-m":
            sys.argv = list(rest)
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(first, run_name="__main__")


class LaneHere(Lane):
    """A lane whose tasks run in its own thread, one of all lanes' at a time."""

    _turn = threading.Lock()

    def __init__(self, pending: Pending, events: Events, *of_processes: object) -> None:
        super().__init__(pending, events)
        del of_processes

    def stop(self) -> None:
        self._ending = True

    kill = stop

    def halt(self, key: Any) -> None:
        raise NotImplementedError

    def _serve(self, task: Task) -> None:
        with self._turn:
            self._events.put(Started(task.key))
            given = pickle.dumps((task.function, task.arguments))
            told = worker._outcome(given, lambda value: self._events.put(Message(task.key, value)))
            kind, *content = pickle.loads(told)
            self._events.put((Finished if kind == "finished" else Failed)(task.key, *content))

    def _end_worker(self) -> None:
        pass
