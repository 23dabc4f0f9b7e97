"""Every public function, class and method says what it takes, what it returns, what it raises."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest
from sklearn.exceptions import NotFittedError

import convladder as cl
from convladder.core import errors
from convladder.core.ladder import Ladder, load_ladder
from numpydoc_sections import sections_of
from raised_errors import errors_of, function_of, is_ours

CLASSES = {name: getattr(cl, name) for name in cl.__all__ if inspect.isclass(getattr(cl, name))}
VERBS = {name: getattr(cl, name) for name in cl.__all__ if name not in CLASSES}


def _members() -> Iterator[tuple[str, Any, type]]:
    """Yield what the public classes have from convladder: methods and properties."""
    for name, kind in CLASSES.items():
        for each in dir(kind):
            home = next((base for base in kind.__mro__ if each in vars(base)), object)
            if not each.startswith("_") and is_ours(home):
                yield f"{name}.{each}", vars(home)[each], kind


METHODS = {
    name: (function_of(member), kind)
    for name, member, kind in _members()
    if isinstance(member, FunctionType | classmethod)
}
PROPERTIES = {
    name: function_of(member)
    for name, member, _ in _members()
    if isinstance(function_of(member), FunctionType) and name not in METHODS
}
ERRORS = vars(builtins) | vars(errors) | {"NotFittedError": NotFittedError}
NEVER = {  # a split that is always there, and an error that is returned
    "Dataset.plot_augmentation": {errors.DataError},
    "Dataset.plot_images": {errors.DataError},
    "Predictor.try_to_decode": {errors.UnreadableImage},
}
FUNCTIONS: dict[str, tuple[FunctionType, type | None]] = {
    **{name: (verb, None) for name, verb in VERBS.items()},
    **METHODS,
}


def test_what_is_public_is_found() -> None:
    assert {"load", "tune", "Run.predict", "Climb.headline", "Experiment.parse"} <= set(FUNCTIONS)
    assert {"Climb.best_run", "Run.metrics", "Tuning.climb"} <= set(PROPERTIES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_documented(name: str) -> None:
    function, owner = FUNCTIONS[name]
    taken = list(inspect.signature(function).parameters)[1 if owner else 0 :]
    assert sorted(sections_of(function).get("Parameters", {})) == sorted(taken)


@pytest.mark.parametrize("name", CLASSES)
def test_what_makes_an_object_is_documented(name: str) -> None:
    sections = sections_of(CLASSES[name])
    documented = sections.get("Parameters", {}) | sections.get("Attributes", {})
    assert _makers(CLASSES[name]) <= set(documented)


def _makers(kind: type) -> set[str]:
    """Return the parameters of a class but those settings that say by themselves what they are."""
    settings = getattr(kind, "model_fields", {})
    told = {name for name, setting in settings.items() if setting.description}
    return set() if issubclass(kind, Exception) else set(inspect.signature(kind).parameters) - told


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_returned_is_documented(name: str) -> None:
    function, _ = FUNCTIONS[name]
    returns = len(sections_of(function).get("Returns", {}))
    assert returns == (function.__annotations__["return"] != "None")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_raised_is_documented(name: str) -> None:
    function, owner = FUNCTIONS[name]
    named = [ERRORS[each] for each in sections_of(function).get("Raises", {})]
    found = errors_of(function, owner) - NEVER.get(name, frozenset())
    assert [each for each in found if not issubclass(each, tuple(named))] == []


def test_errors_are_found_in_what_is_called_unless_they_are_caught() -> None:
    assert errors_of(load_ladder) == {errors.LadderError}
    assert errors_of(_ladder_if_any) == set()
    assert errors_of(cl.Run.classification_report, cl.Run) == {errors.RunError}


def _ladder_if_any(name: str) -> Ladder | None:
    try:
        return load_ladder(name)
    except errors.ConvladderError:
        return None


@pytest.mark.parametrize("name", [*FUNCTIONS, *PROPERTIES, *CLASSES])
def test_errors_are_in_their_section(name: str) -> None:
    documented: Callable[..., Any] = (
        FUNCTIONS[name][0] if name in FUNCTIONS else (PROPERTIES | CLASSES)[name]
    )
    text = inspect.getdoc(documented)
    assert text, "no docstring"
    assert re.findall(r"\bRaises? [A-Z]\w+(?:Error|Image)", text) == []
