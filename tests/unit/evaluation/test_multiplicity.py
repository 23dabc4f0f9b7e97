"""Several questions at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from convladder.evaluation.multiplicity import ALPHA, holm, judge


def test_holm_is_statsmodels_holm() -> None:
    # statsmodels.stats.multitest.multipletests([...], method="holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
    assert holm([0.01, 0.02], family=4) == pytest.approx([0.04, 0.06])


def judge_normal(differences: list[float], family: int | None = None):
    """Judge differences of standard error 1."""
    return judge(
        differences,
        [2 * stats.norm.sf(abs(each)) for each in differences],
        [
            lambda misses, each=each: (
                each - stats.norm.isf(misses / 2),
                each + stats.norm.isf(misses / 2),
            )
            for each in differences
        ],
        family or len(differences),
    )


def test_an_interval_never_contradicts_its_verdict() -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        differences = list(draw.normal(draw.normal(0, 2, 6), 1))
        for difference, found in zip(differences, judge_normal(differences), strict=True):
            assert found.low <= difference <= found.high
            assert found.decided == (found.p_corrected < ALPHA)
            assert found.decided == (found.low >= 0 or found.high <= 0)


def test_what_is_called_has_the_width_of_the_whole_family_and_the_rest_share_what_is_left() -> None:
    called, other, third = judge_normal([5.0, 1.0, 0.5])
    assert called.high == pytest.approx(5 + stats.norm.isf(ALPHA / 6))
    assert (other.low, other.high) == (
        pytest.approx(1 - stats.norm.isf(ALPHA / 4)),
        pytest.approx(1 + stats.norm.isf(ALPHA / 4)),
    )
    assert not third.decided


def test_all_intervals_of_a_family_hold_at_once() -> None:
    draw, truth = np.random.default_rng(1), np.array([0, 0, 0, 2.5, 3, -4])
    held = 0
    for _ in range(600):
        found = judge_normal(list(draw.normal(truth, 1)))
        held += all(each.low <= true <= each.high for each, true in zip(found, truth, strict=True))
    assert held >= 0.93 * 600


def test_questions_without_an_answer_count() -> None:
    (alone,), (of_four,) = judge_normal([2.2]), judge_normal([2.2], family=4)
    assert (alone.decided, of_four.decided) == (True, False)
    assert of_four.low < alone.low
