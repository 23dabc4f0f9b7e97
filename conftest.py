"""What all tests share, those of the benchmarks too: an environment, a core each, and a cache."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault(
    "TF_ENABLE_ONEDNN_OPTS", "1"
)  # as in workers: what is trained here has the same bits
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported
os.environ["SE_AVOID_STATS"] = "true"  # what drives a browser reports to its makers

import pytest

import cores

# fixtures of a module that take seconds to make
COSTLY = {"climbed", "climb", "run", "network", "fitted", "person", "measured"}


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those tests that share something costly run in one process, to make it once.

    Of several processes, one would be waited for in the end: the longest tests begin.
    """
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: "system" not in item.path.parts)
    for item in items:
        if COSTLY & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker(
            "xdist_group"
        ):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_configure() -> None:
    """Give each process that runs tests one core: a second worker would import Keras once more."""
    cores.pin(os.environ.get("PYTEST_XDIST_WORKER", ""))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a pytest with which xdist splits groups: each process would make what they share."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if getattr(session.config.option, "loadgroup", False) and not all(
        "@" in item.nodeid for item in grouped
    ):
        raise pytest.UsageError(
            "this pytest and this pytest-xdist do not keep groups of tests together"
        )


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the decoded images of the tests out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["CONVLADDER_CACHE"] = str(folder)
    return folder
