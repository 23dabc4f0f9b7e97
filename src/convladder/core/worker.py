"""The worker's side of `worker_pool`: run the tasks that come on standard input, to its end.

What goes through the pipes is pickled, with its length before it. A request to stop ends the
process at once, but for a task within `saves_when_stopped`: it looks at `stop_asked`, saves what it
is at, and raises Stopped. A request to halt is for the running task alone: one that looks at
`stop_asked` ends so, any other goes on.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import logging
import os
import pickle
import queue
import shutil
import signal
import struct
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, NoReturn

from convladder.core import logs
from convladder.core.errors import ConvladderError, is_full_disk
from convladder.core.places import keep_libraries_here

_logger = logging.getLogger(__name__)

Emit = Callable[[Any], None]

STOP, HALT = b"", b"halt"  # in the place of a pickled task
TASK_MARK = b"\n\x1ea task begins\x1e\n"  # in what a worker writes, where somebody reads that
NO_MEMORY = "out of memory: use fewer --jobs, a smaller train.batch_size or smaller images"

_LENGTH = struct.Struct(">Q")

_temporary: list[str] = []  # the folder that holds this worker's temporary files
_lock = threading.Lock()
_asked, _halted, _saves = threading.Event(), threading.Event(), threading.Event()


class Stopped(Exception):
    """What a task raises that was asked to stop, and has saved what it was at."""


def stop_asked() -> bool:
    """Whether this process, or the task that it is at, was asked to end."""
    return _asked.is_set() or _halted.is_set()


@contextlib.contextmanager
def saves_when_stopped() -> Iterator[None]:
    """Leave a request to stop to the block, which asks `stop_asked`; what follows can be lost."""
    _saves.set()
    try:
        yield
    finally:
        with _lock:
            _saves.clear()
            over = _asked.is_set() and sys.exception() is None
        if over:
            _end()


def serve(temporary: str, *, marks_tasks: bool, log_level: int) -> None:
    """Be a worker until the parent ends or says so. Signals to every process are not for it.

    marks_tasks : write TASK_MARK to standard error before each task. log_level : from which on the
        parent is sent what is logged.
    Its temporary files go into a folder of its own, which it removes. TensorFlow leaves some for
    each network that it compiles. It removes them when a process ends by itself, as no worker does.
    """
    _temporary.append(temporary)
    os.environ["TMPDIR"] = tempfile.tempdir = temporary
    keep_libraries_here()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.stderr is not None:
        # a crash of a library tells where Python was
        faulthandler.enable(sys.stderr, all_threads=False)
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the events
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(sys.stdin.buffer, tasks), daemon=True).start()
    sending = threading.Lock()  # a task may tell how far it is in a thread of its own

    def tell(kind: str, value: Any) -> None:
        data = pickle.dumps((kind, value))
        with sending:
            write(events, data)

    emit = partial(tell, "message")
    logs.forward(log_level, partial(tell, "logged"))
    while True:
        outcome = _outcome(_next(tasks, marks_tasks), emit)
        with sending:
            write(events, outcome)


def _next(tasks: queue.SimpleQueue[bytes], marks_tasks: bool) -> bytes:
    task = tasks.get()
    if marks_tasks:
        with contextlib.suppress(OSError):
            os.write(2, TASK_MARK)
    return task


def send(stream: BinaryIO, value: Any) -> None:
    """Write a value as its length and its pickle."""
    write(stream, pickle.dumps(value))


def write(stream: BinaryIO, data: bytes) -> None:
    """Write bytes with their length before them."""
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Read what `write` wrote. Raises EOFError at the end of the stream."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(header)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _read_tasks(stream: BinaryIO, tasks: queue.SimpleQueue[bytes]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            _take(receive(stream), tasks)
    _end()  # the parent is gone, or needs this worker no more


def _take(data: bytes, tasks: queue.SimpleQueue[bytes]) -> None:
    if data == STOP:
        _take_stop()
    elif data == HALT:
        _halted.set()
    else:
        _halted.clear()
        tasks.put(data)


def _take_stop() -> None:
    with _lock:
        _asked.set()
        if not _saves.is_set():
            _end()


def _end() -> NoReturn:
    """End at once: what other threads are at does not matter any more."""
    for folder in _temporary:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _outcome(task: bytes, emit: Emit) -> bytes:
    """Run a task, and return what came of it, pickled."""
    try:
        function, arguments = pickle.loads(task)
        del task  # it may be large, and what it holds is in `arguments` too
        return pickle.dumps(("finished", function(*arguments, emit=emit)))
    except Stopped:
        return pickle.dumps(("stopped",))
    except BaseException as error:  # a library that calls sys.exit ends its task, not this worker
        return pickle.dumps(("failed", *describe(error)))


def describe(error: BaseException) -> tuple[str, str, bool, ConvladderError | None]:
    """Return what to say of an error, its details, and whether a person can put it right.

    The last is the error itself where it is ours.
    What is returned can be pickled, and holds nothing of the frames that the error came through.
    """
    details = "".join(traceback.format_exception(error))
    if isinstance(error, ConvladderError):
        return str(error), details, True, _portable(error)
    said = f"{type(error).__name__}: {error}"
    advice = _advice(error, said)
    return advice or said, details, advice is not None, None


def _portable(error: ConvladderError) -> ConvladderError | None:
    """Return a copy of an error that another process can read.

    None where it holds what cannot be pickled.
    """
    try:
        copy: ConvladderError = pickle.loads(pickle.dumps(error))
    except Exception:  # whatever a class of someone else's raises there
        _logger.debug("an error goes to the parent as text alone", exc_info=True)
        return None
    return copy


def _advice(error: BaseException, said: str) -> str | None:
    """Return what a person can do about an error that is not ours; None where nothing is known."""
    if is_full_disk(error):
        return f"{os.strerror(errno.ENOSPC)}: free some space, or choose another place ({said})"
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno == errno.ENOMEM
    ):
        return NO_MEMORY
    return None
