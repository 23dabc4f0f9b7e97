"""Where a search looks: for each setting that it may change, a range or some choices.

A space is written in TOML, the built-in one too (`convladder tune --print-space` prints it to start from):

    "train.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
    "train.optimizer" = ["adam", "adamw"]
    "train.weight_decay" = { low = 1e-4, high = 1e-1, log = true, when = { "train.optimizer" = "adamw" } }
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from convladder.config import Experiment, check_setting, flatten, takes_fractions
from convladder.errors import ExperimentError, SearchError

if TYPE_CHECKING:
    import optuna

USUAL = "usual"
DIGITS = 3  # of a number that is drawn: more would tell nobody anything

_SET_OTHERWISE = {
    "seed": "the winner is tried with several",
    "train.epochs": "all candidates are trained as long (--epochs)",
    "train.deterministic": "it is no matter of accuracy",
    "train.checkpoint_seconds": "it is no matter of accuracy",
}


class Dimension(BaseModel):
    """The values that a setting may take: choices, or a range; `when` says what other settings must be for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choices: tuple[Any, ...] | None = Field(None, min_length=2)
    low: float | None = None
    high: float | None = None
    log: bool = False
    when: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _take_a_list(cls, given: Any) -> Any:
        return {"choices": given} if isinstance(given, list) else given

    @model_validator(mode="after")
    def _check(self) -> Self:
        ranged = self.low is not None and self.high is not None
        if (self.choices is None) != ranged or (self.choices and (self.low is not None or self.high is not None)):
            raise ValueError("give a list of choices, or low and high")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low must be below high; got {self.low:g} and {self.high:g}")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("log needs a range whose low is above 0")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Its choices, or both ends of its range."""
        return self.choices or (self.low, self.high)


@dataclass(frozen=True)
class Space:
    """Settings and their dimensions, in an order in which each looks at earlier ones alone.

    where : the file, or the name of a built-in space.
    """

    where: str
    dimensions: Mapping[str, Dimension]

    def check(self, base: Experiment) -> None:
        """Raise SearchError where a setting cannot take one of its values, all others being as in `base`."""
        for key, dimension in self.dimensions.items():
            for value in dimension.ends:
                try:
                    base.replace(_first_of_each(dimension.when) | {key: _fitting(key, value)})
                except ExperimentError as error:
                    raise SearchError(f"{self.where}: {key}: {error}") from None

    def draw(self, trial: optuna.trial.Trial, base: Experiment) -> dict[str, Any]:
        """Let a trial of Optuna's choose a value for each setting that is searched; return `{setting: value}`.

        A setting that is not searched for want of its condition is as in a plain experiment, whatever `base` has.
        """
        plain, settings = flatten(Experiment()), flatten(base)
        values: dict[str, Any] = {}
        for key, dimension, active in self._in_turn(values, settings):
            if not active:
                values |= {} if settings[key] == plain[key] else {key: plain[key]}
            elif dimension.choices is not None:
                names = {_name(choice): choice for choice in dimension.choices}
                values[key] = names[trial.suggest_categorical(key, list(names))]
            elif takes_fractions(key):
                values[key] = _rounded(trial.suggest_float(key, *dimension.ends, log=dimension.log), dimension)
            else:
                low, high = map(int, dimension.ends)
                values[key] = trial.suggest_int(key, low, high, log=dimension.log)
        return values

    def locate(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return what Optuna's trial would choose for it to be this experiment; None where that is outside."""
        plain, settings = flatten(Experiment()), flatten(experiment)
        place: dict[str, Any] = {}
        for key, dimension, active in self._in_turn(settings, settings):
            value = settings[key]
            if not active:
                inside = value == plain[key]
            elif dimension.choices is not None:
                place[key] = _name(value)
                inside = place[key] in map(_name, dimension.choices)
            else:
                place[key] = value
                inside = value is not None and dimension.ends[0] <= value <= dimension.ends[1]
            if not inside:
                return None
        return place

    def to_json(self) -> dict[str, Any]:
        return {key: dimension.model_dump(exclude_defaults=True) for key, dimension in self.dimensions.items()}

    def _in_turn(
        self, values: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Iterator[tuple[str, Dimension, bool]]:
        """Yield each dimension, and whether its conditions hold: by the values so far, or else by the settings."""
        for key, dimension in self.dimensions.items():
            here = {name: _name(values.get(name, settings[name])) for name in dimension.when}
            yield key, dimension, all(here[name] in map(_name, _listed(dimension.when[name])) for name in here)


def load_space(name: str | Path | None = None) -> Space:
    """Load a space from the path of its TOML file; None loads the built-in one. Raises SearchError."""
    if name is None:
        return parse_space(built_in_text(), USUAL)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SearchError(
            f"cannot read the space {name}: {error} (convladder tune --print-space prints one to start from)"
        ) from None
    return parse_space(text, str(name))


def built_in_text() -> str:
    """Return the TOML of the built-in space."""
    return (resources.files("convladder") / "spaces" / f"{USUAL}.toml").read_text(encoding="utf-8")


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
        reason = "images stay as they are" if key.startswith("data.") else _SET_OTHERWISE.get(key)
        if reason:
            raise SearchError(f"{where}: {key} cannot be searched: {reason}")
        try:
            dimensions[key] = Dimension.model_validate(given)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, (key, *problem["loc"])))
            raise SearchError(f"{where}: {place}: {problem['msg'].removeprefix('Value error, ')}") from None
        for name in dimensions[key].when:
            _check_name(name, f"{where}: {key}: when")
    if not dimensions:
        raise SearchError(f"{where} names no setting to search")
    for name in {name for dimension in dimensions.values() for name in dimension.when}:
        _check_order(name, dimensions, where)
    return Space(where, dimensions)


def _flattened(values: Mapping[str, Any], known: list[str], above: str = "") -> Iterator[tuple[str, Any]]:
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
    """Raise SearchError where a line looks at a setting that is searched by itself or further down."""
    keys = list(dimensions)
    for key, dimension in dimensions.items():
        if name in dimension.when and name in keys and keys.index(name) >= keys.index(key):
            raise SearchError(f"{where}: {key} looks at {name}, which must stand above it")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _first_of_each(conditions: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _listed(value)[0] for key, value in conditions.items()}


def _fitting(key: str, value: Any) -> Any:
    """Return an end of a range as the setting takes it: whole numbers are read as floats."""
    whole = isinstance(value, float) and value.is_integer() and not takes_fractions(key)
    return int(value) if whole else value


def _rounded(value: float, dimension: Dimension) -> float:
    low, high = dimension.ends
    return float(min(max(float(f"{value:.{DIGITS}g}"), low), high))


def _name(value: Any) -> str:
    """Return a value as Optuna keeps it: it knows no lists."""
    return json.dumps(value)
