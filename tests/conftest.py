"""What the tests share: a cache of their own, and small sets of images that they make."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# as in workers: what is trained here has the same bits
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported
os.environ["SE_AVOID_STATS"] = "true"  # what drives a browser reports to its makers

import pytest

import cores
from convladder.data.dataset import SplitDataset, load
from images_made import MakeFolder, write_image

# fixtures of a module that take seconds to make
COSTLY = {"climbed", "climb", "run", "network", "fitted", "person"}


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those tests that share something costly run in one process, to make it once."""
    for item in items:
        if COSTLY & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker(
            "xdist_group"
        ):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_configure() -> None:
    """Give each process that runs tests a core of its own: a second worker of a climb costs an
    import of Keras.
    """
    cores.pin(os.environ.get("PYTEST_XDIST_WORKER", ""))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a pytest with which xdist parts the tests of a group: each process would make what
    they share.
    """
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


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return a function that makes a class folder: `make_folder({"cat": 5, "dog": 7})`."""

    def make(
        counts: Mapping[str, int], *, at: str = "images", size: int = 16, suffix: str = ".png"
    ) -> Path:
        root = tmp_path / at
        for level, (name, count) in enumerate(counts.items()):
            (root / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                path = root / name / f"{number:03}{suffix}"
                seed = zlib.crc32(f"{name}/{number}".encode())  # no image twice, in whatever split
                write_image(path, seed=seed, level=level, size=size)
        return root

    return make


@pytest.fixture(scope="session")
def few_digits(own_cache: Path) -> SplitDataset:
    """300 of scikit-learn's handwritten digits, split."""
    assert own_cache.exists()
    from convladder.core.experiment import Data

    return load(Data(source="digits", limit=300))
