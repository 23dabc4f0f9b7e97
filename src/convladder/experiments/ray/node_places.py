"""Places on the nodes of a cluster, as the driver finds and asks them: each a `node.Host`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convladder.core.errors import ClusterError
from convladder.experiments.ray import node
from convladder.experiments.ray.connection import Connection
from convladder.experiments.ray.node_versions import Versions

LOSSES = 3  # times that something may be lost, a trial or a place for it, until that is an error
WAIT = 1.0  # seconds between looks at what others do
NODE_LABEL = "ray.io/node-id"  # which Ray gives each node
DESERTED = 60.0  # seconds without any processor, after which no more are waited for


@dataclass(frozen=True)
class Place:
    """Where a node takes one trial at a time. `name` is the node's, for people."""

    ray: Any
    host: Any
    node_id: str
    name: str

    def get(self, reference: Any) -> Any:
        """Return what the host answers, or raise what it has raised."""
        return answer(self.ray, reference)

    def leave(self) -> None:
        """End the host, and whatever it is at."""
        self.ray.kill(self.host)


class Places:
    """Finds places for the lanes of a pool, on nodes that have what this machine has."""

    def __init__(self, connection: Connection, threads: int, renew_after: int | None) -> None:
        self._connection, self._ray = connection, connection.ray
        self._hosts = self._ray.remote(num_cpus=1, max_concurrency=8, scheduling_strategy="SPREAD")(
            node.Host
        )
        self._settings = (threads, renew_after, node.environment())
        self._unfit: set[str] = set()  # the ids of nodes that have joined with other versions

    @property
    def losses(self) -> tuple[type[Exception], ...]:
        """How Ray says that a place is lost, or what was on its way from there."""
        known = self._ray.exceptions
        return (
            known.RayActorError,
            known.ObjectLostError,
            known.WorkerCrashedError,
            known.OutOfMemoryError,
        )

    def find(self, is_over: Callable[[], bool], notice: Callable[[str], None]) -> Place | None:
        """Wait for a place until it `is_over`; `notice` is told of nodes that are left out.

        Raises ClusterError where no node has one.
        """
        lost = 0
        while lost < LOSSES:
            host = self._make_host()
            greeting = host.greet.remote()
            if not self._comes(greeting, is_over):
                self._ray.kill(host)
                return None
            try:
                node_id, name, versions = answer(self._ray, greeting)
            except self.losses as error:  # of a node that has just died, or cannot run convladder
                why = lines(error)[-1]  # of a traceback
                lost += 1
                continue
            name = self._connection.nodes.get(node_id, name)
            if self._is_fit(node_id, name, versions, notice):
                return Place(self._ray, host, node_id, name)
            self._ray.kill(host)
        raise ClusterError(
            f"the nodes of the cluster cannot run trials ({why}): try `import convladder` there"
        )

    # docs/decisions/063-a-node-with-other-versions-is-left-out-by-name.md
    def _make_host(self) -> Any:
        """Ask for a place, on any node but those that are unfit."""
        unfit = ",".join(sorted(self._unfit))
        where = {"label_selector": {NODE_LABEL: f"!in({unfit})"}} if unfit else {}
        return self._hosts.options(**where).remote(*self._settings)

    def _is_fit(
        self, node_id: str, name: str, versions: Versions, notice: Callable[[str], None]
    ) -> bool:
        """Whether a node has what this machine has; one with something else is left out."""
        differing = self._connection.compare(name, versions)
        if differing and node_id not in self._unfit:
            self._unfit.add(node_id)
            notice(
                f"{name} is not used, because its results could not be compared: "
                f"{'; '.join(differing)}"
            )
        return not differing

    def _comes(self, greeting: Any, is_over: Callable[[], bool]) -> bool:
        """Wait for a greeting; return whether it came before it was over."""
        seen = time.monotonic()
        while not is_over():
            if self._ray.wait([greeting], timeout=WAIT)[0]:
                return True
            if self._connection.has_processors(besides=self._unfit):
                seen = time.monotonic()
            elif time.monotonic() - seen > DESERTED:
                raise ClusterError(
                    "no node of the cluster is left: add nodes and run the same command to resume"
                )
        return False


def answer(ray: Any, reference: Any) -> Any:
    """Return what came of a call on a node, or raise what it has raised."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error


def lines(error: Exception) -> list[str]:
    """Return what an error says, line by line: its class where it says nothing."""
    return str(error).strip().splitlines() or [type(error).__name__]
