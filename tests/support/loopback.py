"""A Ray cluster of several nodes on the loopback, for tests and measurements."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

STORE = 128 * 2**20  # bytes of shared memory a node
# for the process that serves a driver from outside the head waits so long; 30 are too few beside
# other tests
PATIENCE = {"RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "240"}
HEAD = "127.0.0.2"  # 127.0.0.1 Ray takes for the address by which others see this machine


@dataclass
class Nodes:
    """A head without a processor, which the driver joins, and nodes of one processor and one cache
    each.
    """

    folder: Path
    cluster: Any
    client_port: int
    by_id: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    @property
    def address_from_outside(self) -> str:
        """The address for a driver that is on no node."""
        return f"ray://{HEAD}:{self.client_port}"

    def add(self) -> None:
        number = len(self.by_id)
        node = self.cluster.add_node(
            num_cpus=1,
            object_store_memory=STORE,
            node_ip_address=f"127.0.0.{number + 3}",
            env_vars={"CONVLADDER_CACHE": str(self.cache(number))},
        )
        self.by_id[node.node_id] = node

    def cache(self, number: int) -> Path:
        return self.folder / f"cache-{number}"

    def kill(self, node_id: str) -> None:
        """Kill the processes of a node, as when its power fails."""
        self.cluster.remove_node(self.by_id[node_id], allow_graceful=False)


@contextmanager
def started(folder: Path, nodes: int) -> Iterator[Nodes]:
    """Start a cluster of so many nodes, whose processes find the modules that this one finds."""
    from ray.cluster_utils import Cluster

    with socket.create_server((HEAD, 0)) as free:
        client_port = free.getsockname()[1]
    head = {
        "num_cpus": 0,
        "object_store_memory": STORE,
        "include_dashboard": False,
        "node_ip_address": HEAD,
        "ray_client_server_port": client_port,
    }
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with mock.patch.dict(os.environ, path | PATIENCE):
        cluster = Nodes(folder, Cluster(initialize_head=True, head_node_args=head), client_port)
        try:
            for _ in range(nodes):
                cluster.add()
            yield cluster
        finally:
            cluster.cluster.shutdown()
