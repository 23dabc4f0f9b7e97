"""A Ray cluster of several nodes on the loopback, for tests and measurements."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STORE = 128 * 2**20  # bytes of shared memory a node


@dataclass
class Nodes:
    """A head without a processor, which the driver joins, and nodes of one processor and one cache each."""

    folder: Path
    cluster: Any
    by_id: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        number = len(self.by_id)
        node = self.cluster.add_node(
            num_cpus=1,
            object_store_memory=STORE,
            node_ip_address=f"127.0.0.{number + 3}",
            env_vars={
                "CONVLADDER_CACHE": str(self.cache(number)),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # a node finds what this finds
            },
        )
        self.by_id[node.node_id] = node

    def cache(self, number: int) -> Path:
        return self.folder / f"cache-{number}"

    def kill(self, node_id: str) -> None:
        """Kill the processes of a node, as when its power fails."""
        self.cluster.remove_node(self.by_id[node_id], allow_graceful=False)


@contextmanager
def started(folder: Path, nodes: int) -> Iterator[Nodes]:
    from ray.cluster_utils import Cluster

    head = {
        "num_cpus": 0,
        "object_store_memory": STORE,
        "include_dashboard": False,
        "node_ip_address": "127.0.0.2",  # 127.0.0.1 Ray takes for the address by which others see this machine
    }
    cluster = Nodes(folder, Cluster(initialize_head=True, head_node_args=head))
    try:
        for _ in range(nodes):
            cluster.add()
        yield cluster
    finally:
        cluster.cluster.shutdown()
