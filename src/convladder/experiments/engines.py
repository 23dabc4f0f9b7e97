"""What runs tasks: the processes of this machine, or a cluster. Nothing above asks which."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from convladder.core.tasks import Task
from convladder.core.worker_pool import Pool, count_workers
from convladder.experiments.ray import connection
from convladder.experiments.ray.driver import RayPool
from convladder.results import provenance

RENEW_AFTER = 12  # tasks: Keras's memory grows a little with each fit
TRIAL_MEMORY = 3 * 2**28  # bytes of a worker that trains; small networks take half of it


@dataclass(frozen=True)
class Engine:
    """What runs tasks, so many `jobs` at a time: this machine's processes, or a cluster's.

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

    def pool(self, tasks: Iterable[Task | None], *, renew_after: int = RENEW_AFTER) -> Pool:
        return self.make_pool(tasks, jobs=self.jobs, renew_after=renew_after)


@dataclass(frozen=True)
class EngineKind:
    """One kind of engine.

    takes : whether an address is of one. check : raises ConvladderError, in seconds, where none is
    there. start : yields it, for so many jobs, or None for as many as there is room for.
    """

    name: str
    takes: Callable[[str | None], bool]
    start: Callable[[str | None, int | None], AbstractContextManager[Engine]]
    check: Callable[[str], None] = lambda address: None


def engine_at(address: str | None, jobs: int | None = None) -> AbstractContextManager[Engine]:
    """Yield what runs tasks: the cluster at an address, or else this machine.

    With None as `jobs` there is one job per core, or as many as fit in memory.

    Raises ConvladderError where Ray is not installed, no cluster is there, or its versions differ.
    """
    return _kind(address).start(address, jobs)


def check_address(address: str | None) -> None:
    """Raise ConvladderError where no engine is at an address; it takes seconds at most."""
    if address is not None:
        _kind(address).check(address)


def _kind(address: str | None) -> EngineKind:
    return next(kind for kind in ENGINES if kind.takes(address))


@contextlib.contextmanager
def _here(address: str | None, jobs: int | None) -> Iterator[Engine]:
    del address
    yield Engine(Pool, jobs or count_workers(TRIAL_MEMORY))


@contextlib.contextmanager
def _on_ray(address: str | None, jobs: int | None) -> Iterator[Engine]:
    with connection.connected(str(address)) as found:
        about = {
            "cluster": {
                "address": address,
                "nodes": sorted(found.nodes.values()),
                "ray": found.ray.__version__,
            }
        }
        make_pool = partial(RayPool, found)
        yield Engine(make_pool, jobs or found.processors, shares_disk=False, about=about)


# The last takes any address, and says what is wrong with it.
ENGINES = (
    EngineKind("this machine", lambda address: address is None, _here),
    EngineKind("ray", lambda address: True, _on_ray, connection.check_address),
)
