"""Trials on a Ray cluster, behind what `worker_pool.Pool` offers; see `node` for the other side.

Ray finds a processor that is free, says when a node has died, and carries what goes to and fro: a
trial and what is unfinished of it there; what it says, a checkpoint now and then, and the run
folder back. The bank goes to each node once, in pieces. A trial that is lost with its node goes on
elsewhere, from the last checkpoint that came.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from convladder.core import worker
from convladder.core.errors import ClusterError
from convladder.core.lanes import Lane, Pending
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
    WarningText,
)
from convladder.core.worker_pool import Pool
from convladder.experiments.ray import node
from convladder.experiments.ray.carried_files import read_folder, write_finished, write_unfinished
from convladder.experiments.ray.connection import Connection
from convladder.experiments.ray.delivery import Deliveries
from convladder.experiments.ray.node_places import LOSSES, Place, Places, lines
from convladder.experiments.trial import ORPHAN_SECONDS
from convladder.results import folders, locks, outputs

Outcome = Finished | Failed | Halted | Overdue | Message

LISTEN = 5.0  # seconds that a host waits for something to say
SENDING = 30  # seconds more than on one machine, to send what was saved


# docs/decisions/049-on-a-cluster-ray-places-and-watches.md
class RayPool(Pool):
    """Tasks on a cluster: functions of a trial, its run folder and others, as `trial.run_trial`.

    A task that is lost `LOSSES` times with its node, or with its process, has failed.
    """

    def __init__(
        self,
        connection: Connection,
        tasks: Iterable[Task | None],
        *,
        jobs: int,
        threads: int = 1,
        renew_after: int | None = None,
    ) -> None:
        self._common = _Common(Places(connection, threads, renew_after))
        super().__init__(tasks, jobs=jobs, threads=threads, renew_after=renew_after)

    def _make_lane(
        self, pending: Pending, events: Events, threads: int, renew_after: int | None
    ) -> Lane:
        del threads, renew_after  # the places have them
        return NodeLane(self._common, pending, events)

    def events(self) -> Iterator[Event]:
        """Run the tasks as `Pool` does. Raises ClusterError where connection or nodes are lost."""
        try:
            yield from super().events()
        except ConnectionError as error:
            raise ClusterError(
                f"lost the connection to the cluster ({lines(error)[0]}): run the same command "
                "to resume"
            ) from None

    @property
    def _patience(self) -> float:
        return super()._patience + SENDING


@dataclass
class _Common:
    """What the lanes of a pool share. losses : of each task, by its key."""

    places: Places
    deliveries: Deliveries = field(default_factory=Deliveries)
    losses: Counter[Any] = field(default_factory=Counter)


class NodeLane(Lane):
    """A lane that owns one place on a node at a time, and takes tasks when it has one."""

    def __init__(self, common: _Common, pending: Pending, events: Events) -> None:
        super().__init__(pending, events)
        self._common = common
        self._place: Place | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        with self._lock:
            self._ending, place = True, self._place
            if place is not None:
                place.host.stop.remote()

    def halt(self, key: Any) -> None:
        with self._lock:
            if self.task is not None and self.task.key == key and self._place is not None:
                self._place.host.halt.remote(key)

    def kill(self) -> None:
        self._ending = True
        self._leave()

    def _is_ready(self) -> bool:
        """See to it that there is a place, unless there is nothing left to take."""
        if self._place is None:
            found = self._common.places.find(self._is_over, self._notice)
            with self._lock:
                self._place = found
        return self._place is not None and not self._ending

    def _is_over(self) -> bool:
        return self._ending or self._pending.is_over

    def _notice(self, text: str) -> None:
        self._events.put(Notice(text))

    def _serve(self, task: Task) -> None:
        place = self._place
        if place is None:  # this lane was killed meanwhile
            return
        if not self._common.losses[task.key]:
            self._events.put(Started(task.key))
        _, folder, *_ = task.arguments
        unfinished = folders.unfinished(folder)
        try:
            with locks.locked(unfinished, locks.TRAINING, wait=ORPHAN_SECONDS):
                event: Outcome | None = self._train(task, place)
        except self._common.places.losses as error:
            self._leave()
            event = self._give_back(task, f"{place.name} was lost ({lines(error)[0]})")
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

    def _train(self, task: Task, place: Place) -> Outcome | None:
        """Have the task done at a place; None where it was stopped."""
        trial, folder, *_ = task.arguments
        self._common.deliveries.bring(trial, place, lambda: self._ending)
        with self._lock:
            if self._ending:
                return None
            unfinished = read_folder(folders.unfinished(folder))
            every = trial.experiment.train.checkpoint_seconds
            begun = place.host.run.remote(task, unfinished, every)
        place.get(begun)
        while (end := self._listen(task, place)) is None:
            pass
        return self._take_end(task, end)

    def _listen(self, task: Task, place: Place) -> node.Ended | None:
        """Take what the host has to say, and return the task's end once it tells of that.

        What it says may be a checkpoint: it is held no longer than here.
        """
        for said in place.get(place.host.listen.remote(LISTEN)):
            match said:
                case node.Ended():
                    return said
                case node.Kept(contents):
                    write_unfinished(folders.unfinished(task.arguments[1]), contents)
                case Notice(text):
                    self._notice(f"{place.name}: {text}")
                case Message():
                    self._events.put(said)
        return None

    def _take_end(self, task: Task, end: node.Ended) -> Outcome | None:
        """Put what the task has left into its place, and return what became of it.

        None: it was stopped.
        """
        folder = task.arguments[1]
        if isinstance(end.event, Finished):
            write_finished(folder, end.contents)
            return end.event
        write_unfinished(folders.unfinished(folder), end.contents)
        if isinstance(end.event, Died):
            return self._give_back(task, end.event.error, end.event.details)
        return end.event

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
        said = f"{why}; the trial restarts from the last checkpoint received"
        return Message(task.key, WarningText(said))

    def _leave(self) -> None:
        with self._lock:
            place, self._place = self._place, None
        if place is not None:
            place.leave()

    def _end_worker(self) -> None:
        self._leave()
