"""What several of the benchmarks' tests need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import in_process


@pytest.fixture
def in_this_process() -> Iterator[None]:
    """Let no program, command or worker have a process of its own: Keras is imported once."""
    with in_process.everything():
        yield
