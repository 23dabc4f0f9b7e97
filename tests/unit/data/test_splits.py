from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convladder.core.errors import DataError
from convladder.data.source import Record
from convladder.data.splits import Splits, fold_records, split_records

NAMES = ["a", "b", "c"]


def split(counts: list[int], seed: int = 0, **shares: float) -> tuple[list[Record], Splits]:
    records = [
        Record(f"{label}/{n}", label) for label, count in enumerate(counts) for n in range(count)
    ]
    shares = {"validation": 0.15, "test": 0.15} | shares
    return records, split_records(
        records, NAMES[: len(counts)], np.arange(len(records)), seed=seed, **shares
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(3, 60), min_size=2, max_size=3),
    st.floats(0.01, 0.49),
    st.floats(0.01, 0.49),
    st.integers(0, 5),
)
def test_every_record_is_in_one_split_and_every_class_in_each(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    records, splits = split(counts, seed, validation=validation, test=test)
    together = np.concatenate(list(vars(splits).values()))
    assert sorted(together) == list(range(len(records)))
    for indices in vars(splits).values():
        assert {records[index].label for index in indices} == set(range(len(counts)))


def test_the_shares_are_kept() -> None:
    _, splits = split([100, 200], validation=0.2, test=0.1)
    assert [len(indices) for indices in vars(splits).values()] == [210, 60, 30]


def test_the_split_depends_on_the_seed_alone() -> None:
    first, again, other = (split([50, 50], seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_a_class_too_small_is_named() -> None:
    with pytest.raises(
        DataError, match=r"class 'b' has 2 images .* train and validation and test need one each"
    ):
        split([10, 2])


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_of_each_fold_every_image_is_in_one_split_and_over_all_folds_tested_once(
    folds: int,
) -> None:
    records = [Record(f"{n}", n % 2) for n in range(60)]
    parts = fold_records(records, NAMES[:2], np.arange(60), folds=folds, validation=0.2, seed=0)
    for splits in parts:
        assert sorted(np.concatenate(list(vars(splits).values()))) == list(range(60))
        assert len(splits.validation) == round(0.2 * (60 - 60 // folds) / 2) * 2
    assert sorted(np.concatenate([splits.test for splits in parts])) == list(range(60))
