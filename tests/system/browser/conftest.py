"""One browser for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from browsing import opened


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened(tmp_path_factory.mktemp("browser")) as driver:
        yield driver
