"""A node's side of `driver`: a place for one trial at a time, and what it exchanges.

A host hands its trials to a worker process of the same kind, and by the same code, as on one
machine: what a trial is does not depend on where it runs. Nodes do not share the driver's disk. So
a trial works in a folder of the node's cache, and what it leaves there is read into memory and goes
back.
"""

from __future__ import annotations

import contextlib
import os
import platform
import queue
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from convladder.core import backend, worker
from convladder.core.places import cache_folder
from convladder.core.tasks import (
    Event,
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
from convladder.core.worker_pool import Pool
from convladder.experiments.pretrained import weight_cache
from convladder.experiments.ray.bank_transfer import BankManifest, Bytes, Receiver
from convladder.experiments.ray.carried_files import Contents, read_folder, write_unfinished
from convladder.experiments.ray.node_task import NodeTask, remove_abandoned
from convladder.experiments.ray.node_versions import packages, teller
from convladder.results import folders


@dataclass(frozen=True)
class Kept:
    """A checkpoint of the running task."""

    contents: Contents


@dataclass(frozen=True)
class Ended:
    """How a task ended, and what it left; None as event where it was stopped."""

    event: Finished | Failed | Halted | Overdue | None
    contents: Contents


Said = Message | Notice | Kept | Ended


def environment() -> dict[str, str]:
    """Return what of this process's environment holds for workers, wherever they are."""
    # whatever the shell says in which a node was started
    return {backend.VARIABLE: backend.chosen()}


# docs/decisions/050-events-are-fetched-by-a-call-that-waits.md
class Host:
    """A place for one trial at a time, which Ray makes on a free processor.

    It ends with its driver.

    Its methods are called in several threads: `listen` waits while others come.
    """

    def __init__(
        self, threads: int, renew_after: int | None, environment: Mapping[str, str]
    ) -> None:
        os.environ.update(environment)
        remove_abandoned()
        self._said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        tasks = iter(self._tasks.get, None)
        self._pool = Pool(tasks, jobs=1, threads=threads, renew_after=renew_after)
        self._at: NodeTask | None = None
        self._lock, self._is_stopped = threading.Lock(), False
        self._receiver: Receiver | None = None
        threading.Thread(target=self._follow, daemon=True).start()

    def greet(self) -> tuple[str, str, dict[str, str]]:
        """Return the id and the name of the node that this is on, and its versions."""
        import ray

        return ray.get_runtime_context().get_node_id(), platform.node(), teller()(packages())

    def begin_receiving(self, waybill: BankManifest) -> str:
        """Return how it stands with a bank (see `Receiver.begin`)."""
        self._receiver = Receiver(waybill)
        return self._receiver.begin()

    def receive(self, name: str, piece: Bytes) -> None:
        """Take a piece of the bank."""
        assert self._receiver is not None
        self._receiver.take(name, piece)

    def finish_receiving(self, sums: dict[str, str]) -> None:
        """Have all of the bank."""
        assert self._receiver is not None
        try:
            self._receiver.finish(sums)
        except BaseException:
            self._receiver.leave()
            raise
        finally:
            self._receiver = None

    def has_weights(self, sha256: str) -> bool:
        """Whether this machine has the weights of a backbone."""
        return weight_cache.is_kept(sha256)

    def keep_weights(self, sha256: str, content: Bytes) -> None:
        """Take the weights of a backbone."""
        weight_cache.keep(sha256, content.tobytes())

    def run(self, task: Task, unfinished: Contents, every: float) -> None:
        """Begin a task on a trial, its run folder and others, or resume an unfinished one.

        `every` is for how many seconds may be lost with this node.
        """
        trial, _, *others = task.arguments
        bank = replace(
            trial.dataset.bank, folder=cache_folder() / "banks" / trial.dataset.bank.folder.name
        )
        here = replace(trial, dataset=replace(trial.dataset, bank=bank))
        at = NodeTask(task, every)
        try:
            write_unfinished(folders.unfinished(at.folder), unfinished)
        except BaseException:
            at.close()
            raise
        with self._lock:
            self._at = at
            if self._is_stopped:  # meanwhile: nobody would take the task
                self._end(None)
            else:
                self._tasks.put(replace(task, arguments=(here, at.folder, *others)))

    def listen(self, seconds: float) -> list[Said]:
        """Return what the task has said since the last time; wait for so long at most."""
        said: list[Said] = []
        with contextlib.suppress(queue.Empty):
            said.append(self._said.get(timeout=seconds))
            while True:
                said.append(self._said.get_nowait())
        at = self._at
        kept = at.checkpoint() if at else {}
        return [*said, Kept(kept)] if kept else said

    def halt(self, key: Any) -> None:
        """Let the task of this key save what it is at, and end."""
        self._pool.halt(key)

    def stop(self) -> None:
        """Let the running task save what it is at, and take no more."""
        with self._lock:
            self._is_stopped = True
            self._pool.stop()
            self._tasks.put(None)

    def _follow(self) -> None:
        try:
            for event in self._pool.events():
                self._take(event)
            self._end(None)
        except BaseException:
            traceback.print_exc()  # Ray keeps it in its log of this place
            sys.stderr.flush()
            os._exit(1)  # the driver, which would wait for ever, takes this place for lost

    def _take(self, event: Event) -> None:
        """Pass on what happened, but for what the driver tells by itself."""
        match event:
            case Message() | Notice():
                self._said.put(event)
            case Finished() | Failed() | Halted() | Overdue():
                self._end(event)
            case Started() | Stopping():
                pass
            case _:
                assert_never(event)

    def _end(self, event: Finished | Failed | Halted | Overdue | None) -> None:
        """Say how the task ended, with what it left."""
        at, self._at = self._at, None
        if at is None:
            return
        folder = at.folder if isinstance(event, Finished) else folders.unfinished(at.folder)
        try:
            said = Ended(event, read_folder(folder))
        except OSError as error:
            said = Ended(Failed(at.task.key, *worker.describe(error)), {})
        at.close()
        self._said.put(said)
