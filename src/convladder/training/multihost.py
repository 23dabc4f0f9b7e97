"""Several processes that train one network, by JAX's distributed runtime: how they agree.

Process 0 has the checkpoints and gives them to the others; all go on from the same one, and stop at
the same call.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils
from safetensors.numpy import load, save

from convladder.core.devices import COMING, SILENT, Parallel
from convladder.core.errors import TrainingError
from convladder.core.worker import Stopped
from convladder.training.checkpoint import Checkpoint
from convladder.training.checkpointer import Checkpointer, Snapshot

_logger = logging.getLogger(__name__)

LEAVING = 60  # seconds that are waited for the others in the end

# in errors, where another is gone
LOST = ("Gloo", "NCCL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")

_LARGE = 2**30


@contextlib.contextmanager
def joined(
    parallel: Parallel, alike: Mapping[str, str], settings: Mapping[str, str]
) -> Iterator[None]:
    """Compute with the other processes in the block, once all say the same of `alike`.

    `settings` are looked at one by one where what stands under that name there is not.

    To be called before JAX has computed anything. Raises TrainingError where they do not come, are
    not alike, or are lost.
    """
    # a processor is as many devices as are asked for
    jax.config.update("jax_num_cpu_devices", parallel.devices)
    if parallel.processes == 1:
        yield
        return
    _meet(parallel)
    try:
        _check_alike(alike, settings)
        yield
    except (Stopped, TrainingError):  # as in all others
        _leave()
        raise
    except (
        jax.errors.JaxRuntimeError,
        ValueError,
    ) as error:  # an array that did not come is a ValueError
        if not any(sign in str(error) for sign in LOST):
            raise
        raise TrainingError(
            f"another of the {parallel.processes} processes ended or failed "
            f"({_first_line(error)}): start all of them again, and they resume from the newest "
            "checkpoint"
        ) from error
    _leave()


# docs/decisions/057-of-several-processes-one-keeps.md
class SharedCheckpointer(Checkpointer):
    """A keeper of one process among several: what is kept is with process 0, and asked of all.

    own : what keeps in this process. asked_to_stop : whether this process should end now.
    """

    def __init__(self, own: Checkpointer, asked_to_stop: Callable[[], bool]) -> None:
        self._own, self._asked_to_stop = own, asked_to_stop

    def newest(self) -> Checkpoint | None:
        return _shared(self._own.newest())

    def after_call(self, snapshot: Snapshot) -> None:
        if multihost_utils.process_allgather(np.int32(self._asked_to_stop())).any():
            self._own.keep(snapshot)
            raise Stopped
        self._own.after_call(snapshot)

    def after_epoch(self, snapshot: Snapshot) -> None:
        self._own.after_epoch(snapshot)

    def keep(self, snapshot: Snapshot) -> None:
        self._own.keep(snapshot)


def _meet(parallel: Parallel) -> None:
    jax.config.update("jax_enable_preemption_service", False)  # it would take signals from us
    try:
        jax.distributed.initialize(
            parallel.coordinator,
            parallel.processes,
            parallel.process_id,
            initialization_timeout=COMING,
            heartbeat_timeout_seconds=SILENT,
            shutdown_timeout_seconds=LEAVING,
            cluster_detection_method="deactivate",
        )
    except jax.errors.JaxRuntimeError as error:
        raise TrainingError(
            f"the {parallel.processes} processes did not meet at {parallel.coordinator} "
            f"({_first_line(error)}): is it the address of process 0, and are all started?"
        ) from error


def _leave() -> None:
    try:
        jax.distributed.shutdown()
    except jax.errors.JaxRuntimeError as error:  # another may be gone already
        _logger.debug("the other processes were not there at the end (%s)", error)


def _check_alike(alike: Mapping[str, str], settings: Mapping[str, str]) -> None:
    """Raise TrainingError, in all processes, where one differs from process 0 in a name."""
    differing = _differing(alike)
    if not differing:
        return
    process, name = differing[0]
    if name == "settings":
        name = ", ".join(sorted(key for which, key in _differing(settings) if which == process))
    raise TrainingError(
        f"process {process} has another {name} than process 0: give the same to all"
    )


def _differing(alike: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return which processes differ from process 0 about which names: the first name first.

    All are to ask at once.
    """
    sums = [list(hashlib.sha256(text.encode()).digest()) for text in alike.values()]
    told = multihost_utils.process_allgather(np.array(sums, np.int32))  # (processes, names, 32)
    return [
        (process, name)
        for place, name in enumerate(alike)
        for process, own in enumerate(told[:, place])
        if (own != told[0, place]).any()
    ]


def _shared(checkpoint: Checkpoint | None) -> Checkpoint | None:
    """Return the checkpoint of process 0."""
    data = np.frombuffer(_to_bytes(checkpoint), np.uint8)
    large, rest = multihost_utils.broadcast_one_to_all(
        np.array(divmod(len(data), _LARGE), np.int32)
    ).tolist()
    size = large * _LARGE + rest
    given = data if jax.process_index() == 0 else np.zeros(size, np.uint8)
    return _from_bytes(np.asarray(multihost_utils.broadcast_one_to_all(given)).tobytes())


def _to_bytes(checkpoint: Checkpoint | None) -> bytes:
    if checkpoint is None:
        return b"\0"
    course = json.dumps(checkpoint.course).encode()
    tensors = {name: np.asarray(tensor, order="C") for name, tensor in checkpoint.tensors.items()}
    return course + b"\0" + save(tensors)


def _from_bytes(data: bytes) -> Checkpoint | None:
    course, _, tensors = data.partition(b"\0")
    return Checkpoint(json.loads(course), load(tensors)) if course else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
