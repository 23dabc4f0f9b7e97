"""Tasks over persistent worker processes: a task is a function of a module, and its arguments.

Each worker is a fresh interpreter (`worker.serve`) that reads pickled tasks from its standard input
and writes pickled events to its standard output. Three things follow:

- A script needs no `if __name__ == "__main__"` guard, and a notebook works: nothing of the caller's
main
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
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Any, BinaryIO, assert_never, cast

from convladder.core import backend, container_limits, worker, worker_exits
from convladder.core.errors import ConvladderError
from convladder.core.worker_exits import LastLines

OWN_MEMORY = 2**29  # bytes that a command takes beside its workers
STOP_SECONDS = 30  # that workers have to save what they are at

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "PJRT_NPROC",  # JAX's, on a processor
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
    """A task that raised. `expected`: a person can put it right.

    cause : what it raised, if that is an error of ours.
    """

    key: Any
    error: str
    details: str
    expected: bool = False
    cause: ConvladderError | None = field(default=None, compare=False)

    def as_exception(self, kind: type[ConvladderError] = ConvladderError) -> Exception:
        """Return what is to be raised for it here.

        That is what it raised, RuntimeError for a defect, or else a `kind`.
        """
        if not self.expected:
            return RuntimeError(self.details)
        return self.cause.copied() if self.cause else kind(self.error)


@dataclass(frozen=True)
class Died(Failed):
    """A task whose process died, which may have been the machine's fault and not its own.

    `details` are the last lines that it wrote, and then the error.
    """


@dataclass(frozen=True)
class Halted:
    """A task that was asked to end before its time, and has saved what it was at."""

    key: Any


@dataclass(frozen=True)
class Stopping:
    """The process got a signal to end, and waits for its workers to save what they are at."""

    key: None = None


@dataclass(frozen=True)
class Overdue:
    """A task that had not saved what it was at in time, and is ended."""

    key: Any


@dataclass(frozen=True)
class Notice:
    """What a person should know, of no task."""

    text: str
    key: None = None


Event = Started | Message | Finished | Failed | Halted | Stopping | Overdue | Notice


Events = queue.SimpleQueue[Event | BaseException | None]


def count_workers(each: int) -> int:
    """Return how many workers that take so many bytes each to run side by side: one a core, if
    memory allows.
    """
    memory = container_limits.memory()
    room = container_limits.cores() if memory is None else (memory - OWN_MEMORY) // each
    return max(1, min(container_limits.cores(), room))


def run_tasks(
    tasks: Iterable[Task], *, jobs: int, threads: int = 1, renew_after: int | None = None
) -> Iterator[Event]:
    """Run the tasks as `Pool` does, and yield what happens."""
    return Pool(tasks, jobs=jobs, threads=threads, renew_after=renew_after).events()


# docs/decisions/004-trials-are-parallel-not-steps.md
class Pool:
    """Tasks in `jobs` worker processes of `threads` threads each.

    Tasks start in the given order; each is taken from an iterator when a worker is free for it. A
    worker is replaced after `renew_after` tasks.
    """

    def __init__(
        self, tasks: Iterable[Task], *, jobs: int, threads: int = 1, renew_after: int | None = None
    ) -> None:
        jobs = min(jobs, len(tasks)) if isinstance(tasks, Sized) else jobs
        pending = Pending(tasks)
        self._events: Events = queue.SimpleQueue()
        self._lanes = [
            self._make_lane(pending, self._events, threads, renew_after)
            for _ in range(max(1, jobs))
        ]

    def events(self) -> Iterator[Event]:
        """Run the tasks and yield what happens. When the caller stops iterating, the workers are
        killed.
        """
        try:
            for lane in self._lanes:
                lane.start()
            yield from self._until_all_have_ended()
        finally:
            for lane in self._lanes:
                lane.kill()
            for lane in self._lanes:
                if lane.ident is not None:  # else the system had no thread for it
                    lane.join(timeout=10)

    def stop(self) -> None:
        """Begin no task more, and let running ones save what they are at; a signal handler may call
        this.
        """
        self._events.put(Stopping())

    def halt(self, key: Any) -> None:
        """Let the running task of this key save what it is at and end; one that has ended is left
        alone.
        """
        for lane in self._lanes:
            lane.halt(key)

    def _make_lane(
        self, pending: Pending, events: Events, threads: int, renew_after: int | None
    ) -> Lane:
        return _ProcessLane(pending, events, threads, renew_after)

    @property
    def _patience(self) -> float:
        """For how many seconds running tasks may save what they are at, once the process was asked
        to end.
        """
        return STOP_SECONDS

    def _until_all_have_ended(self) -> Iterator[Event]:
        running, deadline = len(self._lanes), math.inf
        while running:
            try:
                event = self._next_event(deadline)
            except queue.Empty:
                if time.monotonic() < deadline:
                    continue
                break
            if event is None:
                running -= 1
            elif isinstance(event, BaseException):
                raise event
            else:
                yield event
            if isinstance(event, Stopping):
                deadline = min(deadline, time.monotonic() + self._patience)
                for lane in self._lanes:
                    lane.stop()
        for lane in self._lanes:
            task = lane.task  # it may end just now
            if task is not None:
                yield Overdue(task.key)

    def _next_event(self, deadline: float) -> Event | BaseException | None:
        """Return an event; after the deadline only what is there. Raises queue.Empty where none is.

        What came in time is told, however late it is read.
        """
        if time.monotonic() >= deadline:
            return self._events.get_nowait()
        return self._events.get(timeout=0.5)  # Windows delivers Ctrl-C only between waits


def call(
    function: Callable[..., Any],
    *arguments: Any,
    threads: int = 1,
    on_message: Callable[[Any], None] = lambda value: None,
) -> Any:
    """Call the function in a worker process of its own and return its value; what it emits goes to
    `on_message`.

    Raises the ConvladderError that the function raised, and for any other exception RuntimeError
    with its traceback.
    """
    for event in run_tasks([Task(None, function, arguments)], jobs=1, threads=threads):
        match event:
            case Message():
                on_message(event.value)
            case Finished():
                return event.value
            case Failed():
                raise event.as_exception()
            case Started() | Halted() | Stopping() | Overdue() | Notice():
                pass  # nobody halts or stops it, and it has started
            case _:
                assert_never(event)
    raise RuntimeError("the worker process ended without a result")


class Pending:
    """Hands out tasks to several threads."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = iter(tasks)
        self._lock = threading.Lock()
        self._returned: deque[Task] = deque()
        self._is_exhausted = False

    def take(self) -> Task | None:
        """Return the next task, those that were given back first; None where there is no more."""
        with contextlib.suppress(IndexError):
            return self._returned.popleft()
        with self._lock:
            task = next(self._tasks, None)
            self._is_exhausted = task is None
            return task

    def give_back(self, task: Task) -> None:
        """Let another have a task that could not be done."""
        self._returned.append(task)

    @property
    def is_over(self) -> bool:
        """Whether there is no task more, as far as is known without asking for the next."""
        return self._is_exhausted and not self._returned


