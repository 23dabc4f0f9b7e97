"""A task for a worker, and what can become of it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from convladder.core.errors import ConvladderError


@dataclass(frozen=True)
class Task:
    """`function(*arguments, emit=...)`, to be run in a worker; `key` comes back with its events."""

    key: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Started:
    key: Any


@dataclass(frozen=True)
class Message:
    """What a running task said with `emit(value)`."""

    key: Any
    value: Any


class WarningText(str):
    """A text for people, said with `emit`, that warns; any other informs."""


class Validated(float):
    """What a network came to on validation, by the metric of this `title`."""

    title: str

    def __new__(cls, value: float, title: str) -> Self:
        found = super().__new__(cls, value)
        found.title = title
        return found

    def __reduce__(self) -> tuple[type[Validated], tuple[float, str]]:
        return Validated, (float(self), self.title)


@dataclass(frozen=True)
class Finished:
    key: Any
    value: Any


@dataclass(frozen=True)
class Failed:
    """A task that raised. `expected`: a person can put it right.

    cause : what it raised, if that is an error of ours.
    """

    key: Any
    error: str
    details: str
    expected: bool = False
    cause: ConvladderError | None = field(default=None, compare=False)

    def as_exception(self, kind: type[ConvladderError] = ConvladderError) -> Exception:
        """Return what is to be raised for it here.

        That is what it raised, RuntimeError for a defect, or else a `kind`.
        """
        if not self.expected:
            return RuntimeError(self.details)
        return self.cause.copied() if self.cause else kind(self.error)


@dataclass(frozen=True)
class Died(Failed):
    """A task whose process died, which may have been the machine's fault and not its own.

    `details` are the last lines that it wrote, and then the error.
    """


@dataclass(frozen=True)
class Halted:
    """A task that was asked to end before its time, and has saved what it was at."""

    key: Any


@dataclass(frozen=True)
class Stopping:
    """The process got a signal to end, and waits for its workers to save what they are at."""

    key: None = None


@dataclass(frozen=True)
class Overdue:
    """A task that had not saved what it was at in time, and is ended."""

    key: Any


@dataclass(frozen=True)
class Notice:
    """What a person should know, of no task. `warns`: it is not as it should be."""

    text: str
    key: None = None
    warns: bool = True


Event = Started | Message | Finished | Failed | Halted | Stopping | Overdue | Notice
OnEvent = Callable[[Event], None]
Events = queue.SimpleQueue[Event | BaseException | None]
