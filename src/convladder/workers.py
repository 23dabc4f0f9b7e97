"""Worker processes: started when they are needed, and kept for a while for whoever needs one next.

A worker that has computed once has imported Keras and its backend, which takes seconds; another pool of the same
process that wants the same of its workers need not wait for that again.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from convladder import backend

KEPT, KEPT_SECONDS = 2, 60.0  # idle workers hold memory: hundreds of megabytes each

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "PJRT_NPROC",  # JAX's, on a processor
)


@dataclass(frozen=True)
class Terms:
    """What a worker begins with, and keeps: one that began with something else would compute something else."""

    environment: Mapping[str, str]
    folder: Path


@dataclass(eq=False)
class Worker:
    """A process and how many tasks it has served. `is_sound` until a task of it has failed."""

    process: subprocess.Popen[bytes]
    terms: Terms
    served: int = 0
    is_sound: bool = True

    @property
    def tasks(self) -> BinaryIO:
        """Where it reads what to do."""
        return cast(BinaryIO, self.process.stdin)

    @property
    def events(self) -> BinaryIO:
        """Where it writes what has happened."""
        return cast(BinaryIO, self.process.stdout)

    def end(self) -> None:
        """Let it end, and wait for that."""
        with contextlib.suppress(OSError):
            self.tasks.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.events.close()


_idle: dict[Worker, threading.Timer] = {}
_lock = threading.Lock()


def hire(threads: int, most: int | None) -> Worker:
    """Return a worker of so many threads: an idle one that has served fewer than `most` tasks, or a new one.

    Idle ones that began with something else are ended: they may hold an accelerator. Raises OSError where no
    process can be started.
    """
    terms = _terms(threads)
    for worker in list(_idle):
        fits = worker.terms == terms and worker.process.poll() is None
        if fits and (most is None or worker.served >= most):
            continue
        if _take(worker):
            if fits:
                return worker
            worker.end()
    return start(terms)


def keep(worker: Worker) -> None:
    """Let a worker that has nothing to do wait for the next who hires one, for a while."""
    timer = threading.Timer(KEPT_SECONDS, _end_idle, (worker,))
    timer.daemon = True
    with _lock:
        is_full = len(_idle) >= KEPT
        if not is_full:
            _idle[worker] = timer
    if is_full:
        worker.end()
    else:
        timer.start()


def start(terms: Terms) -> Worker:
    """Start a worker. Raises OSError where there is no memory, or there are too many processes."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from convladder.worker import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("CONVLADDER_DEBUG") else subprocess.DEVNULL,
        env=terms.environment,
        start_new_session=True,  # a terminal's Ctrl-C is for the parent to act on
    )
    return Worker(process, terms)


def _terms(threads: int) -> Terms:
    environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads)) | backend.environment()
    return Terms(environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, Path.cwd())


def _take(worker: Worker) -> bool:
    """Take a worker from the idle ones, if nobody else has."""
    with _lock:
        timer = _idle.pop(worker, None)
    if timer is None:
        return False
    timer.cancel()
    return True


def _end_idle(worker: Worker) -> None:
    if _take(worker):
        worker.end()
