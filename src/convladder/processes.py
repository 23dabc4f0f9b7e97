"""Tasks over persistent worker processes: a task is a function of a module, and its arguments.

Each worker is a fresh interpreter (`python -m convladder.processes`) that reads pickled tasks from its
standard input and writes pickled events to its standard output. Three things follow:

- A script needs no `if __name__ == "__main__"` guard, and a notebook works: nothing of the caller's main
  module is imported again, as `multiprocessing` would.
- A worker whose parent is gone, however it went, reads the end of its input and ends.
- A worker that crashes loses its running task alone: the next task gets a new worker.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from convladder.errors import ConvladderError

Emit = Callable[[Any], None]

_LENGTH = struct.Struct(">Q")

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


Event = Started | Message | Finished | Failed


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks(
    tasks: Iterable[Task], *, jobs: int, threads: int = 1, renew_after: int | None = None
) -> Iterator[Event]:
    """Run the tasks in `jobs` worker processes of `threads` threads each; yield events as they come.

    Tasks start in the given order; each is taken from an iterator when a worker is free for it. A worker is
    replaced after `renew_after` tasks. When the caller stops iterating, be it by an error or by Ctrl-C, the
    workers are killed.
    """
    jobs = min(jobs, len(tasks)) if isinstance(tasks, Sized) else jobs
    pending = _Pending(tasks)
    events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
    lanes = [_Lane(pending, events, threads, renew_after) for _ in range(max(1, jobs))]
    for lane in lanes:
        lane.start()
    try:
        open_lanes = len(lanes)
        while open_lanes:
            event = _next(events)
            if event is None:
                open_lanes -= 1
            elif isinstance(event, BaseException):
                raise event
            else:
                yield event
    finally:
        for lane in lanes:
            lane.kill()
        for lane in lanes:
            lane.join(timeout=10)


def call(function: Callable[..., Any], *arguments: Any, threads: int = 1) -> Any:
    """Call the function in a worker process of its own and return its value.

    Raises ConvladderError with the message of the one that the function raised, RuntimeError for any other.
    """
    for event in run_tasks([Task(None, function, arguments)], jobs=1, threads=threads):
        if isinstance(event, Finished):
            return event.value
        if isinstance(event, Failed):
            raise ConvladderError(event.error) if event.expected else RuntimeError(event.details)
    raise RuntimeError("the worker ended without a result")


def _next(events: queue.SimpleQueue[Any]) -> Any:
    while True:
        with contextlib.suppress(queue.Empty):
            return events.get(timeout=0.5)  # Windows delivers Ctrl-C only between waits


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

    def __init__(
        self,
        pending: _Pending,
        events: queue.SimpleQueue[Any],
        threads: int,
        renew_after: int | None,
    ) -> None:
        super().__init__(daemon=True)
        self._pending, self._events = pending, events
        self._threads, self._renew_after = threads, renew_after
        self._worker: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._killed = False
        self._lock = threading.Lock()

    def run(self) -> None:
        try:
            while not self._killed:
                task = self._pending.take()
                if task is None:
                    break
                self._serve(task)
        except Exception as error:  # a defect of ours must reach the caller, not die with the thread
            self._events.put(error)
        finally:
            self._end_worker()
            self._events.put(None)

    def kill(self) -> None:
        with self._lock:
            self._killed = True
            if self._worker is not None:
                self._worker.kill()

    def _serve(self, task: Task) -> None:
        self._events.put(Started(task.key))
        worker = self._ready_worker()
        if worker is None:
            return
        stdin, stdout = cast(BinaryIO, worker.stdin), cast(BinaryIO, worker.stdout)
        try:
            _send(stdin, (task.function, task.arguments))
            while True:
                kind, *content = pickle.loads(_receive(stdout))
                if kind == "message":
                    self._events.put(Message(task.key, *content))
                    continue
                self._events.put((Finished if kind == "finished" else Failed)(task.key, *content))
                self._served += 1
                return
        except (EOFError, OSError):
            self._report_death(task, worker)

    def _ready_worker(self) -> subprocess.Popen[bytes] | None:
        if self._worker is not None and self._served == self._renew_after:
            self._end_worker()
        with self._lock:
            if self._killed:
                return None
            if self._worker is None:
                self._worker, self._served = _start_worker(self._threads), 0
            return self._worker

    def _report_death(self, task: Task, worker: subprocess.Popen[bytes]) -> None:
        status = worker.wait()
        self._end_worker()
        if not self._killed:
            error = f"its process ended with status {status}"
            if status == -9:
                error += " (killed: if memory ran out, use fewer --jobs or a smaller train.batch_size)"
            self._events.put(Failed(task.key, error, error, expected=True))

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        with contextlib.suppress(OSError):
            if worker.stdin:
                worker.stdin.close()
        try:
            worker.wait(timeout=5)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        if worker.stdout:
            worker.stdout.close()


def _start_worker(threads: int) -> subprocess.Popen[bytes]:
    environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment["KERAS_BACKEND"] = "tensorflow"  # what training/feed.py speaks to
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "convladder.processes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("CONVLADDER_DEBUG") else subprocess.DEVNULL,
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # a terminal's Ctrl-C is for the parent to act on
    )


def serve() -> None:
    """Be a worker: run the tasks that come on standard input until it ends."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the events
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(sys.stdin.buffer, tasks), daemon=True).start()
    while True:
        _send(events, _outcome(tasks.get(), lambda value: _send(events, ("message", value))))


def _read_tasks(stream: BinaryIO, tasks: queue.SimpleQueue[bytes]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            tasks.put(_receive(stream))
    os._exit(0)  # the parent is gone, or needs this worker no more


def _outcome(task: bytes, emit: Emit) -> tuple[Any, ...]:
    try:
        function, arguments = pickle.loads(task)
        return "finished", function(*arguments, emit=emit)
    except ConvladderError as error:
        return "failed", str(error), traceback.format_exc(), True
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        if _is_full_disk(error):
            said = f"{os.strerror(errno.ENOSPC)}: make room, or choose another place ({said})"
        return "failed", said, traceback.format_exc(), _is_full_disk(error)


def _is_full_disk(error: BaseException | None) -> bool:
    """Whether an error comes of a full disk, which a person can put right."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return True
        error = error.__cause__ or error.__context__
    return False


def _send(stream: BinaryIO, value: Any) -> None:
    """Write a value as its length and its pickle."""
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: BinaryIO) -> bytes:
    """Read a pickle that `_send` wrote. Raises EOFError at the end of the stream."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(header)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


if __name__ == "__main__":
    serve()
