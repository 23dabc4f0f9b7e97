"""What a search may change: read from TOML, drawn by Optuna, and refused where it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from convladder.core.errors import SearchError
from convladder.core.experiment import Experiment, takes_fractions
from convladder.core.ladder import load_ladder
from convladder.tuning.space import Space
from convladder.tuning.space_file import load_space, parse_space, space_of

optuna.logging.set_verbosity(optuna.logging.ERROR)

WEIGHT_DECAY = {"low": 1e-4, "high": 1e-1, "log": True, "when": {"train.optimizer": "adamw"}}


def draw(space: Space, base: Experiment, count: int = 40) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [space.draw(study.ask(), base) for _ in range(count)]


RUNGS = [
    (name, rung.name)
    for name in ("classic", "modern", "notebook")
    for rung in load_ladder(name).rungs
    if rung.name != "sgd-nesterov"  # whose momentum Adam does not take
]


@pytest.mark.parametrize(("ladder", "rung"), RUNGS)
def test_the_built_in_space_may_be_searched_around_every_rung(ladder: str, rung: str) -> None:
    load_space().check(load_ladder(ladder).experiment(rung))


def test_the_built_in_space_surrounds_the_default_and_holds_nothing_that_cannot_be() -> None:
    space, default = load_space(), load_ladder("classic").experiment("augmentation")
    assert space.nearest(default).keys() == space.dimensions.keys()
    for settings in draw(space, default):
        assert default.replace(settings) != default


def test_values_are_of_the_kind_that_their_setting_takes() -> None:
    space = space_of(
        {
            "train.batch_size": {"low": 8, "high": 128, "log": True},
            "augmentation.rotation": {"low": 0, "high": 20},
            "model.filters": [[8, 16], [16, 32]],
            "augmentation.flip": [False, True],
        },
        "here",
    )
    drawn = draw(space, Experiment())
    assert all(isinstance(each["train.batch_size"], int) for each in drawn)
    assert any(each["augmentation.rotation"] % 1 for each in drawn)
    assert {tuple(each["model.filters"]) for each in drawn} == {(8, 16), (16, 32)}
    assert {each["augmentation.flip"] for each in drawn} == {False, True}


def test_a_number_that_is_drawn_has_three_digits_and_stays_within_its_range() -> None:
    space = space_of({"train.learning_rate": {"low": 0.00123456, "high": 0.00123999}}, "here")
    assert all(
        0.00123456 <= each["train.learning_rate"] <= 0.00123999
        for each in draw(space, Experiment())
    )
    wide = space_of({"train.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}, "here")
    assert all(
        f"{rate:.3g}" == f"{rate:g}" for each in draw(wide, Experiment()) for rate in each.values()
    )


def test_a_setting_is_searched_only_where_its_condition_holds() -> None:
    space = space_of(
        {"train.optimizer": ["adam", "adamw"], "train.weight_decay": WEIGHT_DECAY}, "here"
    )
    drawn = draw(space, Experiment())
    assert {("train.weight_decay" in each, each["train.optimizer"]) for each in drawn} == {
        (False, "adam"),
        (True, "adamw"),
    }


def test_a_setting_without_its_condition_is_as_in_a_plain_experiment() -> None:
    space = space_of(
        {"train.optimizer": ["adam", "adamw"], "train.weight_decay": WEIGHT_DECAY}, "here"
    )
    base = Experiment().replace({"train.optimizer": "adamw", "train.weight_decay": 0.01})
    for settings in draw(space, base):
        base.replace(settings)  # adam would refuse the weight decay of the base


def test_what_is_nearest_to_an_experiment() -> None:
    space = space_of(
        {
            "train.learning_rate": {"low": 0.01, "high": 0.1},
            "augmentation.mixup": [0, 0.2],
            "model.squeeze": ["none", 4],
            "model.filters": [[6, 16], [8, 16]],
            "model.pooling": ["max", "average"],
        },
        "here",
    )
    base = Experiment().replace({"model.pooling": "max", "model.filters": [1, 2]})
    assert space.nearest(base) == {
        "train.learning_rate": 0.01,
        "augmentation.mixup": "0",
        "model.squeeze": '"none"',
        "model.pooling": '"max"',
    }


@pytest.mark.parametrize(
    ("when", "filters", "searched"),
    [
        ({"model.filters": [8, 16]}, [8, 16], True),
        ({"model.filters": [8, 16]}, [6, 16], False),
        ({"model.filters": [[8, 16], [6, 16]]}, [6, 16], True),
        ({"model.residual": []}, [6, 16], True),
        ({"augmentation.mixup": 0}, [6, 16], True),
        ({"train.optimizer": ["adam", "adamw"]}, [6, 16], True),
    ],
)
def test_conditions_on_lists_and_numbers(
    when: dict[str, Any], filters: list[int], searched: bool
) -> None:
    space = space_of({"train.batch_size": {"low": 8, "high": 64, "when": when}}, "here")
    base = Experiment().replace({"model.filters": filters})
    assert any("train.batch_size" in each for each in draw(space, base, 3)) == searched


def test_keys_may_stand_without_quotes() -> None:
    space = parse_space(
        'train.optimizer = ["adam", "adamw"]\nmodel.padding = ["same", "valid"]', "here"
    )
    assert list(space.dimensions) == ["train.optimizer", "model.padding"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"train.lr" = [1, 2]', "did you mean 'train.learning_rate'"),
        (
            '"train.optimiser" = ["adam"]',
            "unknown setting 'train.optimiser': did you mean 'train.optimizer'",
        ),
        ('"train.optimizer" = ["adam"]', "train.optimizer: give two choices or more; got 1"),
        ('"train.learning_rate" = { low = 1e-3 }', "give a list of choices, or low and high"),
        (
            '"train.learning_rate" = { low = 1, high = 0.1 }',
            "low must be below high; got 1 and 0.1",
        ),
        (
            '"augmentation.shift" = { low = 0, high = 0.2, log = true }',
            "log needs a range whose low is above 0",
        ),
        (
            '"train.learning_rate" = { low = 1e-3, high = 1, step = 2 }',
            "train.learning_rate: unknown word 'step': choose from choices, low, high, log, when",
        ),
        (
            '"data.resize" = ["pad", "crop"]',
            "data.resize cannot be searched: a search cannot change the images",
        ),
        (
            '"train.epochs" = [10, 20]',
            "train.epochs cannot be searched: all candidates get the same number of epochs",
        ),
        ("seed = [1, 2]", "seed cannot be searched"),
        (
            '"train.warmup" = { low = 0, high = 0.2, when = { "train.shedule" = "cosine" } }',
            "train.warmup: when: unknown setting 'train.shedule': did you mean 'train.schedule'",
        ),
        (
            '"train.warmup" = { low = 0.0, high = 0.2, when = { "train.schedule" = "cosine" } }\n'
            '"train.schedule" = ["constant", "cosine"]',
            "train.warmup looks at train.schedule, which must be above it",
        ),
        (
            '"train.learning_rate" = { low = 1e-3, hihg = 1 }',
            "unknown word 'hihg': did you mean 'high'?",
        ),
        (
            '"train.learning_rate" = 0.01',
            "train.learning_rate: give a list of choices, or { low = ..., high = ... }",
        ),
        ("", "names no setting to search"),
        ("train", "is not valid TOML"),
    ],
)
def test_a_space_that_is_wrong_says_where_and_what_to_do(text: str, said: str) -> None:
    with pytest.raises(SearchError) as raised:
        parse_space(text, "mine.toml")
    assert str(raised.value).startswith("mine.toml")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"train.optimizer": ["adam", "adagrad"]}, "mine.toml: train.optimizer: unknown optimizer"),
        (
            {"train.momentum": [0.5, 0.9]},
            "train.momentum: train: momentum is for optimizer sgd",
        ),
        (
            {"train.warmup": {"low": 0.0, "high": 0.2, "when": {"train.schedule": "cosine"}}},
            'train.warmup is never searched, because when train.schedule = "cosine" never holds',
        ),
        (
            {"train.batch_size": {"low": 0, "high": 64}},
            "train.batch_size: Input should be greater than 0",
        ),
        (
            {"augmentation.shift": {"low": 0.0, "high": 1.5}},
            "augmentation.shift: Input should be less than 1",
        ),
    ],
)
def test_values_that_a_setting_cannot_take_are_found_before_anything_is_trained(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(SearchError, match=r"mine\.toml") as raised:
        space_of(values, "mine.toml").check(Experiment())
    assert said in str(raised.value)


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="--print-space"):
        load_space(tmp_path / "none.toml")


def test_which_settings_take_fractions() -> None:
    assert takes_fractions("train.learning_rate")
    assert takes_fractions("train.average_epochs")
    assert not takes_fractions("train.batch_size")
    assert not takes_fractions("seed")
