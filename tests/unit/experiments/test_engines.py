"""Which engine an address is of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from convladder.core.errors import ConvladderError
from convladder.core.worker_pool import Pool
from convladder.experiments import engines
from convladder.experiments.engines import Engine, EngineKind, check_address, engine_at


def test_without_an_address_this_machine_runs_tasks() -> None:
    check_address(None)
    with engine_at(None, 2) as engine:
        assert engine == Engine(Pool, 2)


def test_what_is_no_address_is_refused() -> None:
    for ask in (check_address, lambda address: engine_at(address).__enter__()):
        with pytest.raises(ConvladderError):
            ask("nowhere at all")


def test_an_engine_is_added_by_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def start(address: str | None, jobs: int | None) -> Iterator[Engine]:
        yield Engine(Pool, jobs or 64, about={"queue": address})

    queue = EngineKind("queue", lambda address: str(address).startswith("queue:"), start)
    monkeypatch.setattr(engines, "ENGINES", (queue, *engines.ENGINES))
    check_address("queue:night")
    with engine_at("queue:night") as engine:
        assert (engine.jobs, engine.about) == (64, {"queue": "queue:night"})
    with engine_at(None, 1) as engine:
        assert engine.jobs == 1
