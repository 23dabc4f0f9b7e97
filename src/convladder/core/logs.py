"""What convladder's loggers say, beyond one process, and whether debugging is on.

Each module has the logger of its name. `convladder/__init__.py` gives the topmost a NullHandler, so
that a program which uses convladder decides what becomes of records. What a worker logs is logged
again by the process that started it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

PACKAGE = "convladder"
DEBUGGING = "CONVLADDER_DEBUG"  # a variable of the environment

Record = tuple[str, int, str]  # the logger's name, the level, the text


class Forwarding(logging.Handler):
    """Sends records to another process."""

    def __init__(self, send: Callable[[Record], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._send((record.name, record.levelno, self.format(record)))
        except Exception:
            self.handleError(record)


def is_debugging() -> bool:
    """Whether a person wants to see what workers write and loggers say."""
    return bool(os.environ.get(DEBUGGING))


def level() -> int:
    """Return from which level on records are wanted, here and so in workers."""
    return logging.getLogger(PACKAGE).getEffectiveLevel()


def forward(level: int, send: Callable[[Record], None]) -> None:
    """Send what this process logs, from a level on, to the one that started it."""
    logger = logging.getLogger(PACKAGE)
    logger.setLevel(level)
    logger.addHandler(Forwarding(send))


def log_again(record: Record) -> None:
    """Log what another process has logged."""
    name, number, text = record
    logging.getLogger(name).log(number, "%s", text)
