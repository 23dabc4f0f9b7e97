"""Tasks over persistent worker processes: a task is a function of a module, and its arguments.

Each worker is a fresh interpreter (`worker.serve`) that reads pickled tasks from its standard input and writes
pickled events to its standard output. Three things follow:

- A script needs no `if __name__ == "__main__"` guard, and a notebook works: nothing of the caller's main
  module is imported again, as `multiprocessing` would.
- A worker whose parent is gone, however it went, reads the end of its input and ends.
- A worker that crashes loses its running task alone: the next task gets a new worker.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from convladder import worker
from convladder.errors import ConvladderError

MEMORY_STATUSES = (-9, -6, -11)  # killed by the system, or by itself where C++ got no memory, or did not ask
STOP_SECONDS = 30  # that workers have to save what they are at

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Task:
    """`function(*arguments, emit=...)`, to be run in a worker; `key` comes back with its events."""

    key: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Started:
    key: Any


@dataclass(frozen=True)
class Message:
    """What a running task said with `emit(value)`."""

    key: Any
    value: Any


@dataclass(frozen=True)
class Finished:
    key: Any
    value: Any


@dataclass(frozen=True)
class Failed:
    """A task that raised, or whose process died. `expected`: a person can put it right."""

    key: Any
    error: str
    details: str
    expected: bool = False


@dataclass(frozen=True)
class Stopping:
    """The process got a signal to end, and waits for its workers to save what they are at."""

    key: None = None


@dataclass(frozen=True)
class Overdue:
    """A task that had not saved what it was at in time, and is ended."""

    key: Any


Event = Started | Message | Finished | Failed | Stopping | Overdue


_Events = queue.SimpleQueue[Event | BaseException | None]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks(
    tasks: Iterable[Task], *, jobs: int, threads: int = 1, renew_after: int | None = None
) -> Iterator[Event]:
    """Run the tasks as `Pool` does, and yield what happens."""
    return Pool(tasks, jobs=jobs, threads=threads, renew_after=renew_after).events()


class Pool:
    """Tasks in `jobs` worker processes of `threads` threads each.

    Tasks start in the given order; each is taken from an iterator when a worker is free for it. A worker is
    replaced after `renew_after` tasks.
    """

    def __init__(
        self, tasks: Iterable[Task], *, jobs: int, threads: int = 1, renew_after: int | None = None
    ) -> None:
        jobs = min(jobs, len(tasks)) if isinstance(tasks, Sized) else jobs
        pending = _Pending(tasks)
        self._events: _Events = queue.SimpleQueue()
        self._lanes = [_Lane(pending, self._events, threads, renew_after) for _ in range(max(1, jobs))]

    def events(self) -> Iterator[Event]:
        """Run the tasks and yield what happens. When the caller stops iterating, the workers are killed."""
        for lane in self._lanes:
            lane.start()
        try:
            yield from self._until_all_have_ended()
        finally:
            for lane in self._lanes:
                lane.kill()
            for lane in self._lanes:
                lane.join(timeout=10)

    def stop(self) -> None:
        """Begin no task more, and let running ones save what they are at; a signal handler may call this."""
        self._events.put(Stopping())

    def _until_all_have_ended(self) -> Iterator[Event]:
        running, deadline = len(self._lanes), math.inf
        while running and time.monotonic() < deadline:
            try:
                event = self._events.get(timeout=0.5)  # Windows delivers Ctrl-C only between waits
            except queue.Empty:
                continue
            if event is None:
                running -= 1
            elif isinstance(event, BaseException):
                raise event
            else:
                yield event
            if isinstance(event, Stopping):
                deadline = time.monotonic() + STOP_SECONDS
                for lane in self._lanes:
                    lane.stop()
        for lane in self._lanes:
            if lane.task is not None:
                yield Overdue(lane.task.key)


def call(
    function: Callable[..., Any],
    *arguments: Any,
    threads: int = 1,
    on_message: Callable[[Any], None] = lambda value: None,
) -> Any:
    """Call the function in a worker process of its own and return its value; what it emits goes to `on_message`.

    Raises ConvladderError with the message of the one that the function raised, RuntimeError for any other.
    """
    for event in run_tasks([Task(None, function, arguments)], jobs=1, threads=threads):
        if isinstance(event, Message):
            on_message(event.value)
        if isinstance(event, Finished):
            return event.value
        if isinstance(event, Failed):
            raise ConvladderError(event.error) if event.expected else RuntimeError(event.details)
    raise RuntimeError("the worker ended without a result")


class _Pending:
    """Hands out tasks to several threads."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = iter(tasks)
        self._lock = threading.Lock()

    def take(self) -> Task | None:
        """Return the next task; None where there is no more."""
        with self._lock:
            return next(self._tasks, None)


