"""Threads that serve tasks one after another; what serves them, and where, is for others to say."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import Any

from convladder.core.tasks import Events, Task

WAIT = 0.05  # seconds until a task is asked for again, where there was none yet


class Pending:
    """Hands out tasks to several threads.

    tasks : where one is None, there is no task now, but more may come.
    """

    def __init__(self, tasks: Iterable[Task | None]) -> None:
        self._tasks = iter(tasks)
        self._lock = threading.Lock()
        self._returned: deque[Task] = deque()
        self._is_exhausted = False
        self._closed = threading.Event()

    def take(self) -> Task | None:
        """Return the next task, those that were given back first; None where there is no more.

        It waits while there is none yet.
        """
        while True:
            with contextlib.suppress(IndexError):
                return self._returned.popleft()
            with self._lock:
                try:
                    task = next(self._tasks)
                except StopIteration:
                    self._is_exhausted = True
                    return None
            if task is not None or self._closed.wait(WAIT):
                return task

    def close(self) -> None:
        """Let nobody wait for tasks that are to come."""
        self._closed.set()

    def give_back(self, task: Task) -> None:
        """Let another have a task that could not be done."""
        self._returned.append(task)

    @property
    def is_over(self) -> bool:
        """Whether there is no task more, as far as is known without asking for the next."""
        return self._is_exhausted and not self._returned


class Lane(threading.Thread, ABC):
    """A thread that serves task after task; what becomes of them goes to `events`, None at last."""

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
        """Let the worker end the task of this key, if it is at that, and go on with the next."""

    @abstractmethod
    def kill(self) -> None:
        """End at once."""

    @abstractmethod
    def _serve(self, task: Task) -> None:
        """Run a task, and tell what becomes of it."""

    @abstractmethod
    def _end_worker(self) -> None:
        """Let go of what has run the tasks."""
