"""Small sets of images that the tests make, and the memory that they take."""

from __future__ import annotations

import ctypes
import gc
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from images_made import MakeFolder, write_image

MUCH = 50_000_000  # bytes


@pytest.fixture(scope="module", autouse=True)
def give_memory_back() -> Iterator[None]:
    """Give the system what the tests of a module have freed, where that may be much: glibc kept
    200 MB after some exports.
    """
    before = _resident()
    yield
    if sys.platform == "linux" and _resident() - before > MUCH:
        gc.collect()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


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
    from convladder.core.settings.data import Data

    return load(Data(source="digits", limit=300))
