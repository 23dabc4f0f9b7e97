from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

import convladder as cl
from convladder.core.errors import ExperimentError
from convladder.core.experiment import (
    LARGEST_SEED,
    Experiment,
    difference,
    flatten,
    parse_assignments,
)
from convladder.core.settings.base import Settings
from convladder.training import augmentation
from convladder.training.batches import epoch_order


def test_json_round_trip() -> None:
    experiment = Experiment().replace(
        {"model.filters": [32, 64], "augmentation.zoom": 0.1, "seed": 7}
    )
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
        ("seed", 2**32, r"seed: .*less than or equal to 4294967295 \(got 4294967296\)"),
        ("train.epochs", 10**20, r"train.epochs: .*less than or equal to 2147483647"),
        ("model.residual", [-1, 1], "model.residual.*greater than or equal to 0.*got -1"),
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
    with pytest.raises(ExperimentError, match="--set needs KEY=VALUE"):
        parse_assignments([text])


def test_flatten_lists_every_setting_once() -> None:
    flat = flatten(Experiment())
    assert flat["train.batch_size"] == 32
    assert "seed" in flat
    assert "train" not in flat


def integers(settings: type[Settings], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the schema of every setting that is a whole number, or a list of
    them.
    """
    for name, schema in settings.model_json_schema(mode="validation")["properties"].items():
        field = settings.model_fields[name].annotation
        if isinstance(field, type) and issubclass(field, Settings):
            yield from integers(field, f"{prefix}{name}.")
        for each in schema.get("anyOf", [schema]):
            for one in (each, each.get("items", {}), *each.get("prefixItems", [])):
                if one.get("type") == "integer" and "enum" not in one:
                    yield f"{prefix}{name}", one


def test_every_whole_number_has_a_largest_one() -> None:
    found = dict(integers(Experiment))
    assert {
        "seed",
        "data.split_seed",
        "data.image_size",
        "model.filters",
        "train.epochs",
    } <= found.keys()
    for key, schema in found.items():
        least, most = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
        most = schema.get("exclusiveMaximum") if most is None else most
        assert least is not None, key
        assert most is not None, key
        assert 0 <= least < most < 2**63, key


def test_the_largest_seed_can_be_trained_with() -> None:
    largest = Experiment().replace({"seed": LARGEST_SEED, "augmentation.flip": True})
    keras.utils.set_random_seed(largest.seed)
    (layer,) = augmentation.build(largest.augmentation, largest.seed)
    assert layer(np.zeros((2, 4, 4, 1), np.float32), training=True).shape == (2, 4, 4, 1)
    assert sorted(epoch_order(largest.seed, 0, 3)) == [0, 1, 2]


@pytest.mark.parametrize("run", [cl.train, cl.climb, cl.tune])
def test_a_seed_that_is_too_large_is_said_before_images_are_read(run: Callable[..., Any]) -> None:
    with pytest.raises(ExperimentError, match="4294967295"):
        run("no such folder", seed=2**32, quiet=True)
    with pytest.raises(ExperimentError, match=r"seed.*(equal to|from) 0.*got -1"):
        run("no such folder", seed=-1, quiet=True)
    if run is not cl.train:
        with pytest.raises(ExperimentError, match=r"(3|4) from 4294967294 on"):
            run("no such folder", seed=2**32 - 2, seeds=3, quiet=True)
