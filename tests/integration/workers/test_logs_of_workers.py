"""What a worker logs is logged by the process that started it, from the level that is wanted."""

from __future__ import annotations

import logging

import pytest

import logging_tasks
from convladder.core.tasks import Finished, Started, Task
from convladder.core.worker_pool import run_tasks


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING], ids=["debug", "warning"])
def test_what_a_worker_logs_arrives(level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(level, "convladder")
    events = list(run_tasks([Task("any", logging_tasks.log)], jobs=1))
    assert events == [Started("any"), Finished("any", None)]
    came = [record for record in caplog.records if record.name == "convladder.of_a_worker"]
    *others, warning = [(record.levelno, record.getMessage()) for record in came]
    assert others == (
        [(logging.DEBUG, "a detail"), (logging.INFO, "a fact")] if level == logging.DEBUG else []
    )
    assert warning[0] == logging.WARNING
    assert warning[1].startswith("100 % of it\nTraceback")
    assert warning[1].endswith("ValueError: torn")
