"""Which versions nodes have, and in what they differ from this machine's."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from convladder.core import backend
from convladder.core.errors import ClusterError
from convladder.results import provenance

_logger = logging.getLogger(__name__)

ANSWER_SECONDS = 120.0  # a node under load may take a while to start a worker

Versions = Mapping[str, str]


def teller() -> Callable[[tuple[str, ...]], dict[str, str]]:
    """Return a function that says which versions its place has, even without convladder."""

    def tell(
        packages: tuple[str, ...],
    ) -> dict[str, str]:  # pickled by value, since it has no name in a module
        import platform
        from importlib import metadata

        found = {"python": platform.python_version()}
        for package in packages:
            with contextlib.suppress(metadata.PackageNotFoundError):
                found[package] = metadata.version(package)
        return found

    return tell


def packages() -> tuple[str, ...]:
    """Return those whose versions must be the same on all nodes."""
    return (*provenance.DECISIVE, *backend.PACKAGES[backend.chosen()], "ray")


def ask_versions(ray: Any, nodes: list[str]) -> dict[str, Versions]:
    """Ask each node; one that is lost meanwhile is left out."""
    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    tell = ray.remote(num_cpus=0, max_retries=0)(teller())
    asked = {
        tell.options(scheduling_strategy=there(each, soft=False)).remote(packages()): each
        for each in nodes
    }
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
    if late:
        raise ClusterError(
            f"{len(late)} of {len(asked)} nodes of the cluster do not answer: see `ray status`"
        )
    found = {}
    for each in done:
        try:
            found[asked[each]] = ray.get(each)
        except ray.exceptions.RayError as error:
            _logger.warning("a node of the cluster is not used, since it was lost (%s)", error)
    return found


def differences(found: Mapping[str, Versions]) -> list[str]:
    """Say in which versions nodes differ from this machine: results could not be compared."""
    own = teller()(packages())
    return [
        (
            f"{node} has {name} {versions.get(name, 'not installed')}, this machine "
            f"{own.get(name, 'not installed')}"
        )
        for node, versions in found.items()
        for name in sorted({*own, *versions})
        if versions.get(name) != own.get(name)
    ]