class _Lane(threading.Thread):
    """A thread that owns one worker process at a time and hands it task after task."""

    def __init__(self, pending: _Pending, events: _Events, threads: int, renew_after: int | None) -> None:
        super().__init__(daemon=True)
        self._pending, self._events = pending, events
        self._threads, self._renew_after = threads, renew_after
        self._worker: subprocess.Popen[bytes] | None = None
        self.task: Task | None = None  # that is being served
        self._served = 0
        self._ending = False
        self._lock, self._sending = threading.Lock(), threading.Lock()

    def run(self) -> None:
        try:
            while not self._ending:
                task = self._pending.take()
                if task is None:
                    break
                self.task = task
                self._serve(task)
                self.task = None
        except Exception as error:  # a defect of ours must reach the caller, not die with the thread
            self._events.put(error)
        finally:
            self._end_worker()
            self._events.put(None)

    def stop(self) -> None:
        """Take no more tasks, and let the worker save what it is at."""
        with self._lock:
            self._ending, process = True, self._worker
        if process is not None:
            with self._sending, contextlib.suppress(OSError, ValueError):  # it may have ended meanwhile
                worker.write(cast(BinaryIO, process.stdin), worker.STOP)

    def kill(self) -> None:
        with self._lock:
            self._ending = True
            if self._worker is not None:
                self._worker.kill()

    def _serve(self, task: Task) -> None:
        self._events.put(Started(task.key))
        try:
            process = self._hand_over(task)
        except OSError as error:  # no memory, or too many processes
            said = f"no worker could be started ({error}): use fewer --jobs"
            self._events.put(Failed(task.key, said, said, expected=True))
            return
        if process is None:
            return
        stdout = cast(BinaryIO, process.stdout)
        try:
            while True:
                kind, *content = pickle.loads(worker.receive(stdout))
                if kind == "message":
                    self._events.put(Message(task.key, *content))
                    continue
                if kind != "stopped":
                    self._events.put((Finished if kind == "finished" else Failed)(task.key, *content))
                self._served += 1
                return
        except (EOFError, OSError):
            self._report_death(task, process)

    def _hand_over(self, task: Task) -> subprocess.Popen[bytes] | None:
        """Send the task to a worker, and return that; None where the lane ends."""
        if self._worker is not None and self._served == self._renew_after:
            self._end_worker()
        with self._lock:
            if self._ending:
                return None
            if self._worker is None:
                self._worker, self._served = _start_worker(self._threads), 0
            process = self._worker
        with self._sending, contextlib.suppress(OSError):  # a dead one is found out by reading from it
            worker.send(cast(BinaryIO, process.stdin), (task.function, task.arguments))
        return process

    def _report_death(self, task: Task, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        self._end_worker()
        if not self._ending:
            error = f"its process ended with status {status}"
            if status in MEMORY_STATUSES:
                error += f" (perhaps {worker.NO_MEMORY})"
            self._events.put(Failed(task.key, error, error, expected=True))

    def _end_worker(self) -> None:
        with self._lock:
            process, self._worker = self._worker, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _start_worker(threads: int) -> subprocess.Popen[bytes]:
    environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment["KERAS_BACKEND"] = "tensorflow"  # what training/feed.py speaks to
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from convladder.worker import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("CONVLADDER_DEBUG") else subprocess.DEVNULL,
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # a terminal's Ctrl-C is for the parent to act on
    )
