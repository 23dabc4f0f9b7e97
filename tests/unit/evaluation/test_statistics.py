"""The statistics: known answers, and what they claim where there is nothing to claim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from convladder.evaluation.differences import Difference
from convladder.evaluation.intervals import proportion
from convladder.evaluation.statistics import compare, estimate
from simulated_ladders import SPREADS, Population, simulate

RUNGS = 6
QUESTIONS = [(str(number), str(number - 1)) for number in range(1, RUNGS)]


def draw_claims(
    draw: np.random.Generator,
    population: Population,
    seeds: int,
    points: list[float],
    gain: float = 0.0,
) -> list[Difference]:
    """Simulate a ladder and compare each rung with the one before it: every other has the gain."""
    ladder = population.draw_ladder(draw, seeds, points[:RUNGS])
    rungs = {
        str(number): rung + gain * ((number + 1) // 2) if gain else rung
        for number, rung in enumerate(ladder)
    }
    return compare(rungs, QUESTIONS, dict.fromkeys(rungs, range(seeds)))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("population", [Population(0.95, 270), Population(0.6, 1000)])
@pytest.mark.parametrize(("spreads", "points"), [("equal", 0.5), ("tenfold", 3.0)])
def test_rungs_without_effect_are_rarely_told_apart(
    seeds: int, population: Population, spreads: str, points: float
) -> None:
    """Whoever climbs a ladder without any effect is told of one in at most 5 % of climbs.

    Of 100 climbs 10 or more have a chance of 3 % then. Intervals cover the truth in 95 %.
    """
    draw, unsteady = np.random.default_rng(7), [points * share for share in SPREADS[spreads]]
    climbs = [draw_claims(draw, population, seeds, unsteady) for _ in range(100)]
    told = sum(any(claim.verdict in ("better", "worse") for claim in climb) for climb in climbs)
    assert told <= 9
    covered = [claim.low <= 0 <= claim.high for climb in climbs for claim in climb]  # type: ignore[operator]
    assert np.mean(covered) >= 0.93
    held = [
        all(claim.family_low <= 0 <= claim.family_high for claim in climb)  # type: ignore[operator]
        for climb in climbs
    ]
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(
    ("population", "seeds", "gain", "least"),
    [
        (Population(0.97, 270), 5, 0.04, 0.9),
        (Population(0.58, 1670), 3, 0.04, 0.5),
        (Population(0.58, 1670), 5, 0.04, 0.95),
    ],
)
def test_gains_are_found(population: Population, seeds: int, gain: float, least: float) -> None:
    """Seeds differ by half a point. A test that wastes the data finds a third of these."""
    draw = np.random.default_rng(8)
    found = [
        claim.verdict == "better"
        for _ in range(30)
        for claim in draw_claims(draw, population, seeds, [0.5] * RUNGS, gain)[::2]
    ]
    assert np.mean(found) >= least


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
            name: simulate(draw, 4, accuracy, spread=0.05, difficulty=shared, own=0)
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
            name: simulate(draw, 5, level, spread=0.06, difficulty=shared, own=0)
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
    assert claim.verdict == "undecided"


def test_all_right_is_not_perfect_for_certain() -> None:
    interval = estimate(np.ones((3, 100), dtype=bool))
    assert interval.high == pytest.approx(1)
    assert interval.low == pytest.approx(
        stats.binomtest(100, 100).proportion_ci(method="wilson").low
    )


def test_seeds_that_err_on_other_images_are_no_surer_than_all_of_their_answers() -> None:
    right = np.arange(100) % 2 == 0
    interval = estimate(np.stack([right, ~right]))
    wilson = stats.binomtest(100, 200).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=1e-4)


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


@pytest.mark.parametrize("seeds", [2, 3, 8])
@pytest.mark.parametrize("points", [0.2, 3.0])
def test_intervals_of_a_mean_cover_other_seeds_and_other_images(seeds: int, points: float) -> None:
    draw, population = np.random.default_rng(11), Population(0.8, 400)
    covered = 0
    for _ in range(200):
        (rung,) = population.draw_ladder(draw, seeds, [points])
        interval = estimate(rung)
        covered += interval.low <= population.accuracy <= interval.high
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


@pytest.mark.parametrize("margin", [None, 0.01])
def test_chances_of_better_and_worse_come_from_the_same_distribution_as_the_test(
    margin: float | None,
) -> None:
    drawn = Population(0.8, 500).draw_ladder(np.random.default_rng(3), 4, [1.0] * 2)
    tables = {"a": drawn[0], "b": drawn[1]}
    seeds = {name: range(4) for name in tables}
    (forth,) = compare(tables, [("a", "b")], seeds, margin=margin)
    (back,) = compare(tables, [("b", "a")], seeds, margin=margin)
    assert forth.chance_better is not None
    assert forth.chance_worse is not None
    assert forth.chance_better == pytest.approx(back.chance_worse)
    within = 1 - forth.chance_better - forth.chance_worse
    assert within == pytest.approx(0, abs=1e-9) if margin is None else 0 < within < 1
    if margin is None:
        smaller = min(forth.chance_better, forth.chance_worse)
        assert 2 * smaller == pytest.approx(forth.p_value)
