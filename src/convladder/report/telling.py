"""What is said to a person in words: on a console, and to a logger of Python's `logging`.

A console is for the person who waits, and may be left out. The logger gets all of it, for programs
that keep a log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import assert_never

from rich.console import Console

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

_logger = logging.getLogger(__name__)


# docs/decisions/092-what-is-no-result-is-logged.md
def tell(
    console: Console | None, text: str, level: int = logging.INFO, style: str | None = None
) -> None:
    """Log a text, and show it on the console if there is one."""
    if console is not None and not _is_shown_by_logging(level):
        console.print(text, markup=False, style=style)
    _logger.log(level, "%s", text)


def tell_of(event: Event, console: Console | None) -> None:
    """Tell of what happened to a trial, besides its figures; of its end the log alone is told."""
    match event:
        case Message(value=str()):
            warns = isinstance(event.value, WarningText)
            level = logging.WARNING if warns else logging.INFO
            tell(console, f"{event.key.rung}, {event.key.name}: {event.value}", level)
        case Notice():
            tell(console, event.text, logging.WARNING if event.warns else logging.INFO)
        case Failed():
            said = f"{event.key.rung}, {event.key.name}, failed: {event.error}"
            tell(console, said, logging.ERROR, style="red")
        case Overdue():
            said = (
                "took too long to save and was stopped: it will resume from the checkpoint before"
            )
            tell(console, f"{event.key.rung}, {event.key.name}, {said}", logging.WARNING)
        case Stopping():
            tell(console, "Stopping and saving … press Ctrl-C again to quit without saving.")
        case Finished() | Halted():
            tell(None, f"{event.key.rung}, {event.key.name}: {came_to(event, {})}")
        case Started() | Message():
            pass
        case _:
            assert_never(event)


def came_to(event: Finished | Halted, last: dict[str, float]) -> str:
    """Say what became of a trial; its figure is of the epoch kept, not always the last."""
    if isinstance(event, Halted):
        so_far = (
            f" after epoch {last['epoch']:.0f}, at {last['kept']:.3f} on validation" if last else ""
        )
        return f"ended{so_far}"
    if isinstance(event.value, Validated):
        return f"validation {event.value.title} {event.value:.3f}"
    return f"cannot be trained: {event.value}"


def _is_shown_by_logging(level: int) -> bool:
    """Whether the program shows records of this level on its terminal: none is said twice."""
    return _logger.isEnabledFor(level) and any(
        isinstance(handler, logging.StreamHandler)
        and handler.stream in (sys.stdout, sys.stderr)
        and handler.level <= level
        for handler in _handlers()
    )


def _handlers() -> Iterator[logging.Handler]:
    """Yield all handlers that get what is logged here."""
    logger: logging.Logger | None = _logger
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None
