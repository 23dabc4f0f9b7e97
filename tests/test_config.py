from __future__ import annotations

import pytest

from convladder.config import Experiment, difference, flatten, parse_assignments
from convladder.errors import ExperimentError


def test_json_round_trip() -> None:
    experiment = Experiment().replace({"model.filters": [32, 64], "augmentation.zoom": 0.1, "seed": 7})
    assert Experiment.parse(experiment.to_json()) == experiment


def test_replace_leaves_the_original_alone() -> None:
    experiment = Experiment()
    assert experiment.replace({"train.epochs": 3}).train.epochs == 3
    assert experiment.train.epochs == 20


def test_an_experiment_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Experiment().train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("train.epoch", "did you mean 'train.epochs'"),
        ("model.learning_rate", "did you mean 'train.learning_rate'"),
        ("epochs", "did you mean 'train.epochs'"),
        ("train.lr", "did you mean 'train.learning_rate'"),
        ("sed", "did you mean 'seed'"),
        ("banana", "choose from data.source"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(key: str, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        Experiment().replace({key: 1})


def test_an_unknown_key_in_json_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ExperimentError, match="unknown setting 'epoch': did you mean 'epochs'"):
        Experiment.parse('{"train": {"epoch": 3}}')


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train.learning_rate", -1, "train.learning_rate.*greater than 0.*got -1"),
        ("model.padding", "full", "model.padding.*'valid' or 'same'.*got 'full'"),
        ("model.dropout_dense", [0.1, 0.1, 0.1], "3 dropout rates for 2 layers"),
        ("data.test", 0.9, "data.test.*less than 0.5"),
        ("model.filters", [], "model.filters"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(key: str, value: object, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        Experiment().replace({key: value})


def test_difference_names_what_differs() -> None:
    changed = Experiment().replace({"model.padding": "same", "seed": 2})
    assert difference(Experiment(), changed) == {"model.padding": ("valid", "same"), "seed": (0, 2)}


def test_none_clears_a_setting() -> None:
    experiment = Experiment().replace({"train.early_stopping": 3})
    assert experiment.replace({"train.early_stopping": "none"}).train.early_stopping is None


def test_assignments_read_numbers_lists_truth_and_words() -> None:
    assignments = ["a=3e-4", "b=[1, 2]", "c=true", "d=same", "e=a=b", "f = 7"]
    values = parse_assignments(assignments)
    assert values == {"a": 3e-4, "b": [1, 2], "c": True, "d": "same", "e": "a=b", "f": 7}


@pytest.mark.parametrize("text", ["train.epochs", "=3", ""])
def test_an_assignment_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match="--set takes KEY=VALUE"):
        parse_assignments([text])


def test_flatten_lists_every_setting_once() -> None:
    flat = flatten(Experiment())
    assert flat["train.batch_size"] == 32
    assert "seed" in flat
    assert "train" not in flat