class Lane(threading.Thread, ABC):
    """A thread that serves task after task; what becomes of them goes to `events`, and None at its
    end.
    """

    def __init__(self, pending: Pending, events: Events) -> None:
        super().__init__(daemon=True)
        self._pending, self._events = pending, events
        self.task: Task | None = None  # that is being served
        self._ending = False

    def run(self) -> None:
        try:
            while self._is_ready():
                self.task = self._pending.take()  # no other name would let go of it in time
                if self.task is None:
                    break
                self._serve(self.task)
                self.task = None
        except (
            Exception
        ) as error:  # a defect of ours must reach the caller, not die with the thread
            self._events.put(error)
        finally:
            self._end_worker()
            self._events.put(None)

    def _is_ready(self) -> bool:
        """Return whether to take a task, or else to end; it may wait."""
        return not self._ending

    @abstractmethod
    def stop(self) -> None:
        """Take no more tasks, and let the worker save what it is at."""

    @abstractmethod
    def halt(self, key: Any) -> None:
        """Let the worker end the task of this key, if that is the one it is at, and go on with the
        next.
        """

    @abstractmethod
    def kill(self) -> None:
        """End at once."""

    @abstractmethod
    def _serve(self, task: Task) -> None:
        """Run a task, and tell what becomes of it."""

    @abstractmethod
    def _end_worker(self) -> None:
        """Let go of what has run the tasks."""


