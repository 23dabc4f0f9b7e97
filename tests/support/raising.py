"""Tasks that raise, for workers that should not have to import more."""

from __future__ import annotations

import inspect
from typing import Any

from convladder.core.errors import ConvladderError, DataError


class KeptApart(DataError):
    """An error whose constructor takes what it does not hand on."""

    def __init__(self, path: str, *, row: int) -> None:
        super().__init__(f"row {row} of {path} cannot be read")
        self.path, self.row = path, row


class Unportable(DataError):
    """An error that holds what cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("it holds a generator")
        self.held = (number for number in range(3))


def example(kind: type[ConvladderError]) -> ConvladderError:
    """Make an error of a class."""
    return KeptApart("table.csv", row=3) if kind is KeptApart else _made(kind)


def raise_it(kind: type[ConvladderError], emit: Any) -> None:
    del emit
    raise example(kind)


def raise_unportable(emit: Any) -> None:
    del emit
    raise Unportable


def return_unportable(emit: Any) -> Any:
    del emit
    return (number for number in range(3))


def divide(emit: Any) -> float:
    del emit
    return 1 / 0


def _made(kind: type[ConvladderError]) -> ConvladderError:
    """Make an error of a class, with a word for each argument that its constructor must have."""
    if kind.__init__ is Exception.__init__:
        return kind("what was expected, and what to do")
    parameters = list(inspect.signature(kind).parameters.values())
    words = {each.name: f"the {each.name}" for each in parameters if each.default is each.empty}
    positional = [
        words.pop(each.name) for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    return kind(*positional, **words)
