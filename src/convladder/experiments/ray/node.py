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
import re
import secrets
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, assert_never

from filelock import FileLock, Timeout

from convladder.core import backend, files, worker
from convladder.core.places import cache_folder
from convladder.core.tasks import (
    Died,
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
from convladder.experiments.ray.connection import packages, teller
from convladder.results import folders
from convladder.training.checkpoint import descriptions

Contents = dict[str, bytes]  # of a folder's files
Said = tuple[Any, ...]  # what it is, then the content

# while a trial runs: (value), (contents), (text)
MESSAGE, KEPT, NOTICE = "message", "kept", "notice"
FINISHED, FAILED, DIED, HALTED, OVERDUE, STOPPED = (  # (value, contents)
    "finished", "failed", "died", "halted", "overdue", "stopped"
)  # fmt: skip

LOCK = ".lock"


def read_folder(folder: Path, pattern: str = "[!.]*") -> Contents:
    """Return the files in a folder, but for locks; none where there is no folder."""
    contents = {}
    for path in sorted(folder.glob(pattern)):
        with contextlib.suppress(FileNotFoundError):  # a checkpoint that is replaced by a newer one
            contents[path.name] = path.read_bytes()
    return contents


def write_unfinished(folder: Path, contents: Contents) -> None:
    """Put an unfinished run into a folder, so that it can resume at any moment."""
    for name in sorted(contents, key=_rank):
        files.write_bytes(folder / name, contents[name])
    if not any(name.startswith("checkpoint-") and name.endswith(".json") for name in contents):
        return  # no newer one has come: those that are here stay
    others = [path for path in folder.glob("checkpoint-*") if path.name not in contents]
    for path in sorted(others, key=lambda path: -_rank(path.name)):
        files.remove(path)


def write_finished(folder: Path, contents: Contents) -> None:
    """Put what a task has left into its folder: a run as a whole, all else file by file."""
    if folders.MARKER not in contents:
        for name, content in contents.items():
            files.write_bytes(folder / name, content)
        return
    with folders.writing(folder) as new:
        for name, content in contents.items():
            (new / name).write_bytes(content)


def newest_checkpoint(folder: Path) -> Contents:
    """Return the newest checkpoint in a folder, and what it is of; nothing where there is none."""
    for path in descriptions(folder)[:1]:
        files_of_it = read_folder(folder, f"{path.stem}.*")
        if len(files_of_it) == 2:
            return files_of_it | read_folder(folder, folders.ABOUT) | read_folder(folder, "*.csv")
    return {}


def _rank(name: str) -> int:
    """What a checkpoint is of comes first, then tensors, then the JSON by which it counts."""
    if not name.startswith("checkpoint-"):
        return 0
    return 2 if name.endswith(".json") else 1


@dataclass
class _Errand:
    """A trial that this host is at, in a folder of its own that is removed at the end.

    every : seconds between two checkpoints that are sent to the driver.
    """

    task: Task
    every: float
    place: Path = field(default_factory=lambda: _places() / secrets.token_hex(8))
    sent: Set[str] = frozenset()
    last: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.place.mkdir(parents=True)
        self._lock = FileLock(self.place / LOCK, thread_local=False)
        self._lock.acquire()

    @property
    def folder(self) -> Path:
        return self.place / "run"

    def checkpoint(self) -> Contents:
        """Return the newest checkpoint, where it is time to send one that was not sent yet."""
        if time.monotonic() - self.last < self.every:
            return {}
        contents = newest_checkpoint(folders.unfinished(self.folder))
        if contents.keys() == self.sent:
            return {}
        # a view of the names would hold the whole checkpoint
        self.sent, self.last = frozenset(contents), time.monotonic()
        return contents

    def close(self) -> None:
        self._lock.release()
        shutil.rmtree(self.place, ignore_errors=True)


def environment() -> dict[str, str]:
    """Return what of this process's environment holds for workers, wherever they are."""
    # whatever the shell says in which a node was started
    return {backend.VARIABLE: backend.chosen()}


def _places() -> Path:
    return cache_folder() / "trials"


def remove_abandoned() -> None:
    """Remove what hosts that were killed have left on this machine."""
    for lock in _places().glob(f"*/{LOCK}"):
        # hosts start together: another may just remove it, too
        with contextlib.suppress(Timeout, OSError):
            if _is_place(lock.parent):
                with FileLock(lock, timeout=0):
                    shutil.rmtree(lock.parent, ignore_errors=True)


def _is_place(folder: Path) -> bool:
    """Whether an errand made a folder: 16 hexadecimal digits, and nothing else in it."""
    made = {LOCK, "run", f"run{folders.UNFINISHED}"}
    named = re.fullmatch("[0-9a-f]{16}", folder.name) is not None
    return named and all(
        path.name in made or files.is_temporary(path.name) for path in folder.iterdir()
    )


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
        self._errand: _Errand | None = None
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
        errand = _Errand(task, every)
        try:
            write_unfinished(folders.unfinished(errand.folder), unfinished)
        except BaseException:
            errand.close()
            raise
        with self._lock:
            self._errand = errand
            if self._is_stopped:  # meanwhile: nobody would take the task
                self._end(STOPPED, None)
            else:
                self._tasks.put(replace(task, arguments=(here, errand.folder, *others)))

    def listen(self, seconds: float) -> list[Said]:
        """Return what the task has said since the last time; wait for so long at most."""
        said: list[Said] = []
        with contextlib.suppress(queue.Empty):
            said.append(self._said.get(timeout=seconds))
            while True:
                said.append(self._said.get_nowait())
        errand = self._errand
        kept = errand.checkpoint() if errand else {}
        return [*said, (KEPT, kept)] if kept else said

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
            self._end(STOPPED, None)
        except BaseException:
            traceback.print_exc()  # Ray keeps it in its log of this place
            sys.stderr.flush()
            os._exit(1)  # the driver, which would wait for ever, takes this place for lost

    def _take(self, event: Event) -> None:
        """Pass on what happened, but for what the driver tells by itself."""
        match event:
            case Message():
                self._said.put((MESSAGE, event.value))
            case Finished():
                self._end(FINISHED, event.value)
            case Died():
                self._end(DIED, event)
            case Failed():
                self._end(FAILED, event)
            case Halted():
                self._end(HALTED, None)
            case Overdue():
                self._end(OVERDUE, None)
            case Notice():
                self._said.put((NOTICE, event.text))
            case Started() | Stopping():
                pass
            case _:
                assert_never(event)

    def _end(self, kind: str, value: Any) -> None:
        """Say how the task ended, with what it left."""
        errand, self._errand = self._errand, None
        if errand is None:
            return
        folder = errand.folder if kind == FINISHED else folders.unfinished(errand.folder)
        try:
            said = kind, value, read_folder(folder)
        except OSError as error:
            said = FAILED, Failed(errand.task.key, *worker.describe(error)), {}
        errand.close()
        self._said.put(said)
