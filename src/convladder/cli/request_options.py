"""Options that are fields of a request, or say how a command runs: it gets them as two values."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from convladder.cli.arguments import ClassWeight, given_settings
from convladder.cli.data_options import parse_time
from convladder.cli.typer_options import keyword, set_signature, typed
from convladder.core.options import build, definitions

Command = Callable[..., None]


def parse_rungs(text: str) -> list[str]:
    """Return the names of rungs that commas part."""
    return [name.strip() for name in text.split(",") if name.strip()]


READERS: dict[str, Callable[[str], Any]] = {"rungs": parse_rungs, "seconds": parse_time}


def request_options(request: type, how: type, names: str) -> Callable[[Command], Command]:
    """Give a command these options, in the order in which `--help` lists them.

    Each is a field of the request or of how it runs, a parameter of the command itself, or
    `class_weight`. The command is called with a request and with how it runs; among the changes of
    the request are then all settings that are given in any way.
    """
    defined = definitions(request, how)

    def decorate(command: Command) -> Command:
        own = _parameters_of(command)
        parameters = [
            own.get(name)
            or (
                keyword(name, ClassWeight, None)
                if name == "class_weight"
                else keyword(name, typed(defined[name]), defined[name].default)
            )
            for name in names.split()
        ]

        @functools.wraps(command)
        def run(*, settings: dict[str, Any] | None = None, **values: Any) -> None:
            given = _read(settings or {}, values)
            rest = {name: values[name] for name in own if name in values}
            command(build(request, given), build(how, given), **rest)

        set_signature(run, parameters)
        return run

    return decorate


def _parameters_of(command: Command) -> dict[str, inspect.Parameter]:
    """Return the options that a command has of its own."""
    hints = get_type_hints(command, include_extras=True)
    return {
        name: parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _read(settings: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields by their names, of what a terminal gave. Raises ExperimentError."""
    texts = {name: values[name] for name in READERS if values.get(name) is not None}
    read = {name: READERS[name](text) for name, text in texts.items()}
    if "changes" not in values:
        return {**values, **read}
    changes = given_settings(settings, values["epochs"], values["class_weight"], values["changes"])
    return {**values, **read, "epochs": None, "changes": changes}
