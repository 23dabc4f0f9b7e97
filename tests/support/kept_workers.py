"""Workers that stay for the next pool of their process.

For tests to which it is no matter how workers begin and end: most of what a short task takes is a
worker's import of Keras.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

from convladder.core import backend, logs, worker, worker_pool, worker_process
from convladder.core.tasks import Event, Failed, Finished
from convladder.core.worker_process import ProcessLane

TASKS = 30  # that a worker does, before another takes its place: Keras keeps some memory of each

Key = tuple[object, ...]
Worker = subprocess.Popen[bytes]


class _Keeper:
    """Takes workers whose lanes have ended, and gives them to lanes that need one of their kind."""

    def __init__(self) -> None:
        self._kinds: dict[Worker, Key] = {}
        self._done: dict[Worker, int] = {}
        self._spare: list[Worker] = []
        self._lock = threading.Lock()
        self._lines: dict[BinaryIO, Any] = {}  # that a worker's standard error is read by
        self._real_start, self._real_lines = worker_process._start_worker, worker_process.LastLines
        self._real_end, self._real_run = ProcessLane._end_worker, worker_pool.run_tasks

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        def end(lane: ProcessLane) -> None:  # a method of ours would not be given the lane
            self._end(lane)

        with (
            mock.patch.object(worker_process, "_start_worker", self._start),
            mock.patch.object(worker_process, "LastLines", self._read_lines),
            mock.patch.object(worker_pool, "run_tasks", self._run_tasks),
            mock.patch.object(ProcessLane, "_end_worker", end),
        ):
            yield

    def end(self) -> None:
        for process in self._spare:
            process.stdin.close()
            process.wait()
            process.stdout.close()

    def _start(self, threads: int) -> Worker:
        kind = _kind(threads)
        process = self._take(kind)
        if process is not None and _moves_here(process):
            return process
        process = self._real_start(threads)
        self._kinds[process], self._done[process] = kind, 0
        return process

    def _take(self, kind: Key) -> Worker | None:
        with self._lock:
            process = next((each for each in self._spare if self._kinds[each] == kind), None)
            if process is not None:
                self._spare.remove(process)
            return process

    def _read_lines(self, stream: BinaryIO) -> Any:
        if stream not in self._lines:
            self._lines[stream] = self._real_lines(stream)
        return self._lines[stream]

    def _run_tasks(self, *tasks: Any, **how: Any) -> Iterator[Event]:
        """Tell of ends last: who listens no more, as `call` does by then, kills the workers."""
        ends = []
        for event in self._real_run(*tasks, **how):
            if isinstance(event, Finished | Failed):
                ends.append(event)
            else:
                yield event
        yield from ends

    def _end(self, lane: Any) -> None:
        process = lane._worker
        if process is None or not self._may_stay(lane, process):
            self._real_end(lane)
            return
        lane._worker = None
        with self._lock:
            self._spare.append(process)

    def _may_stay(self, lane: Any, process: Worker) -> bool:
        """Whether the worker of a lane is idle, and neither its lane nor we want another."""
        self._done[process] += lane._served
        is_idle = process.poll() is None and not (lane._ending or lane._sent)
        return is_idle and lane._served != lane._renew_after and self._done[process] <= TASKS


def _kind(threads: int) -> Key:
    environment = dict(os.environ) | backend.environment()
    environment.pop("PYTEST_CURRENT_TEST", None)
    return threads, logs.level(), tuple(sys.path), tuple(sorted(environment.items()))


def _moves_here(process: Worker) -> bool:
    """Whether a worker is there still, and has come to the folder that we are in."""
    try:
        worker.send(process.stdin, (move, (Path.cwd(),)))
        return pickle.loads(worker.receive(process.stdout))[0] == "finished"
    except (EOFError, OSError):
        return False


def move(folder: Path, emit: Any) -> None:
    """Go to a folder; a task for a worker."""
    del emit
    os.chdir(folder)


@contextlib.contextmanager
def kept_workers() -> Iterator[None]:
    """Let the pools of the block use workers of earlier ones, and end all with the block."""
    keeper = _Keeper()
    try:
        with keeper.keeping():
            yield
    finally:
        keeper.end()
