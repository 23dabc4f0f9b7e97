"""Tasks over persistent worker processes: a task is a function of a module, and its arguments.

Each worker is a fresh interpreter that takes tasks through pipes (`worker_process`, `worker`).
Three things follow:

- A script needs no `if __name__ == "__main__"` guard, and a notebook works: nothing of the caller's
  main module is imported again, as `multiprocessing` would.
- A worker whose parent is gone, however it went, reads the end of its input and ends.
- A worker that crashes loses its running task alone: the next task gets a new worker.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, assert_never

from convladder.core import container_limits
from convladder.core.lanes import Lane, Pending
from convladder.core.tasks import (
    Event,
    Events,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Stopping,
    Task,
)
from convladder.core.worker_process import ProcessLane

OWN_MEMORY = 2**29  # bytes that a command takes beside its workers
STOP_SECONDS = 30  # that workers have to save what they are at


def count_workers(each: int) -> int:
    """Return how many workers of so many bytes to run: one a core, if memory allows."""
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

    Tasks start in the given order; each is taken from an iterator when a worker is free for it.
    Where it gives None, there is none now: it is asked again. A worker is replaced after
    `renew_after` tasks.
    """

    def __init__(
        self,
        tasks: Iterable[Task | None],
        *,
        jobs: int,
        threads: int = 1,
        renew_after: int | None = None,
    ) -> None:
        jobs = min(jobs, len(tasks)) if isinstance(tasks, Sized) else jobs
        self._pending = Pending(tasks)
        self._events: Events = queue.SimpleQueue()
        self._lanes = [
            self._make_lane(self._pending, self._events, threads, renew_after)
            for _ in range(max(1, jobs))
        ]

    def events(self) -> Iterator[Event]:
        """Run the tasks and yield what happens. The workers die when the caller stops iterating."""
        try:
            for lane in self._lanes:
                lane.start()
            yield from self._until_all_have_ended()
        finally:
            self._pending.close()
            for lane in self._lanes:
                lane.kill()
            for lane in self._lanes:
                if lane.ident is not None:  # else the system had no thread for it
                    lane.join(timeout=10)

    def stop(self) -> None:
        """Begin no more tasks, and let running ones save; a signal handler may call this."""
        self._events.put(Stopping())

    def halt(self, key: Any) -> None:
        """Let the running task of this key save what it is at and end, unless it has ended."""
        for lane in self._lanes:
            lane.halt(key)

    def _make_lane(
        self, pending: Pending, events: Events, threads: int, renew_after: int | None
    ) -> Lane:
        return ProcessLane(pending, events, threads, renew_after)

    @property
    def _patience(self) -> float:
        """For how many seconds running tasks may save, once the process was asked to end."""
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
                self._pending.close()
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
    """Call the function in a worker of its own, and return its value.

    What it emits goes to `on_message`.

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
