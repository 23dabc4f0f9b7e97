"""The experiment: one frozen value that says everything a trial depends on.

>>> experiment = Experiment().replace({"train.epochs": 5, "model.pooling": "max"})
>>> experiment.train.epochs
5
>>> difference(Experiment(), experiment)
{'model.pooling': ('average', 'max'), 'train.epochs': (20, 5)}
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self, get_args

from pydantic import AfterValidator, Field, ValidationError, model_validator

from convladder.core.errors import ExperimentError
from convladder.core.formatting import unknown_name
from convladder.core.metrics import Metric, find_metric, metric_named
from convladder.core.settings.augmentation import Augmentation
from convladder.core.settings.base import Settings
from convladder.core.settings.data import Data
from convladder.core.settings.model import Model
from convladder.core.settings.train import Train

LARGEST_SEED = 2**32 - 1  # that NumPy and Keras take


def _known_metric(name: str) -> str:
    try:
        return metric_named(name).name
    except ExperimentError as error:
        raise ValueError(str(error)) from None


class Experiment(Settings):
    """Everything that a trial depends on: data, model, augmentation, training and seed.

    docs/settings.md describes every setting.

    Attributes
    ----------
    data, model, augmentation, train
        The groups of settings.
    metric
        What networks are judged by, such as `macro-f1` or `recall@cat`.
    seed
        Seed for initial weights, order, augmentation and dropout.
    """

    data: Data = Data()
    model: Model = Model()
    augmentation: Augmentation = Augmentation()
    train: Train = Train()
    metric: Annotated[str, AfterValidator(_known_metric)] = Field(
        "accuracy",
        description=(
            "what networks are judged by: on test, and on validation if epochs or settings are "
            "chosen"
        ),
    )
    seed: int = Field(
        0,
        ge=0,
        le=LARGEST_SEED,
        description="seed for initial weights, order, augmentation and dropout",
    )

    @model_validator(mode="after")
    def _check_backbone(self) -> Self:
        if self.train.frozen_share and not self.model.pretrained:
            raise ValueError(
                "train.frozen_share freezes trained weights: it needs model.pretrained = true"
            )
        if self.model.weights and not self.model.backbone:
            raise ValueError("model.weights is for a backbone: name its network too (--pretrained)")
        return self

    @property
    def judged_by(self) -> Metric:
        """The metric that networks are judged by."""
        found = find_metric(self.metric)
        assert found is not None  # it was checked
        return found

    @classmethod
    def parse(cls, values: Mapping[str, Any] | str) -> Self:
        """Make an experiment of nested values or of JSON text.

        Parameters
        ----------
        values
            Groups of settings by name, or JSON text of these; what is missing has its default.

        Returns
        -------
        Experiment
            The experiment, checked.

        Raises
        ------
        ExperimentError
            A key is unknown or a value is out of its range.
        """
        try:
            return cls.model_validate(
                json.loads(values) if isinstance(values, str) else dict(values)
            )
        except json.JSONDecodeError as error:
            raise ExperimentError(f"not valid JSON: {error}") from None
        except ValidationError as error:
            raise ExperimentError("; ".join(map(_explain, error.errors()))) from None

    def replace(self, changes: Mapping[str, Any]) -> Self:
        """Return the experiment with some settings changed.

        Parameters
        ----------
        changes
            New values under their dotted keys; the text `none` clears a setting that may be empty.

        Returns
        -------
        Experiment
            The experiment, checked.

        Raises
        ------
        ExperimentError
            A key is unknown or a value is out of its range.
        """
        values = self.model_dump()
        for key, value in changes.items():
            _set(values, key, None if value == "none" else value)
        return self.parse(values)

    def to_json(self) -> str:
        # unlike pydantic's, this bears names that are not UTF-8
        """Return the experiment as JSON text.

        Returns
        -------
        str
            All settings, which `parse` reads.
        """
        return json.dumps(self.model_dump(), indent=2)


def flatten(experiment: Experiment) -> dict[str, Any]:
    """Return the settings under their dotted keys, in the order of their definition."""
    flat: dict[str, Any] = {}
    for name, value in experiment:
        if isinstance(value, Settings):
            flat |= {f"{name}.{key}": item for key, item in value}
        else:
            flat[name] = value
    return flat


def difference(left: Experiment, right: Experiment) -> dict[str, tuple[Any, Any]]:
    """Return `{dotted key: (left value, right value)}` for the settings that differ."""
    others = flatten(right)
    return {
        key: (value, others[key]) for key, value in flatten(left).items() if value != others[key]
    }


def takes_fractions(key: str) -> bool:
    """Whether the setting under a dotted key may be a number that is not whole."""
    group, _, name = key.rpartition(".")
    settings = Experiment.model_fields[group].annotation if group else Experiment
    annotation = settings.model_fields[name].annotation  # type: ignore[union-attr]
    return float in (annotation, *get_args(annotation))


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read `key=value` texts; a value is TOML if it can be (`3e-4`, `true`, `[32, 64]`), else text.

    >>> parse_assignments(["train.learning_rate=3e-4", "model.padding=same"])
    {'train.learning_rate': 0.0003, 'model.padding': 'same'}
    """
    changes = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ExperimentError(
                f"--set needs KEY=VALUE, such as train.learning_rate=3e-4; got {assignment!r}"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        changes[key.strip()] = value
    return changes


def check_setting(key: str) -> None:
    """Raise ExperimentError where a dotted key is no setting, with the one that may be meant."""
    every = list(flatten(Experiment()))
    if key not in every:
        matching = [name for name in every if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
        if len(matching) == 1:
            raise ExperimentError(f"unknown setting {key!r}: did you mean {matching[0]!r}?")
        short = [name for name in every if _initials(name) == key.rsplit(".", 1)[-1]]
        if len(short) == 1:  # lr for learning_rate
            raise ExperimentError(f"unknown setting {key!r}: did you mean {short[0]!r}?")
        raise ExperimentError(unknown_name(key, every, "setting"))


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    check_setting(key)
    *groups, last = key.split(".")
    for group in groups:
        values = values[group]
    values[last] = value


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.rsplit(".", 1)[-1].split("_"))


def _explain(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "tuple_type":
        message = "expected a list, such as [32, 64]"
    if error["type"] == "too_short":
        message = f"expected {error['ctx']['min_length']} or more"
    got = "" if error["type"] in ("value_error", "json_invalid") else f" (got {error['input']!r})"
    return f"{where}: {message}{got}" if where else f"{message}{got}"
