"""Tasks that come in rounds: what a round holds is known when those before have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from convladder.core.tasks import Event, Failed, Finished, Halted, Stopping, Task


class Rounds:
    """The tasks of a pool whose workers stay until the last round has ended.

    most : tasks in a round, so that a pool makes no more lanes than are of use.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: deque[Task] = deque()
        self._running: set[Any] = set()
        self._is_over = False

    def __len__(self) -> int:
        return self._most

    def __iter__(self) -> Iterator[Task | None]:
        while True:
            while self._tasks:
                yield self._tasks.popleft()
            if self._is_over:
                return
            yield None

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin a round; one without tasks is the end of all."""
        self._running = {task.key for task in tasks if task.key is not None}
        self._tasks.extend(tasks)
        self._is_over = not tasks

    def has_ended(self, event: Event) -> bool:
        """Take note of what happened to a task; return whether the round has ended with it."""
        if isinstance(event, Stopping):
            self._is_over = True
        if not isinstance(event, Finished | Failed | Halted) or event.key not in self._running:
            return False
        self._running.remove(event.key)
        return not self._running and not self._is_over
