"""What convladder's loggers say, on the standard error of a command."""

from __future__ import annotations

import logging

from convladder.cli.arguments import errors
from convladder.core import logs
from convladder.core.formatting import printable

TOLD = "convladder.report.telling"  # the logger of what the console shows anyway


class _OnConsole(logging.Handler):
    """Shows each record as a line: a warning as such, others with the module that says it."""

    def emit(self, record: logging.LogRecord) -> None:
        warns = record.levelno >= logging.WARNING
        try:
            said = f"{'warning' if warns else record.name}: {self.format(record)}"
            text = "\n".join(printable(line) for line in said.splitlines())
            errors.print(text, markup=False, style=None if warns else "dim")
        except Exception:
            self.handleError(record)


def show() -> None:
    """Show warnings from now on, once each, and all records where a person is debugging."""
    logger = logging.getLogger(logs.PACKAGE)
    if not any(isinstance(each, _OnConsole) for each in logger.handlers):
        handler = _OnConsole()
        handler.addFilter(lambda record: record.name != TOLD)
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if logs.is_debugging() else logging.WARNING)
