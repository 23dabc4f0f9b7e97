from __future__ import annotations

from pathlib import Path

import pytest

from convladder.core import defaults
from convladder.core.errors import LadderError
from convladder.core.ladder import BUILT_IN, built_in_text, load_ladder, parse_ladder

MINE = """
name = "mine"
title = "What I want to know"

[base]
"train.epochs" = 3

[[rung]]
name = "start"

[[rung]]
name = "wider"
why = "more filters see more"
change = { "model.filters" = [32, 64] }

[[rung]]
name = "slower"
parent = "start"
change = { "train.learning_rate" = 3e-4 }
"""


def test_a_rung_adds_its_change_to_its_parents() -> None:
    ladder = parse_ladder(MINE, "mine.toml")
    assert [rung.parent for rung in ladder.rungs] == [None, "start", "start"]
    wider, slower = ladder.experiment("wider"), ladder.experiment("slower")
    assert wider.model.filters == (32, 64)
    assert slower.model.filters == (6, 16)
    assert slower.train.learning_rate == 3e-4
    assert wider.train.epochs == slower.train.epochs == 3


def test_changes_apply_to_the_start_and_stay_under_the_rungs() -> None:
    ladder = parse_ladder(MINE, "mine.toml")
    experiment = ladder.experiment("slower", {"train.learning_rate": 0.1, "train.epochs": 7})
    assert experiment.train.epochs == 7
    assert experiment.train.learning_rate == 3e-4


def test_a_part_stands_on_the_nearest_ancestor() -> None:
    part = load_ladder("classic").part(["lenet5", "same-padding", "batch-norm"])
    assert [(rung.name, rung.parent) for rung in part.rungs] == [
        ("lenet5", None),
        ("same-padding", "lenet5"),
        ("batch-norm", "same-padding"),
    ]
    assert part.rung("same-padding").change == {"model.pooling": "max", "model.padding": "same"}
    for rung in part.rungs:
        assert part.experiment(rung.name) == load_ladder("classic").experiment(rung.name)


def test_a_part_may_begin_above_the_start() -> None:
    part = load_ladder("classic").part(["batch-norm"])
    assert part.experiment("batch-norm") == load_ladder("classic").experiment("batch-norm")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_ladder_is_a_file_like_ones_own(name: str, tmp_path: Path) -> None:
    (tmp_path / "copy.toml").write_text(built_in_text(name), encoding="utf-8")
    assert load_ladder(str(tmp_path / "copy.toml")) == load_ladder(name)


def test_what_is_saved_with_a_climb_is_the_ladder() -> None:
    from convladder.core.ladder import ladder_of

    for name, rungs in (
        ("classic", ["max-pooling", "batch-norm"]),
        ("notebook", ["same-padding", "more-filters"]),
    ):
        part = load_ladder(name).part(rungs)
        assert ladder_of(part.to_json(), "ladder.json") == part


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "model.filters",
            "model.filtres",
            r"rung 'wider': unknown setting 'model.filtres': did you mean 'model.filters'",
        ),
        ("[32, 64]", '"many"', r"rung 'wider': model.filters"),
        ('parent = "start"', 'parent = "strat"', "unknown parent 'strat': did you mean 'start'"),
        ('name = "slower"', 'name = "wider"', "two rungs are named 'wider'"),
        ("why = ", "because = ", r"rung 'wider'.because: unknown key 'because'"),
        ("[[rung]]", "[[rungs]]", "unknown key 'rungs': did you mean 'rung'"),
        (
            "[32, 64]",
            "[6, 16]",
            "rung 'wider' changes model.filters, but 'start' has the same values",
        ),
        ('name = "mine"', "", "name: Field required"),
        ('name = "mine"', "name = ", "not valid TOML"),
        ('name = "wider"', 'name = "../up"', "rung '../up'.name"),
    ],
)
def test_a_wrong_file_says_where_and_what(before: str, after: str, said: str) -> None:
    assert before in MINE
    with pytest.raises(LadderError, match=said):
        parse_ladder(MINE.replace(before, after), "mine.toml")


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="unknown ladder 'clasic': did you mean 'classic'"):
        load_ladder("clasic")
    with pytest.raises(LadderError, match="unknown rung 'batchnorm': did you mean 'batch-norm'"):
        load_ladder("classic").rung("batchnorm")
    with pytest.raises(LadderError, match=r"cannot read the ladder .*missing\.toml"):
        load_ladder(str(tmp_path / "missing.toml"))


def test_a_change_that_a_rung_makes_already_is_refused() -> None:
    with pytest.raises(
        LadderError,
        match=r"rung 'max-pooling' changes model.pooling, but 'lenet5' has the same values",
    ):
        load_ladder("classic").check({"model.pooling": "max"})


def test_batch_norm_follows_quickly_in_classic_and_as_keras_does_in_notebook() -> None:
    momenta = [
        load_ladder(name).experiment("batch-norm").model.batch_norm_momentum
        for name in ("classic", "notebook")
    ]
    assert momenta == [0.9, 0.99]


def test_the_ladders_that_are_taken_unasked_are_there() -> None:
    assert {defaults.ladder(pretrained=each) for each in (False, True)} <= set(BUILT_IN)
