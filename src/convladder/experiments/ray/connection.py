"""The way to a Ray cluster: its address, whether it answers, and what its nodes have."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convladder.core import privacy
from convladder.core.errors import ClusterError
from convladder.core.extras import require
from convladder.experiments.ray import ADDRESSES
from convladder.experiments.ray.node_versions import Versions, ask_versions, differences

_logger = logging.getLogger(__name__)

EXTRA = "cluster"
ANSWER_SECONDS = 5.0
# docs/privacy.md: without the address, a head tells Ray's makers that it does not report
_REPORT_URL = "RAY_USAGE_STATS_REPORT_URL"
START_HEAD = f"{_REPORT_URL}={privacy.SILENT[_REPORT_URL]} ray start --head --disable-usage-stats"
LOCAL = ("localhost", "127.0.0.1", "::1")
JOINED_SECONDS = 10  # until Ray gives up finding this machine among the nodes
# docs/decisions/076-a-head-that-does-not-connect-is-asked-three-times.md
# a head under load fails at times to start what serves a driver from outside
ATTEMPTS, PAUSE_SECONDS = (3, 5.0)

_ADDRESS = re.compile(r"(?P<client>ray://)?(?P<host>[\w.-]+|\[[\da-fA-F:]+\]):(?P<port>\d+)")
# HTTP/2, which gRPC speaks: how a client begins, an empty frame of settings, and the kind of frame
# that answers
_GREETING, _SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), 4


@dataclass(frozen=True)
class Connection:
    """A cluster that this process is connected to.

    ray : the module. nodes : the names of those that can run a trial, by their ids. processors : of
        all of them.
    """

    ray: Any
    address: str
    nodes: Mapping[str, str]
    processors: int

    def compare(self, name: str, versions: Versions) -> list[str]:
        """Say in what a node differs from this machine, which may have joined meanwhile."""
        return differences({name: versions})

    def has_processors(self, besides: Container[str]) -> bool:
        """Whether there is any processor now, free or not, on another node than these."""
        return any(each["NodeID"] not in besides for each in _able_nodes(self.ray))


def check_address(address: str) -> None:
    """Raise ConvladderError, in seconds, where Ray is missing, or no cluster answers there."""
    ray = _import_ray()
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address  # as Ray does
    if address == "auto":
        return
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise ClusterError(f"--cluster takes {ADDRESSES}; got {address!r}")
    host = found["host"].strip("[]")
    if host in LOCAL and not found["client"]:
        host = ray.util.get_node_ip_address()  # so Ray takes it
    if not _answers(host, int(found["port"])):
        raise ClusterError(
            f"no Ray cluster answers at {address}: start one with `{START_HEAD}`, and give "
            "the address it prints"
        )


@contextlib.contextmanager
def connected(address: str) -> Iterator[Connection]:
    """Connect to the cluster while the block runs, or use the caller's own ray.init.

    Raises ClusterError where there is none, or where a node has other versions than this machine.
    """
    check_address(address)
    ray = _import_ray()
    own = not ray.is_initialized()
    if own:
        _connect(ray, address)
    try:
        with _hushed():
            yield _look_around(ray, address)
    finally:
        if own:
            ray.shutdown()


def _import_ray() -> Any:
    # read when Ray is imported: for how long it looks for this machine among the nodes
    os.environ.setdefault("RAY_gcs_server_request_timeout_seconds", str(JOINED_SECONDS))
    return require("ray", EXTRA)


# docs/decisions/052-a-port-is-greeted-before-ray-is-let-at-it.md
def _answers(host: str, port: int) -> bool:
    """Whether a server of Ray's kind is there: without one, `ray.init` would try for minutes."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(_GREETING)
            with connection.makefile("rb") as answer:
                header = answer.read(9)  # which may come in two parts
    except (OSError, OverflowError):
        return False
    return len(header) == 9 and header[3] == _SETTINGS


def _connect(ray: Any, address: str) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        said = _try_to_connect(ray, address)
        if said is None:
            return
        known = _known_reason(address, said)
        if known or attempt == ATTEMPTS:
            raise ClusterError(known or _other_reason(address, said))
        _logger.info("connecting to %s failed (%s): trying again", address, said.strip())
        time.sleep(PAUSE_SECONDS)


def _try_to_connect(ray: Any, address: str) -> str | None:
    """Return what Ray says where it cannot, None once it is connected."""
    with _signals_as_they_are():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            ray.shutdown()
            return str(error)
    return None


def _known_reason(address: str, said: str) -> str | None:
    """Return what to do about it, where another attempt would end the same."""
    if "Version mismatch" in said:
        return (
            f"the cluster at {address} has another version of Ray or Python ({said}): install the "
            "same on all"
        )
    if "Could not find any running Ray" in said:
        return f"no Ray cluster runs on this machine: start one with `{START_HEAD}`"
    if "No node info found" in said:
        return (
            f"this machine is not a node of the cluster at {address}: let it join with `ray start "
            f"--address={address}`, or connect from outside with ray://HOST:10001"
        )
    return None


def _other_reason(address: str, said: str) -> str:
    reason = said.strip().rpartition("\n")[2]  # of the server's traceback, what was raised
    return (
        f"cannot connect to the Ray cluster at {address}, although something answers there "
        f"({reason}): see `ray status` on its head node, which may be too busy, and try again"
    )


def _look_around(ray: Any, address: str) -> Connection:
    """Return the connection, once every node that can run a trial was asked for its versions."""
    alive = _able_nodes(ray)
    if not alive:
        raise ClusterError(
            f"the cluster at {address} has no processors: add nodes with `ray start --address=...`"
        )
    nodes = {
        each["NodeID"]: f"{each['NodeManagerHostname']} ({each['NodeManagerAddress']})"
        for each in alive
    }
    found = ask_versions(ray, list(nodes))
    if differing := differences({nodes[each]: versions for each, versions in found.items()}):
        raise ClusterError(
            f"results could not be compared: {'; '.join(differing)}. Install the same on all nodes"
        )
    processors = sum(int(each["Resources"]["CPU"]) for each in alive)
    return Connection(ray, address, nodes, processors)


def _able_nodes(ray: Any) -> list[dict[str, Any]]:
    """Return what Ray says of each node that is alive and has a processor."""
    return [each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU", 0) >= 1]


@contextlib.contextmanager
def _signals_as_they_are() -> Iterator[None]:
    """Keep the answer to SIGTERM, for which Ray sets its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep what Ray prints of dying nodes from standard output, where results go."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
