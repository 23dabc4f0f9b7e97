"""The pool's side of a worker: its process, and the lane that sends it tasks and hears of them.

A worker is a fresh interpreter (`worker.serve`) that reads pickled tasks from its standard input
and writes pickled events to its standard output.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from typing import Any, BinaryIO, cast

from convladder.core import backend, logs, worker, worker_exits
from convladder.core.lanes import Lane, Pending
from convladder.core.tasks import Died, Events, Failed, Finished, Halted, Message, Started, Task
from convladder.core.worker_exits import LastLines

_logger = logging.getLogger(__name__)

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "PJRT_NPROC",  # JAX's, on a processor
)


class ProcessLane(Lane):
    """A lane that owns one worker process at a time."""

    def __init__(
        self, pending: Pending, events: Events, threads: int, renew_after: int | None
    ) -> None:
        super().__init__(pending, events)
        self._threads, self._renew_after = threads, renew_after
        self._worker: subprocess.Popen[bytes] | None = None
        self._lines: LastLines | None = None  # that the worker has written
        self._kills: int | None = None  # for memory, before the worker was started
        self._served = 0
        self._sent: Task | None = None
        self._halting: Task | None = None
        self._lock, self._sending = threading.Lock(), threading.Lock()

    def stop(self) -> None:
        with self._lock:
            self._ending, process = True, self._worker
        if process is not None:
            # it may have ended meanwhile
            with self._sending, contextlib.suppress(OSError, ValueError):
                worker.write(cast(BinaryIO, process.stdin), worker.STOP)

    def halt(self, key: Any) -> None:
        with self._sending:  # so that no other task is sent meanwhile
            task, process = self.task, self._worker
            if task is None or task.key != key:
                return
            self._halting = task  # where it is not sent yet, it is halted when it is
            if process is not None and task is self._sent:
                with contextlib.suppress(OSError, ValueError):
                    worker.write(cast(BinaryIO, process.stdin), worker.HALT)

    def kill(self) -> None:
        with self._lock:
            self._ending = True
            if self._worker is not None:
                self._worker.kill()

    def _serve(self, task: Task) -> None:
        self._events.put(Started(task.key))
        try:
            process = self._hand_over(task)
        except OSError as error:  # no memory, or too many processes
            said = f"no worker process could be started ({error}): use fewer --jobs"
            self._events.put(Failed(task.key, said, said, expected=True))
        else:
            if process is not None:
                self._follow(task, process)
        self._sent = self._halting = None  # they may hold images

    def _hand_over(self, task: Task) -> subprocess.Popen[bytes] | None:
        """Send the task to a worker, and return that; None where the lane ends.

        Raises OSError where no worker can be started.
        """
        if self._worker is not None and self._served == self._renew_after:
            _logger.debug("worker process %d is renewed", self._worker.pid)
            self._end_worker()
        with self._lock:
            if self._ending:
                return None
            if self._worker is None:
                self._kills = worker_exits.kills_for_memory()
                self._worker, self._served = _start_worker(self._threads), 0
                written = cast("BinaryIO | None", self._worker.stderr)
                self._lines = LastLines(written) if written else None
            process = self._worker
        # a dead one is found out by reading from it
        with self._sending, contextlib.suppress(OSError):
            self._sent = task
            worker.send(cast(BinaryIO, process.stdin), (task.function, task.arguments))
            if self._halting is task:
                worker.write(cast(BinaryIO, process.stdin), worker.HALT)
        return process

    def _follow(self, task: Task, process: subprocess.Popen[bytes]) -> None:
        """Tell what a task says, until it is over."""
        stdout = cast(BinaryIO, process.stdout)
        while True:
            try:
                kind, *content = pickle.loads(worker.receive(stdout))
            except (EOFError, OSError):
                self._report_death(task, process)
                return
            if kind == "message":
                self._events.put(Message(task.key, *content))
                continue
            if kind == "logged":
                logs.log_again(*content)
                continue
            if kind != "stopped":
                self._events.put((Finished if kind == "finished" else Failed)(task.key, *content))
            elif not self._ending:
                self._events.put(Halted(task.key))
            self._served += 1
            return

    def _report_death(self, task: Task, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        lines = self._lines.of_ended() if self._lines else []
        before, now = self._kills, worker_exits.kills_for_memory()
        self._end_worker()
        _logger.debug("worker process %d ended with status %d", process.pid, status)
        if not self._ending:
            kills = None if before is None or now is None else now - before
            error = worker_exits.reason(status, lines, kills)
            details = "\n".join(["its last output:", *lines, "", error]) if lines else error
            self._events.put(Died(task.key, error, details, expected=True))

    def _end_worker(self) -> None:
        with self._lock:
            process, self._worker = self._worker, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _start_worker(threads: int) -> subprocess.Popen[bytes]:
    environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment |= backend.environment()
    shown = logs.is_debugging()
    temporary = tempfile.mkdtemp(prefix="convladder-worker-")
    try:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                "from convladder.core.worker import serve; "
                f"serve({temporary!r}, marks_tasks={not shown}, log_level={logs.level()})",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a terminal's Ctrl-C is for the parent to act on
        )
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    # the worker does it too; here for one that was killed
    weakref.finalize(process, shutil.rmtree, temporary, ignore_errors=True)
    return process
