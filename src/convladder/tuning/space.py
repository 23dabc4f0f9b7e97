"""Where a search looks: for each setting that it may change, a range or some choices."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from convladder.core.errors import ExperimentError, SearchError
from convladder.core.experiment import Experiment, flatten, takes_fractions

if TYPE_CHECKING:
    import optuna

DRAWN_TO_CHECK = 200
DIGITS = 3  # of a number that is drawn: more would tell nobody anything


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
        """Let Optuna's trial choose each searched setting's value; return `{setting: value}`.

        A setting that is not searched because its condition is not met is as in a plain experiment,
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
