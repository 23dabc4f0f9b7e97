"""Options as typer takes them, made of what core/options.py says of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING
from typing import Annotated, Any

import typer

from convladder.core.options import Definition, definitions


def described(value: type, name: str) -> Any:
    """Return what typer is to know of one of a dataclass's options: its flags, what help says."""
    return _info(definitions(value)[name])


def typed(definition: Definition) -> Any:
    """Return the annotation of a parameter: its type, and what typer is to know of it."""
    kind, default = definition.option.kind, definition.default
    return Annotated[kind | None if default is None else kind, _info(definition)]


def keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """Return a parameter of a command; one whose default is MISSING must be given."""
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=annotation,
    )


def set_signature(run: Callable[..., None], parameters: Sequence[inspect.Parameter]) -> None:
    """Let a command take these parameters, whatever it is written with."""
    vars(run)["__signature__"] = inspect.Signature(list(parameters))
    run.__annotations__ = {each.name: each.annotation for each in parameters}


def _info(definition: Definition) -> Any:
    option = definition.option
    if definition.default is MISSING:
        return typer.Argument(metavar=option.metavar, help=option.help)
    return typer.Option(
        *definition.flags,
        metavar=option.metavar,
        help=option.help,
        min=option.least,
        envvar=option.variable,
    )
