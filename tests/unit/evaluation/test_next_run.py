"""One more training."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from convladder.evaluation.components import Components, components
from convladder.evaluation.moderation import Spread, spreads
from convladder.evaluation.next_run import chance_of_beating, predict_value
from simulated_ladders import DIFFICULTY, simulate


def seeds_of(accuracies: list[float]) -> tuple[Components, Spread]:
    values = np.array(accuracies)
    variance = float(values.var(ddof=1))
    own = Components(len(values), 1000, float(values.mean()), np.zeros(1000), variance, 0.0)
    return own, Spread(variance, len(values) - 1, moderated=False)


def test_the_range_is_the_prediction_interval_of_a_normal_sample() -> None:
    own, spread = seeds_of([0.70, 0.72, 0.71, 0.75])
    reach = stats.t.ppf(0.975, 3) * np.sqrt(spread.variance * 1.25)
    found = predict_value(own, spread)
    assert found.low == pytest.approx(own.mean - reach, abs=1e-4)
    assert found.high == pytest.approx(own.mean + reach, abs=1e-4)


@pytest.mark.parametrize("rungs", [1, 6])
def test_it_holds_the_next_network_on_the_same_images(rungs: int) -> None:
    """Also where rungs inform each other."""
    draw, held = np.random.default_rng(2), 0
    for _ in range(200):
        difficulty = draw.normal(0, DIFFICULTY, 300)
        tables = [simulate(draw, 4, 0.8, spread=0.1, difficulty=difficulty) for _ in range(rungs)]
        trained = {str(number): components(table[:3]) for number, table in enumerate(tables)}
        found = predict_value(trained["0"], spreads(trained)["0"])
        held += found.low <= tables[0][3].mean() <= found.high
    assert 182 <= held <= 200


def test_it_stays_within_0_and_1() -> None:
    found = predict_value(*seeds_of([0.99, 0.9, 1.0]))
    assert found.high == 1


def test_one_beats_another_as_often_as_normal_seeds_do() -> None:
    (left, of_left), (right, of_right) = seeds_of([0.8, 0.82, 0.84]), seeds_of([0.79, 0.8, 0.81])
    found = chance_of_beating(left, right, of_left, of_right)
    expected = stats.norm.cdf(0.02 / np.hypot(0.02, 0.01))
    assert found.value == pytest.approx(expected)
    assert found.low < 0.5 < found.value < found.high
    other = chance_of_beating(right, left, of_right, of_left)
    assert other.value == pytest.approx(1 - found.value)


def test_its_interval_covers_the_truth() -> None:
    draw, held = np.random.default_rng(3), 0
    truth = stats.norm.cdf(0.01 / np.hypot(0.01, 0.02))
    for _ in range(200):
        left, right = draw.normal(0.81, 0.01, 5), draw.normal(0.80, 0.02, 5)
        (one, of_one), (two, of_two) = seeds_of(list(left)), seeds_of(list(right))
        found = chance_of_beating(one, two, of_one, of_two)
        held += found.low <= truth <= found.high
    assert 182 <= held <= 200


def test_seeds_that_do_not_differ_decide() -> None:
    (left, of_left), (right, of_right) = seeds_of([0.8, 0.8]), seeds_of([0.7, 0.7])
    assert chance_of_beating(left, right, of_left, of_right).value == 1
    assert chance_of_beating(left, left, of_left, of_left).value == 0.5
