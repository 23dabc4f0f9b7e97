"""Where a network errs, on tables small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from convladder.evaluation import mistakes, predictions


@pytest.fixture
def table() -> pd.DataFrame:
    """Six images of `a` (one right), three of `b` (two right)."""
    sure = [
        [5, 0, 0],
        [0, 2, 0],
        [0, 4, 0],
        [0, 3, 0],
        [0, 0, 1],
        [0, 0, 9],
        [0, 3, 0],
        [0, 3, 0],
        [1, 0, 0],
    ]
    labels = [0, 0, 0, 0, 0, 0, 1, 1, 1]
    return predictions.make_table(
        [f"{number}.png" for number in range(9)],
        ["test"] * 9,
        labels,
        np.array(sure, np.float32),
        list("abc"),
    )


def test_each_class_has_its_share_and_interval(table: pd.DataFrame) -> None:
    found = mistakes.class_accuracies(table)
    assert list(found) == ["a", "b"], "there is no image of c"
    assert found["a"].share == pytest.approx(1 / 6)
    assert found["b"].share == pytest.approx(2 / 3)
    assert found["b"].low < 2 / 3 < found["b"].high


def test_pairs_are_ordered_by_how_many_and_their_images_by_how_sure(table: pd.DataFrame) -> None:
    found = mistakes.confused_pairs(table)
    assert [(pair.label, pair.predicted, pair.rows) for pair in found] == [
        ("a", "b", (2, 3, 1)),
        ("a", "c", (5, 4)),
        ("b", "a", (8,)),
    ]
    assert found[0].share.share == 0.5
    assert len(mistakes.confused_pairs(table, most=1)) == 1


def test_the_most_wrong_comes_first(table: pd.DataFrame) -> None:
    assert mistakes.most_wrong(table, most=3).tolist() == [5, 2, 3]


def test_without_a_mistake_there_is_none(table: pd.DataFrame) -> None:
    right = table[predictions.correct(table)].reset_index(drop=True)
    assert mistakes.confused_pairs(right) == []
    assert len(mistakes.most_wrong(right)) == 0
