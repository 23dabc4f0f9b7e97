"""What a command shows of what convladder's loggers say, and what a program that imports it."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from convladder.cli import logs
from convladder.report import telling


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    """The topmost logger, which is left as it was."""
    top = logging.getLogger("convladder")
    level, handlers = top.level, [*top.handlers]
    yield top
    top.setLevel(level)
    top.handlers[:] = handlers


def say() -> None:
    """Log at each level, and what the reporter shows by itself."""
    logger = logging.getLogger("convladder.results.locks")
    logger.debug("a detail")
    logger.info("waiting")
    logger.warning("a file [red] is\x1b[2J damaged")
    logging.getLogger(telling.__name__).warning("shown already")


def test_a_command_shows_warnings_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CONVLADDER_DEBUG", raising=False)
    logs.show()
    logs.show()  # a second command in one process says nothing twice
    say()
    assert capsys.readouterr() == ("", "warning: a file [red] is\\x1b[2J damaged\n")


def test_with_debug_it_shows_all_that_is_not_shown_already(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONVLADDER_DEBUG", "1")
    logs.show()
    say()
    assert capsys.readouterr().err.splitlines() == [
        "convladder.results.locks: a detail",
        "convladder.results.locks: waiting",
        "warning: a file [red] is\\x1b[2J damaged",
    ]


@pytest.mark.parametrize(
    ("before", "shown"),
    [("", ""), ("logging.basicConfig()", "WARNING:convladder.any:torn\n")],
    ids=["without logging", "with logging"],
)
def test_a_program_that_imports_convladder_decides_what_is_shown(before: str, shown: str) -> None:
    script = f"import logging, convladder; {before}"
    script += "\nlogging.getLogger('convladder.any').warning('torn')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr.decode() == shown