class _ProcessLane(Lane):
    """A lane that owns one worker process at a time."""

    def __init__(
        self, pending: Pending, events: Events, threads: int, renew_after: int | None
    ) -> None:
        super().__init__(pending, events)
        self._threads, self._renew_after = threads, renew_after
        self._worker: subprocess.Popen[bytes] | None = None
        self._lines: LastLines | None = None  # that the worker has written
        self._kills: int | None = None  # for memory, before the worker was started
        self._served = 0
        self._sent: Task | None = None
        self._halting: Task | None = None
        self._lock, self._sending = threading.Lock(), threading.Lock()

    def stop(self) -> None:
        with self._lock:
            self._ending, process = True, self._worker
        if process is not None:
            with (
                self._sending,
                contextlib.suppress(OSError, ValueError),
            ):  # it may have ended meanwhile
                worker.write(cast(BinaryIO, process.stdin), worker.STOP)

    def halt(self, key: Any) -> None:
        with self._sending:  # so that no other task is sent meanwhile
            task, process = self.task, self._worker
            if task is None or task.key != key:
                return
            self._halting = task  # where it is not sent yet, it is halted when it is
            if process is not None and task is self._sent:
                with contextlib.suppress(OSError, ValueError):
                    worker.write(cast(BinaryIO, process.stdin), worker.HALT)

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
            said = f"no worker process could be started ({error}): use fewer --jobs"
            self._events.put(Failed(task.key, said, said, expected=True))
        else:
            if process is not None:
                self._follow(task, process)
        self._sent = self._halting = None  # they may hold images

    def _hand_over(self, task: Task) -> subprocess.Popen[bytes] | None:
        """Send the task to a worker, and return that; None where the lane ends.

        Raises OSError where no worker can be started.
        """
        if self._worker is not None and self._served == self._renew_after:
            self._end_worker()
        with self._lock:
            if self._ending:
                return None
            if self._worker is None:
                self._kills = worker_exits.kills_for_memory()
                self._worker, self._served = _start_worker(self._threads), 0
                written = cast("BinaryIO | None", self._worker.stderr)
                self._lines = LastLines(written) if written else None
            process = self._worker
        if self._lines:
            self._lines.forget()
        with (
            self._sending,
            contextlib.suppress(OSError),
        ):  # a dead one is found out by reading from it
            self._sent = task
            worker.send(cast(BinaryIO, process.stdin), (task.function, task.arguments))
            if self._halting is task:
                worker.write(cast(BinaryIO, process.stdin), worker.HALT)
        return process

    def _follow(self, task: Task, process: subprocess.Popen[bytes]) -> None:
        """Tell what a task says, until it is over."""
        stdout = cast(BinaryIO, process.stdout)
        while True:
            try:
                kind, *content = pickle.loads(worker.receive(stdout))
            except (EOFError, OSError):
                self._report_death(task, process)
                return
            if kind == "message":
                self._events.put(Message(task.key, *content))
                continue
            if kind != "stopped":
                self._events.put((Finished if kind == "finished" else Failed)(task.key, *content))
            elif not self._ending:
                self._events.put(Halted(task.key))
            self._served += 1
            return

    def _report_death(self, task: Task, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        lines = self._lines.of_ended() if self._lines else []
        before, now = self._kills, worker_exits.kills_for_memory()
        self._end_worker()
        if not self._ending:
            kills = None if before is None or now is None else now - before
            error = worker_exits.reason(status, lines, kills)
            details = "\n".join(["its last output:", *lines, "", error]) if lines else error
            self._events.put(Died(task.key, error, details, expected=True))

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
    environment |= backend.environment()
    temporary = tempfile.mkdtemp(prefix="convladder-worker-")
    try:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                f"from convladder.core.worker import serve; serve({temporary!r})",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("CONVLADDER_DEBUG") else subprocess.PIPE,
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a terminal's Ctrl-C is for the parent to act on
        )
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    # the worker does it too; here for one that was killed
    weakref.finalize(process, shutil.rmtree, temporary, ignore_errors=True)
    return process
