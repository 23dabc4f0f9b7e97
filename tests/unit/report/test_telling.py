"""What is told goes to the console, unless it is quiet, and to the log whatever happens: once."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest
from rich.console import Console

from convladder.core.errors import DataError
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Stopping,
    Validated,
    WarningText,
)
from convladder.report import telling
from convladder.report.progress import Plain, Quiet, Reporter
from convladder.results.folders import TrialKey

KEY = TrialKey("lenet5", 0)
KEPT = Validated(0.5, "accuracy")
LOGGED: list[tuple[Event, int | None, str]] = [
    (Started(KEY), None, ""),
    (Message(KEY, {"epoch": 1.0}), None, ""),
    (Message(KEY, "resumes after 1 epoch"), logging.INFO, "resumes after 1 epoch"),
    (Message(KEY, WarningText("was lost")), logging.WARNING, "lenet5, seed 0: was lost"),
    (
        Finished(KEY, KEPT),
        logging.INFO,
        "lenet5, seed 0: validation accuracy 0.500",
    ),
    (Halted(KEY), logging.INFO, "lenet5, seed 0: ended"),
    (Failed(KEY, "no such folder", "", cause=DataError()), logging.ERROR, "failed: no such folder"),
    (Overdue(KEY), logging.WARNING, "took too long to save"),
    (Stopping(), logging.INFO, "Stopping and saving"),
    (Notice("n3 is not used"), logging.WARNING, "n3 is not used"),
]


@pytest.fixture
def text() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(text: io.StringIO) -> Console:
    return Console(file=text, width=200, highlight=False)


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[TextIO]]:
    """A handler of the program's own, which writes warnings somewhere."""
    handler: logging.StreamHandler[TextIO] = logging.StreamHandler(io.StringIO())
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("kind", [Quiet, Plain])
@pytest.mark.parametrize(("event", "level", "said"), LOGGED)
def test_an_event_is_logged_once_also_by_who_is_quiet(
    event: Event,
    level: int | None,
    said: str,
    kind: type[Quiet | Plain],
    console: Console,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "convladder")
    kind(console).follow(event)
    records = [record for record in caplog.records if record.name == telling.__name__]
    assert [record.levelno for record in records] == ([] if level is None else [level])
    assert all(said in record.getMessage() for record in records)


@pytest.mark.parametrize("quiet", [True, False])
def test_what_is_said_is_logged_as_a_warning_if_it_begins_so(
    quiet: bool, console: Console, text: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "convladder")
    reporter = Reporter(console, quiet)
    reporter.say("digits: 10 classes, 100 % of them")
    reporter.say("warning: 2 images differ")
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.INFO, "digits: 10 classes, 100 % of them"),
        (logging.WARNING, "warning: 2 images differ"),
    ]
    shown = "digits: 10 classes, 100 % of them\nwarning: 2 images differ\n"
    assert text.getvalue() == ("" if quiet else shown)


def test_what_the_programs_logging_shows_on_the_terminal_is_not_said_twice(
    handler: logging.StreamHandler[TextIO],
    console: Console,
    text: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    telling.tell(console, "kept in a file too", logging.WARNING)
    handler.setStream(sys.stderr)
    telling.tell(console, "less memory", logging.WARNING)
    telling.tell(console, "resumes", logging.INFO)  # which that handler does not show
    assert text.getvalue() == "kept in a file too\nresumes\n"
    assert capsys.readouterr().err == "less memory\n"
