"""What a verb takes is said once: its signature, its docstring and its command all say that."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

import pytest
from typer.main import get_command

import convladder as cl
from convladder.cli.main import app
from convladder.core.options import build, definitions
from convladder.experiments.request import (
    ClimbRequest,
    ReproduceRequest,
    Request,
    TrainRequest,
)
from convladder.experiments.run_options import ReproduceOptions, RunOptions
from convladder.tuning.request import TuneOptions, TuneRequest
from numpydoc_sections import sections_of

VERBS: dict[str, tuple[Callable[..., Any], type, type]] = {
    "train": (cl.train, TrainRequest, RunOptions),
    "join": (cl.join, TrainRequest, RunOptions),
    "climb": (cl.climb, ClimbRequest, RunOptions),
    "tune": (cl.tune, TuneRequest, TuneOptions),
    "reproduce": (cl.reproduce, ReproduceRequest, ReproduceOptions),
    "load": (cl.load, Request, RunOptions),
}
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
DEFINED_AS = {"source": "data"}
REFERENCE = re.compile(r"[Aa]s `(\w+)` takes")


@pytest.mark.parametrize("name", ["train", "join", "climb", "tune", "reproduce"])
def test_a_signature_is_that_of_the_definitions(name: str) -> None:
    verb, request, how = VERBS[name]
    parameters = inspect.signature(verb).parameters
    assert {each.name for each in fields(request)} <= set(parameters)
    defaults = {each.name: each.default for value in (request, how) for each in fields(value)}
    for each in parameters.values():
        if each.default is not inspect.Parameter.empty:
            assert each.default == defaults[each.name], each
        else:
            assert each.name in ("data", "parallel", "run")


@pytest.mark.parametrize("name", VERBS)
def test_a_docstring_says_what_help_says(name: str) -> None:
    verb, *values = VERBS[name]
    defined, entries = definitions(*values), sections_of(verb)["Parameters"]
    assert set(entries) == set(inspect.signature(verb).parameters)
    for parameter, text in entries.items():
        key = DEFINED_AS.get(parameter, parameter)
        if key not in defined:
            continue
        option, elsewhere = defined[key].option, REFERENCE.search(text)
        if elsewhere:
            assert definitions(*VERBS[elsewhere[1]][1:])[key].option == option
        else:
            said = option.text + (f"; None takes {option.unset}" if option.unset else "")
            assert text.startswith(re.sub(r"--(\w+)", r"`\1`", said)), parameter


@pytest.mark.parametrize("name", ["train", "climb", "tune", "reproduce"])
def test_a_command_takes_what_its_verb_takes(name: str) -> None:
    verb, request, how = VERBS[name]
    taken = set(inspect.signature(verb).parameters) - {"parallel"}
    options = {parameter.name for parameter in COMMANDS[name].params}
    assert taken <= options
    own = {each.name for value in (request, how) for each in fields(value)}
    assert options & own <= taken


def test_help_is_of_the_definitions() -> None:
    for name in ("train", "climb", "tune", "reproduce"):
        defined = definitions(*VERBS[name][1:])
        for parameter in COMMANDS[name].params:
            if parameter.name in defined:
                assert parameter.help == defined[parameter.name].option.help


def test_values_are_built_of_what_is_given() -> None:
    given = {"data": "digits", "seed": 3, "devices": 1, "quiet": True, "other": 1}
    assert build(TrainRequest, given) == TrainRequest(data="digits", seed=3)
    assert build(RunOptions, given) == RunOptions(quiet=True)
    assert definitions(TrainRequest)["data"].default is MISSING


def test_a_request_refuses_changes_that_are_arguments() -> None:
    request = ClimbRequest(data="digits", changes={"data.limit": 9}, epochs=2, folds=3)
    assert request.given == {"data.limit": 9, "train.epochs": 2, "data.folds": 3}
    with pytest.raises(cl.ConvladderError, match=r"changes cannot set data\.source"):
        _ = TrainRequest(data="digits", changes={"data.source": "mnist"}).given
