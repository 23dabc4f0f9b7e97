"""The statistics: known answers, and what they claim where there is nothing to claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from convladder.evaluation.intervals import proportion
from convladder.evaluation.statistics import (
    Difference,
    compare,
    estimate,
    holm,
    paired_image_variance,
    quantile,
)
from simulated_ladders import SPREADS, simulate, simulate_ladder


def null_claims(
    draw: np.random.Generator, seeds: int, images: int, accuracy: float, spreads: list[float]
) -> list[Difference]:
    """Simulate a ladder without any effect and compare each rung with the one before it."""
    ladder = simulate_ladder(draw, seeds, images, accuracy, spreads)
    rungs = {str(number): rung for number, rung in enumerate(ladder)}
    questions = [(str(number), str(number - 1)) for number in range(1, len(spreads))]
    return compare(rungs, questions, dict.fromkeys(rungs, range(seeds)))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("images", "accuracy"), [(270, 0.95), (2000, 0.6)])
@pytest.mark.parametrize("spreads", ["equal", "unequal"])
def test_ten_rungs_without_effect_are_rarely_called_better(
    seeds: int, images: int, accuracy: float, spreads: str
) -> None:
    """FAULTS S3: at most 5 % of 200 climbs, up to sampling error (16 of 200 has a chance of 4 % at
    5 %).
    """
    draw = np.random.default_rng(7)
    climbs = [null_claims(draw, seeds, images, accuracy, SPREADS[spreads]) for _ in range(200)]
    false_claims = sum(any(claim.verdict == "better" for claim in climb) for climb in climbs)
    assert false_claims <= 15
    covered = [claim.low <= 0 <= claim.high for climb in climbs for claim in climb]  # type: ignore[operator]
    assert np.mean(covered) >= 0.93


def test_random_labels_are_at_chance() -> None:
    """FAULTS S2: of 100 data sets with random labels, the 95 % interval covers chance in 90 or
    more.
    """
    digits = load_digits()
    covered = 0
    for repetition in range(100):
        draw = np.random.default_rng(repetition)
        chosen = draw.permutation(len(digits.data))[:500]
        images, labels = digits.data[chosen], draw.integers(0, 4, 500)
        rung = []
        for seed in range(3):
            tree = DecisionTreeClassifier(max_features=8, max_depth=6, random_state=seed)
            predicted = tree.fit(images[:300], labels[:300]).predict(images[300:])
            rung.append(predicted == labels[300:])
        correct = np.stack(rung)
        interval = estimate(correct)
        covered += interval.low <= 0.25 <= interval.high
    assert covered >= 90


def test_one_seed_claims_nothing() -> None:
    """FAULTS S4."""
    draw = np.random.default_rng(0)
    rungs = {"a": draw.random((1, 500)) < 0.9, "b": draw.random((1, 500)) < 0.1}
    (claim,) = compare(rungs, [("a", "b")], {"a": [0], "b": [0]})
    assert claim.verdict == "no comparison"
    assert claim.difference > 0.5
    assert (claim.low, claim.p_value, claim.p_corrected, claim.detectable) == (
        None,
        None,
        None,
        None,
    )
    assert not estimate(rungs["a"]).covers_seeds


def test_a_real_effect_is_found_and_its_interval_covers_it() -> None:
    draw = np.random.default_rng(3)
    shared = draw.normal(0, 1.5, 2000)
    found = covered = 0
    for _ in range(40):
        rungs = {
            name: simulate(draw, 4, accuracy, spread=0.05, difficulty=shared)
            for name, accuracy in (("good", 0.70), ("poor", 0.60), ("also poor", 0.60))
        }
        truth = 0.10
        claims = compare(
            rungs, [("good", "poor"), ("poor", "also poor")], dict.fromkeys(rungs, range(4))
        )
        found += claims[0].verdict == "better"
        covered += claims[0].low <= truth <= claims[0].high  # type: ignore[operator]
    assert found >= 38
    assert covered >= 34


def test_worse_is_said_too() -> None:
    draw = np.random.default_rng(0)
    rungs = {"a": draw.random((4, 2000)) < 0.5, "b": draw.random((4, 2000)) < 0.8}
    (claim,) = compare(rungs, [("a", "b")], {"a": range(4), "b": range(4)})
    assert claim.verdict == "worse"
    assert claim.high is not None
    assert claim.high < -0.2


def test_what_is_called_detectable_is_detected_four_times_in_five() -> None:
    draw = np.random.default_rng(5)
    shared = draw.normal(0, 1.5, 2000)
    levels = {"a": 0.64, "b": 0.60, "c": 0.60, "d": 0.60}
    questions = [("a", "b"), ("b", "c"), ("c", "d")]
    found, detectable = [], []
    for _ in range(150):
        rungs = {
            name: simulate(draw, 5, level, spread=0.06, difficulty=shared)
            for name, level in levels.items()
        }
        claim = compare(rungs, questions, dict.fromkeys(rungs, range(5)))[0]
        found.append(claim.verdict == "better")
        detectable.append(claim.detectable)
    # the effect of 4 points beside what is said to be found in 80 % of climbs
    assert np.mean(detectable) == pytest.approx(0.04, abs=0.012)
    assert 0.6 <= np.mean(found) <= 0.98


def test_two_rungs_that_agree_everywhere_are_not_equal_for_certain() -> None:
    same = np.ones((3, 50), dtype=bool)
    (claim,) = compare({"a": same, "b": same}, [("a", "b")], {"a": range(3), "b": range(3)})
    assert claim.difference == 0
    assert claim.low is not None
    assert claim.low < -0.01
    assert claim.verdict == "no detectable difference"


def test_all_right_is_not_perfect_for_certain() -> None:
    interval = estimate(np.ones((3, 100), dtype=bool))
    assert interval.high == pytest.approx(1)
    assert interval.low == pytest.approx(
        stats.binomtest(100, 100).proportion_ci(method="wilson").low
    )


def test_one_seed_has_wilsons_interval() -> None:
    rung = np.array([[True] * 80 + [False] * 20])
    interval = estimate(rung)
    wilson = stats.binomtest(80, 100).proportion_ci(method="wilson")
    assert interval.low == pytest.approx(wilson.low, abs=0.002)
    assert interval.high == pytest.approx(wilson.high, abs=0.002)


def test_more_seeds_and_more_images_narrow_the_interval() -> None:
    draw = np.random.default_rng(1)

    def width(seeds: int, images: int) -> float:
        shared = draw.normal(0, 1.5, images)
        intervals = [
            estimate(simulate(draw, seeds, 0.7, spread=0.1, difficulty=shared)) for _ in range(20)
        ]
        return float(np.mean([interval.high - interval.low for interval in intervals]))

    assert width(3, 500) > width(12, 500)
    assert width(3, 200) > width(3, 5000)


def test_intervals_of_a_mean_cover_other_seeds_and_other_images() -> None:
    """The truth is the mean over endless seeds and images; 200 climbs, three seeds, two kinds of
    spread.
    """
    draw = np.random.default_rng(11)
    for spread in (0.02, 0.3):
        covered = 0
        for _ in range(200):
            difficulty = draw.normal(0, 1.5, 400)
            interval = estimate(simulate(draw, 3, 0.8, spread=spread, difficulty=difficulty))
            level = stats.norm.ppf(0.8) * np.sqrt(1 + difficulty.var())
            truth = stats.norm.cdf(level / np.sqrt(1 + 1.5**2 + spread**2))
            covered += interval.low <= truth <= interval.high
        assert covered >= 182


def test_the_test_is_welchs_where_images_do_not_differ() -> None:
    accuracies = {"a": [0.68, 0.69, 0.71, 0.72], "b": [0.60, 0.62, 0.63, 0.67]}
    images = 200_000
    rungs = {
        name: np.arange(images) < images * np.array(values)[:, np.newaxis]
        for name, values in accuracies.items()
    }
    (claim,) = compare(rungs, [("a", "b")], {"a": range(4), "b": range(4)})
    expected = stats.ttest_ind(accuracies["a"], accuracies["b"], equal_var=False)
    assert claim.p_value == pytest.approx(expected.pvalue, rel=0.05)
    low, high = expected.confidence_interval()
    assert (claim.low, claim.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_the_seed_correlation_is_reported_for_equal_seeds_alone() -> None:
    skill = np.linspace(0.4, 0.8, 5)[:, np.newaxis]
    rungs = {name: np.tile(np.arange(1000) / 1000, (5, 1)) < skill for name in ("a", "b")}
    (claim,) = compare(rungs, [("a", "b")], {"a": range(5), "b": range(5)})
    assert claim.seed_correlation == pytest.approx(1)
    (claim,) = compare(rungs, [("a", "b")], {"a": range(5), "b": range(5, 10)})
    assert claim.seed_correlation is None


def test_holm_is_statsmodels_holm() -> None:
    # statsmodels.stats.multitest.multipletests([...], method="holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
    assert holm([0.01, 0.02], family=4) == pytest.approx([0.04, 0.06])


def test_tables_over_other_images_are_refused() -> None:
    rungs = {"a": np.ones((2, 10), bool), "b": np.ones((2, 11), bool)}
    with pytest.raises(ValueError, match="10 and on 11 images"):
        compare(rungs, [("a", "b")], {"a": range(2), "b": range(2)})


def test_one_network_is_a_plain_share_of_images() -> None:
    right = np.array([[True] * 12 + [False] * 3])
    share, found = proportion(12, 15), estimate(right)
    assert (found.low, found.high) == (pytest.approx(share.low), pytest.approx(share.high))


@pytest.mark.parametrize(
    ("hits", "images"), [(0, 1), (0, 40), (1, 3), (97, 250), (9999, 10000), (40, 40)]
)
def test_a_share_has_the_interval_that_scipy_gives_it(hits: int, images: int) -> None:
    found, wilson = (
        proportion(hits, images),
        stats.binomtest(hits, images).proportion_ci(method="wilson"),
    )
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), rel=1e-12, abs=0)


def test_quantiles_are_those_of_scipy() -> None:
    assert quantile(0.975, 7.3) == stats.t.ppf(0.975, 7.3)
    assert quantile(0.8, math.inf) == stats.norm.ppf(0.8)


def test_the_variance_of_images_is_that_of_a_sample() -> None:
    left, right = np.array([[1, 1, 0, 0], [1, 0, 0, 0]]), np.array([[0, 1, 0, 1], [0, 1, 0, 1]])
    by_image = [1.0, -0.5, 0.0, -1.0, 1.0, -1.0]  # the last two are Bonett and Price's
    expected = sum((each + 0.5 / 6) ** 2 for each in by_image) / 5 / 6
    assert paired_image_variance(left.astype(bool), right.astype(bool)) == pytest.approx(expected)
