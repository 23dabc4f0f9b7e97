"""What runs tasks: the processes of this machine, or a cluster. Nothing above asks which."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from convladder.core.tasks import Task
from convladder.core.worker_pool import Pool, count_workers
from convladder.experiments.ray import connection
from convladder.experiments.ray.driver import RayPool
from convladder.results import provenance

TRIAL_MEMORY = 3 * 2**28  # bytes of a worker that trains; small networks take half of it


@dataclass(frozen=True)
class Engine:
    """What runs tasks, so many `jobs` at a time: the processes of this machine, or those of a
    cluster.

    make_pool : takes what Pool takes. shares_disk : whether tasks see the folders of this process.
    about : what is kept of it.
    """

    make_pool: Callable[..., Pool]
    jobs: int
    shares_disk: bool = True
    about: dict[str, Any] = field(default_factory=dict)

    def environment(self) -> dict[str, Any]:
        """Return where this command computes: versions, machine, time, and what the engine adds."""
        return provenance.environment(provenance.command()) | self.about | {"jobs": self.jobs}

    def pool(self, tasks: Iterable[Task], *, renew_after: int) -> Pool:
        return self.make_pool(tasks, jobs=self.jobs, renew_after=renew_after)


@contextlib.contextmanager
def engine_at(address: str | None, jobs: int | None = None) -> Iterator[Engine]:
    """Yield what runs tasks: the cluster at an address, or else this machine. None as `jobs` takes
    one a core, or as many as there is memory for.

    Raises ConvladderError where Ray is not installed, no cluster is there, or its versions differ.
    """
    if address is None:
        yield Engine(Pool, jobs or count_workers(TRIAL_MEMORY))
        return
    with connection.connected(address) as found:
        about = {
            "cluster": {
                "address": address,
                "nodes": sorted(found.nodes.values()),
                "ray": found.ray.__version__,
            }
        }
        make_pool = partial(RayPool, found)
        yield Engine(make_pool, jobs or found.processors, shares_disk=False, about=about)
