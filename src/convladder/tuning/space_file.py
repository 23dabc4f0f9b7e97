"""Read a search space from TOML, the built-in ones too, or from a mapping.

`convladder tune --print-space` prints the built-in one to start from:

    "train.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
    "train.optimizer" = ["adam", "adamw"]
    "train.weight_decay" = { low = 1e-4, high = 1e-1, log = true,
                             when = { "train.optimizer" = "adamw" } }
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from convladder.core.errors import ExperimentError, SearchError
from convladder.core.experiment import Experiment, check_setting, flatten
from convladder.core.formatting import unknown_name
from convladder.tuning.space import Dimension, Space

USUAL, TRANSFER = "usual", "transfer"  # the second is for what begins with a backbone

_SET_OTHERWISE = {
    "metric": "all candidates are judged by one (--metric)",
    "seed": "the winner is trained with several",
    "train.epochs": "all candidates get the same number of epochs (--epochs)",
    "train.deterministic": "it does not affect accuracy",
    "train.checkpoint_seconds": "it does not affect accuracy",
}


def load_space(name: str | Path | None = None, built_in: str = USUAL) -> Space:
    """Load a space from a TOML file; None loads the built-in one. Raises SearchError."""
    if name is None:
        return parse_space(built_in_text(built_in), built_in)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SearchError(
            f"cannot read the space {name} ({reason}): convladder tune --print-space prints one "
            "to start from"
        ) from None
    return parse_space(text, str(name))


def built_in_text(name: str = USUAL) -> str:
    """Return the TOML of a built-in space."""
    return (resources.files("convladder.tuning") / "spaces" / f"{name}.toml").read_text(
        encoding="utf-8"
    )


def parse_space(text: str, where: str) -> Space:
    """Make a space of TOML text; `where` names it in errors. Raises SearchError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SearchError(f"{where} is not valid TOML: {error}") from None
    return space_of(values, where)


def space_of(values: Mapping[str, Any], where: str) -> Space:
    """Make a space of `{setting: choices or range}`. Raises SearchError."""
    known = list(flatten(Experiment()))
    dimensions: dict[str, Dimension] = {}
    for key, given in _flattened(values, known):
        _check_name(key, where)
        reason = (
            "a search cannot change the images"
            if key.startswith("data.")
            else _SET_OTHERWISE.get(key)
        )
        if reason:
            raise SearchError(f"{where}: {key} cannot be searched: {reason}")
        try:
            dimensions[key] = Dimension.model_validate(given)
        except ValidationError as error:
            raise SearchError(f"{where}: {key}: {_problem(error, given)}") from None
        for name in dimensions[key].when:
            _check_name(name, f"{where}: {key}: when")
    if not dimensions:
        raise SearchError(f"{where} names no setting to search")
    for name in {name for dimension in dimensions.values() for name in dimension.when}:
        _check_order(name, dimensions, where)
    return Space(where, dimensions)


def _problem(error: ValidationError, given: Any) -> str:
    """Say what is wrong with the line of a setting."""
    if not isinstance(given, Mapping | list):
        return (
            f"give a list of choices, or {{ low = ..., high = ... }}; got "
            f"{json.dumps(given, default=str)}"
        )
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return unknown_name(place, Dimension.model_fields, "word")
    said = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def _flattened(
    values: Mapping[str, Any], known: list[str], above: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield dotted keys with what is given for them; without quotes they are tables in tables."""
    groups = {name.partition(".")[0] for name in known if "." in name}
    for name, given in values.items():
        if not above and name in groups and isinstance(given, Mapping):
            yield from _flattened(given, known, f"{name}.")
        else:
            yield f"{above}{name}", given


def _check_name(key: str, where: str) -> None:
    try:
        check_setting(key)
    except ExperimentError as error:
        raise SearchError(f"{where}: {error}") from None


def _check_order(name: str, dimensions: Mapping[str, Dimension], where: str) -> None:
    """Raise SearchError where a line looks at its own setting, or one further down."""
    keys = list(dimensions)
    for key, dimension in dimensions.items():
        if name in dimension.when and name in keys and keys.index(name) >= keys.index(key):
            raise SearchError(f"{where}: {key} looks at {name}, which must be above it")
