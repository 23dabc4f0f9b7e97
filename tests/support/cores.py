"""Which cores a process that runs tests may use, and what it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_CAN = hasattr(os, "sched_setaffinity")
_EVERY = os.sched_getaffinity(0) if _CAN else set()


def pin(xdist_worker: str) -> None:
    """Keep to one core, where xdist runs several such processes; `xdist_worker` is its name of this
    one.
    """
    if _CAN and xdist_worker:
        number = int(xdist_worker.removeprefix("gw"))
        os.sched_setaffinity(0, {sorted(_EVERY)[number % len(_EVERY)]})


@contextmanager
def every() -> Iterator[None]:
    """Let what is started in the block use every core."""
    if not _CAN:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _EVERY)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
