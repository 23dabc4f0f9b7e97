"""Where a search looks: for each setting that it may change, a range or some choices.

A space is written in TOML, the built-in one too (`convladder tune --print-space` prints it to start
from):

    "train.learning_rate" = { low = 1e-4, high = 1e-2, log = true } "train.optimizer" = ["adam",
    "adamw"] "train.weight_decay" = { low = 1e-4, high = 1e-1, log = true, when = {
    "train.optimizer" = "adamw" } }
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from convladder.core.errors import ExperimentError, SearchError
from convladder.core.experiment import Experiment, check_setting, flatten, takes_fractions
from convladder.core.formatting import unknown_name

if TYPE_CHECKING:
    import optuna

USUAL, TRANSFER = "usual", "transfer"  # the second is for what begins with a backbone
DRAWN_TO_CHECK = 200
DIGITS = 3  # of a number that is drawn: more would tell nobody anything

_SET_OTHERWISE = {
    "seed": "the winner is trained with several",
    "train.epochs": "all candidates get the same number of epochs (--epochs)",
    "train.deterministic": "it does not affect accuracy",
    "train.checkpoint_seconds": "it does not affect accuracy",
}


class Dimension(BaseModel):
    """The values of a setting: choices, or a range; `when` says on what other settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choices: tuple[Any, ...] | None = None
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
        if (self.choices is None) != ranged or (
            self.choices and (self.low is not None or self.high is not None)
        ):
            raise ValueError("give a list of choices, or low and high")
        if self.choices is not None and len(self.choices) < 2:
            raise ValueError(f"give two choices or more; got {len(self.choices)}")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low must be below high; got {self.low:g} and {self.high:g}")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("log needs a range whose low is above 0")
        return self

    def is_searched(self, values: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
        """Whether its conditions hold: by the values so far, or else by the settings."""
        here = {name: values.get(name, settings[name]) for name in self.when}
        return all(
            any(is_same(here[name], each) for each in _alternatives(name, self.when[name]))
            for name in here
        )

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
        """Raise SearchError where a setting cannot take its values, or is never searched."""
        drawn = self._drawn_at_random(base)
        for key, dimension in self.dimensions.items():
            refusals = [_refusal(base, key, value) for value in dimension.ends]
            # not for what else it stands beside
            alone = [each for each in refusals if each.startswith(f"{key}:")]
            if alone or (all(refusals) and not any(key in each for each in drawn)):
                said = (alone or refusals)[0].removeprefix(f"{key}: ")
                raise SearchError(f"{self.where}: {key}: {said}")
            if drawn and not any(key in each for each in drawn):
                raise SearchError(
                    f"{self.where}: {key} is never searched, because when "
                    f"{_written(dimension.when)} never holds"
                )
        if not drawn:
            raise SearchError(
                f"{self.where}: none of {DRAWN_TO_CHECK} candidates around this start can be "
                "trained"
            )

    def draw(self, trial: optuna.trial.BaseTrial, base: Experiment) -> dict[str, Any]:
        """Let a trial of Optuna's choose a value for each setting that is searched; return
        `{setting: value}`.

        A setting that is not searched for want of its condition is as in a plain experiment,
        whatever `base` has.
        """
        plain, settings = flatten(Experiment()), flatten(base)
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if not dimension.is_searched(values, settings):
                values |= {} if settings[key] == plain[key] else {key: plain[key]}
            elif dimension.choices is not None:
                names = {_name(choice): choice for choice in dimension.choices}
                values[key] = names[trial.suggest_categorical(key, list(names))]
            elif takes_fractions(key):
                values[key] = _rounded(
                    trial.suggest_float(key, *dimension.ends, log=dimension.log), dimension
                )
            else:
                low, high = map(int, dimension.ends)
                values[key] = trial.suggest_int(key, low, high, log=dimension.log)
        return values

    def nearest(self, experiment: Experiment) -> dict[str, Any]:
        """Return what a trial of Optuna's would choose near an experiment, as far as it can."""
        settings = flatten(experiment)
        place: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            value = settings[key]
            if dimension.choices is not None:
                found = [choice for choice in dimension.choices if is_same(choice, value)]
                place |= {key: _name(found[0])} if found else {}
            elif isinstance(value, int | float):
                place[key] = min(max(value, dimension.ends[0]), dimension.ends[1])
        return place

    def to_json(self) -> dict[str, Any]:
        return {
            key: dimension.model_dump(exclude_defaults=True)
            for key, dimension in self.dimensions.items()
        }

    def _drawn_at_random(self, base: Experiment) -> list[dict[str, Any]]:
        """Return the settings of such candidates as can be, of so many that are drawn at random."""
        import optuna  # here, where a search begins: it takes a second

        sampler, found = optuna.samplers.RandomSampler(seed=0), []
        with quiet():
            study = optuna.create_study(sampler=sampler)
        for _ in range(DRAWN_TO_CHECK):
            settings = self.draw(study.ask(), base)
            with contextlib.suppress(ExperimentError):
                base.replace(settings)
                found.append(settings)
        return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let Optuna tell of errors alone meanwhile."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


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


def _alternatives(key: str, wanted: Any) -> list[Any]:
    """Return the values for which a condition holds: for a list setting, lists in a list."""
    if not isinstance(wanted, list):
        return [wanted]
    is_a_list = isinstance(flatten(Experiment())[key], tuple)
    return [wanted] if is_a_list and not any(isinstance(each, list) for each in wanted) else wanted


def is_same(one: Any, other: Any) -> bool:
    """Whether two values of a setting are the same, however written: 0 and 0.0, lists, none."""
    one, other = (None if value == "none" else value for value in (one, other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _written(conditions: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in conditions.items())


def _refusal(base: Experiment, key: str, value: Any) -> str:
    """Return why a setting of `base` cannot take a value; empty where it can."""
    try:
        base.replace({key: _fitting(key, value)})
    except ExperimentError as error:
        return str(error)
    return ""


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
