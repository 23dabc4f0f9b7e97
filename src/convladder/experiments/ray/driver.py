"""Trials on a Ray cluster, behind what `worker_pool.Pool` offers; see `node` for the other side.

Ray finds a processor that is free, says when a node has died, and carries what goes to and fro: a
trial and what is unfinished of it there; what it says, a checkpoint now and then, and the run
folder back. The bank goes to each node once, in pieces. A trial that is lost with its node goes on
elsewhere, from the last checkpoint that came.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from convladder.core import worker
from convladder.core.errors import ClusterError, ConvladderError
from convladder.core.lanes import Lane, Pending
from convladder.core.settings.model import Model
from convladder.core.tasks import (
    Died,
    Event,
    Events,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Task,
)
from convladder.core.worker_pool import Pool
from convladder.experiments.pretrained import backbones
from convladder.experiments.ray import node
from convladder.experiments.ray.bank_transfer import BUSY, WANTED, BankManifest, pieces
from convladder.experiments.ray.connection import Connection, Versions
from convladder.experiments.trial import ORPHAN_SECONDS
from convladder.results import folders, locks, outputs

Outcome = Finished | Failed | Halted | Overdue | Message

LOSSES = 3  # times that a trial may be lost with its node, or its process, until it has failed
LISTEN = 5.0  # seconds that a host waits for something to say
SENDING = 30  # seconds more than on one machine, to send what was saved
WAIT = 1.0  # seconds between looks at what others do
NODE_LABEL = "ray.io/node-id"  # which Ray gives each node
DESERTED = 60.0  # seconds without any processor, after which no more are waited for


# docs/decisions/049-on-a-cluster-ray-places-and-watches.md
class RayPool(Pool):
    """Tasks on a cluster: functions of a trial, its run folder and others, as `trial.run_trial`.

    A task that is lost `LOSSES` times with its node, or with its process, has failed.
    """

    def __init__(
        self,
        connection: Connection,
        tasks: Iterable[Task],
        *,
        jobs: int,
        threads: int = 1,
        renew_after: int | None = None,
    ) -> None:
        self._common = _Common(connection)
        super().__init__(tasks, jobs=jobs, threads=threads, renew_after=renew_after)

    def _make_lane(
        self, pending: Pending, events: Events, threads: int, renew_after: int | None
    ) -> Lane:
        return _NodeLane(self._common, pending, events, threads, renew_after)

    def events(self) -> Iterator[Event]:
        """Run the tasks as `Pool` does. Raises ClusterError where connection or nodes are lost."""
        try:
            yield from super().events()
        except ConnectionError as error:
            raise ClusterError(
                f"lost the connection to the cluster ({_lines(error)[0]}): run the same command "
                "to resume"
            ) from None

    @property
    def _patience(self) -> float:
        return super()._patience + SENDING


@dataclass
class _Common:
    """What the lanes of a pool share.

    sent : the banks and backbones that nodes have, as (node, name). losses : of each task, by its
        key.
    unfit : the ids of nodes that have joined with other versions.
    """

    connection: Connection
    sent: set[tuple[str, str]] = field(default_factory=set)
    losses: Counter[Any] = field(default_factory=Counter)
    unfit: set[str] = field(default_factory=set)
    _sending: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)
    _waybills: dict[Path, BankManifest] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sending(self, node_id: str, name: str) -> threading.Lock:
        """Return what only one lane may hold, which sends this to this node."""
        with self._lock:
            return self._sending.setdefault((node_id, name), threading.Lock())

    def waybill(self, bank: Path) -> BankManifest:
        """Describe a bank. Raises DataError where it was deleted."""
        with self._lock:
            if bank not in self._waybills:
                self._waybills[bank] = BankManifest.of(bank)
            return self._waybills[bank]


class _NodeLane(Lane):
    """A lane that owns one place on a node at a time, and takes tasks when it has one."""

    def __init__(
        self,
        common: _Common,
        pending: Pending,
        events: Events,
        threads: int,
        renew_after: int | None,
    ) -> None:
        super().__init__(pending, events)
        self._common, self._ray = common, common.connection.ray
        hosts = self._ray.remote(num_cpus=1, max_concurrency=8, scheduling_strategy="SPREAD")(
            node.Host
        )
        self._hosts, self._settings = hosts, (threads, renew_after, node.environment())
        self._host: Any = None
        self._node = self._name = ""
        self._lock = threading.Lock()

    def stop(self) -> None:
        with self._lock:
            self._ending, host = True, self._host
            if host is not None:
                host.stop.remote()

    def halt(self, key: Any) -> None:
        with self._lock:
            if self.task is not None and self.task.key == key and self._host is not None:
                self._host.halt.remote(key)

    def kill(self) -> None:
        self._ending = True
        self._leave()

    def _is_ready(self) -> bool:
        """See to it that there is a place, unless there is nothing left to take."""
        if self._host is None:
            self._settle()
        return self._host is not None and not self._ending

    def _settle(self) -> None:
        """Wait for a place while tasks are left. Raises ClusterError where nodes have none."""
        lost = 0
        while lost < LOSSES:
            host = self._make_host()
            greeting = host.greet.remote()
            if not self._comes(greeting):
                self._ray.kill(host)
                return
            try:
                node_id, name, versions = self._get(greeting)
                name = self._common.connection.nodes.get(node_id, name)
            except self._losses as error:  # of a node that has just died, or cannot run convladder
                why = _lines(error)[-1]  # of a traceback
                lost += 1
                continue
            if not self._is_fit(node_id, name, versions):
                self._ray.kill(host)
                continue
            with self._lock:
                self._host, self._node, self._name = host, node_id, name
            return
        raise ClusterError(
            f"the nodes of the cluster cannot run trials ({why}): try `import convladder` there"
        )

    # docs/decisions/063-a-node-with-other-versions-is-left-out-by-name.md
    def _make_host(self) -> Any:
        """Ask for a place, on any node but those that are unfit."""
        unfit = self._common.unfit
        where = {"label_selector": {NODE_LABEL: f"!in({','.join(sorted(unfit))})"}} if unfit else {}
        return self._hosts.options(**where).remote(*self._settings)

    def _is_fit(self, node_id: str, name: str, versions: Versions) -> bool:
        """Whether a node has what this machine has; one with something else is left out."""
        differing = self._common.connection.compare(name, versions)
        if differing and node_id not in self._common.unfit:
            self._common.unfit.add(node_id)
            said = (
                f"{name} is not used, because its results could not be compared: "
                f"{'; '.join(differing)}"
            )
            self._events.put(Notice(said))
        return not differing

    def _comes(self, greeting: Any) -> bool:
        """Wait for a greeting; return whether it came before there was nothing left to take."""
        seen = time.monotonic()
        while not self._ending and not self._pending.is_over:
            if self._ray.wait([greeting], timeout=WAIT)[0]:
                return True
            if self._common.connection.has_processors(besides=self._common.unfit):
                seen = time.monotonic()
            elif time.monotonic() - seen > DESERTED:
                raise ClusterError(
                    "no node of the cluster is left: add nodes and run the same command to resume"
                )
        return False

    def _serve(self, task: Task) -> None:
        if not self._common.losses[task.key]:
            self._events.put(Started(task.key))
        _, folder, *_ = task.arguments
        unfinished = folders.unfinished(folder)
        try:
            with locks.locked(unfinished, locks.TRAINING, wait=ORPHAN_SECONDS):
                event: Outcome | None = self._train(task)
        except self._losses as error:
            self._leave()
            event = self._give_back(task, f"{self._name} was lost ({_lines(error)[0]})")
        except (ClusterError, ConnectionError):  # no other trial would fare better
            raise
        except Exception as error:
            self._leave()  # what goes on there is of no use any more
            event = Failed(task.key, *worker.describe(error))
        # a candidate's stays until it is told
        if isinstance(event, Finished) and folders.is_finished(folder):
            outputs.remove_unfinished(unfinished)
        if event is not None:
            self._events.put(event)

    def _train(self, task: Task) -> Outcome | None:
        """Have the task done at the place that this lane has; None where it was stopped."""
        trial, folder, *_ = task.arguments
        unfinished = folders.unfinished(folder)
        self._send(
            trial.dataset.bank.folder.name, partial(self._deliver, trial.dataset.bank.folder)
        )
        model = trial.experiment.model
        if model.backbone_sha256:
            self._send(model.backbone_sha256, partial(self._deliver_weights, model))
        with self._lock:
            if self._ending:
                return None
            every = trial.experiment.train.checkpoint_seconds
            begun = self._host.run.remote(task, node.read_folder(unfinished), every)
        self._get(begun)
        while (end := self._listen(task)) is None:
            pass
        return self._take_end(task, *end)

    def _listen(self, task: Task) -> node.Said | None:
        """Take what the host has to say, and return the task's end once it tells of that.

        What it says may be a checkpoint: it is held no longer than here.
        """
        for kind, *content in self._get(self._host.listen.remote(LISTEN)):
            if kind == node.MESSAGE:
                self._events.put(Message(task.key, *content))
            elif kind == node.NOTICE:
                self._events.put(Notice(f"{self._name}: {content[0]}"))
            elif kind == node.KEPT:
                node.write_unfinished(folders.unfinished(task.arguments[1]), *content)
            else:
                return kind, *content
        return None

    def _take_end(
        self, task: Task, kind: str, value: Any, contents: node.Contents
    ) -> Outcome | None:
        """Put what the task has left into its place, and return what became of it.

        None: it was stopped.
        """
        folder = task.arguments[1]
        if kind == node.FINISHED:
            node.write_finished(folder, contents)
            return Finished(task.key, value)
        node.write_unfinished(folders.unfinished(folder), contents)
        match kind:
            case node.HALTED:
                return Halted(task.key)
            case node.OVERDUE:
                return Overdue(task.key)
            case node.DIED:
                return self._give_back(task, value.error, value.details)
            case node.FAILED:
                return replace(cast(Failed, value), key=task.key)
            case node.STOPPED:
                return None
        raise AssertionError(f"a node tells of {kind}")

    def _give_back(self, task: Task, why: str, details: str = "") -> Failed | Message | None:
        """Let another place have a task that was lost, and say so.

        One that is lost again and again has failed.

        details : what its process wrote last, if it was that which died.
        """
        if self._ending:
            return None
        self._common.losses[task.key] += 1
        lost = self._common.losses[task.key]
        if lost >= LOSSES:
            said = f"{why}; the trial was lost {lost} times and is not restarted"
            return Died(task.key, said, f"{details}\n{said}" if details else said, expected=True)
        self._pending.give_back(task)
        return Message(task.key, f"{why}; the trial restarts from the last checkpoint received")

    def _send(self, name: str, deliver: Callable[[], bool]) -> None:
        """See to it that the node has what trials need: the first lane that needs it sends it.

        Raises ClusterError where it cannot take that: it would fail all trials that it is given.
        """
        lock = self._common.sending(self._node, name)
        while not lock.acquire(timeout=WAIT):
            if self._ending:
                return
        try:
            if (self._node, name) not in self._common.sent and deliver():
                self._common.sent.add((self._node, name))
        except ConnectionError:
            raise
        except (ConvladderError, OSError) as error:
            raise ClusterError(f"cannot send {self._name} what its trials need: {error}") from error
        finally:
            lock.release()

    def _deliver(self, folder: Path) -> bool:
        """Send a bank unless it is there; return whether it is now, unless this lane is ended."""
        waybill = self._common.waybill(folder)
        while (state := self._get(self._host.begin_receiving.remote(waybill))) == BUSY:
            time.sleep(WAIT)
            if self._ending:
                return False
        if state != WANTED:
            return True
        sums = {name: hashlib.sha256() for name in waybill.sizes}
        under_way = None
        for name, piece in pieces(folder, waybill):
            sums[name].update(piece.data)
            ready = self._ray.put(piece)  # while the one before is written there
            if under_way is not None:
                self._get(under_way)
            if self._ending:
                return False
            under_way = self._host.receive.remote(name, ready)
        self._get(under_way)
        self._get(
            self._host.finish_receiving.remote(
                {name: each.hexdigest() for name, each in sums.items()}
            )
        )
        return True

    def _deliver_weights(self, model: Model) -> bool:
        """Send the weights of a backbone, unless they are there."""
        assert model.backbone_sha256 is not None
        if not self._get(self._host.has_weights.remote(model.backbone_sha256)):
            content = self._ray.put(np.frombuffer(backbones.packed(model), np.uint8))
            self._get(self._host.keep_weights.remote(model.backbone_sha256, content))
        return True

    def _get(self, reference: Any) -> Any:
        """Return what a host answers, or raise what it has raised."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error

    @property
    def _losses(self) -> tuple[type[Exception], ...]:
        """How Ray says that a place is lost, or what was on its way from there."""
        known = self._ray.exceptions
        return (
            known.RayActorError,
            known.ObjectLostError,
            known.WorkerCrashedError,
            known.OutOfMemoryError,
        )

    def _leave(self) -> None:
        with self._lock:
            host, self._host = self._host, None
        if host is not None:
            self._ray.kill(host)

    def _end_worker(self) -> None:
        self._leave()


def _lines(error: Exception) -> list[str]:
    return str(error).strip().splitlines() or [type(error).__name__]
