"""The statistics of folds: known answers, and what they claim of networks that were really
cross-validated.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from convladder.evaluation import cross_validation, statistics
from convladder.evaluation.cross_validation import compare, estimate
from convladder.evaluation.differences import Difference
from convladder.evaluation.mixture import SeedPart, of_parts
from folded_ladders import LEARNERS, QUESTIONS, climb, expected_accuracy, seeds_of


def rights(shares: list[float], images: int = 1000) -> NDArray[np.bool_]:
    """Make `(1, folds x images)` with such shares of right images in the folds."""
    return np.concatenate([np.arange(images) < share * images for share in shares])[np.newaxis]


def fold_numbers(folds: int, images: int = 1000) -> NDArray[np.int64]:
    return np.repeat(np.arange(folds), images)


ONE_SEED = {"a": [0], "b": [0]}
QUESTION = [("a", "b")]


def training_part(by_fold: NDArray[np.float64], images: float, ratio: float) -> SeedPart:
    scale = 1 / len(by_fold) + ratio
    residual = scale * len(by_fold) * images if len(by_fold) <= 5 else 0.0
    return SeedPart(scale * by_fold.var(ddof=1), len(by_fold) - 1, residual)


@pytest.mark.parametrize(("folds", "ratio"), [(5, 1 / 4), (20, 1 / 9)])
def test_what_folds_differ_by_more_than_their_images_is_nadeau_and_bengios(
    folds: int, ratio: float
) -> None:
    """Images of five folds count once. More than ten folds count as ten in what they share."""
    shares = {"a": np.linspace(0.6, 0.9, folds), "b": np.full(folds, 0.5)}
    rungs = {name: rights(values.tolist()) for name, values in shares.items()}
    (claim,) = compare(rungs, QUESTION, ONE_SEED, folds=fold_numbers(folds))
    by_image = rungs["a"][0].astype(float) - rungs["b"][0]
    by_fold = by_image.reshape(folds, -1).mean(axis=1)
    images = by_image.var(ddof=1) / len(by_image)
    with_two = np.append(by_image, [1, -1])
    expected = of_parts(with_two.var(ddof=1) / len(with_two), training_part(by_fold, images, ratio))
    assert claim.difference == pytest.approx(by_fold.mean())
    assert claim.p_value == pytest.approx(expected.p_value(by_fold.mean()))
    assert claim.low == pytest.approx(by_fold.mean() - expected.reach(0.025))
    assert claim.detectable == pytest.approx(expected.reach(0.025) + expected.reach(0.2))


def test_seeds_are_meant_before_folds_are_compared() -> None:
    seeds = [rights([0.80, 0.66, 0.75, 0.90]), rights([0.70, 0.76, 0.73, 0.60])]
    mean, other = rights([0.75, 0.71, 0.74, 0.75]), rights([0.5, 0.5, 0.5, 0.6])
    folds = fold_numbers(4)
    (of_two,) = compare(
        {"a": np.vstack(seeds), "b": other}, QUESTION, {"a": [0, 1], "b": [0]}, folds=folds
    )
    (of_mean,) = compare({"a": mean, "b": other}, QUESTION, ONE_SEED, folds=folds)
    assert of_two.difference == pytest.approx(of_mean.difference)
    assert of_two.p_value == pytest.approx(of_mean.p_value, rel=0.01)


def test_one_seed_is_enough_for_a_claim() -> None:
    draw = np.random.default_rng(0)
    rungs = {"a": draw.random((1, 1000)) < 0.9, "b": draw.random((1, 1000)) < 0.5}
    better, worse = compare(rungs, [("a", "b"), ("b", "a")], ONE_SEED, folds=fold_numbers(5, 200))
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.seed_correlation is None


def test_p_values_are_corrected_for_the_whole_family() -> None:
    rungs = {
        "a": rights([0.80, 0.70, 0.75, 0.85, 0.72]),
        "b": rights([0.60, 0.64, 0.61, 0.62, 0.60]),
    }
    alone, in_family = (
        compare(rungs, QUESTION, ONE_SEED, family=family, folds=fold_numbers(5))[0]
        for family in (None, 4)
    )
    assert alone.p_corrected == alone.p_value
    assert in_family.p_corrected == pytest.approx(4 * in_family.p_value)  # type: ignore[operator]
    assert (alone.verdict, in_family.verdict) == ("better", "undecided")


def test_one_fold_claims_nothing() -> None:
    rungs = {"a": rights([0.9]), "b": rights([0.1])}
    (claim,) = compare(rungs, QUESTION, ONE_SEED, folds=fold_numbers(1))
    assert claim == Difference(pytest.approx(0.8), seeds=1)
    assert estimate(rungs["a"], fold_numbers(1)) == statistics.estimate(rungs["a"])


def test_two_folds_are_not_sure_of_a_difference_that_one_of_them_lacks() -> None:
    rungs = {"a": rights([0.68, 0.60]), "b": rights([0.60, 0.60])}
    (claim,) = compare(rungs, QUESTION, ONE_SEED, folds=fold_numbers(2))
    assert claim.verdict == "undecided"
    assert claim.low is not None
    assert claim.low < 0


def test_two_rungs_that_agree_everywhere_are_not_equal_for_certain() -> None:
    same = np.ones((3, 50), dtype=bool)
    seeds = {"a": range(3), "b": range(3)}
    (claim,) = compare({"a": same, "b": same}, QUESTION, seeds, folds=fold_numbers(5, 10))
    assert claim.difference == 0
    assert claim.low is not None
    assert claim.low < -0.01
    assert claim.verdict == "undecided"


def test_all_right_is_not_perfect_for_certain() -> None:
    interval = estimate(np.ones((3, 100), dtype=bool), fold_numbers(5, 20))
    assert interval.high == pytest.approx(1)
    wilson = stats.binomtest(100, 100).proportion_ci(method="wilson")
    assert interval.low == pytest.approx(wilson.low)


def test_seeds_that_err_on_other_images_are_no_surer_than_the_images_are() -> None:
    right = np.arange(100) % 2 == 0
    interval = estimate(np.stack([right, ~right]), fold_numbers(5, 20))
    wilson = stats.binomtest(50, 100).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=1e-4)


@pytest.mark.parametrize(
    "shares", [[0.8] * 5, [0.4, 0.7, 0.9, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.1]]
)
def test_an_interval_is_within_0_and_1_and_no_narrower_than_wilsons(shares: list[float]) -> None:
    rung = rights(shares, images=20)
    interval = estimate(rung, fold_numbers(5, 20))
    wilson = stats.binomtest(int(rung.sum()), 100).proportion_ci(method="wilson")
    assert 0 <= interval.low < interval.mean < interval.high <= 1
    assert interval.high - interval.low > wilson.high - wilson.low
    assert interval.covers_seeds


def test_folds_are_known_by_any_numbers() -> None:
    rungs = {"a": rights([0.8, 0.7, 0.9]), "b": rights([0.6, 0.6, 0.7])}
    names = np.array([7, -2, 40])[fold_numbers(3)]
    assert compare(rungs, QUESTION, ONE_SEED, folds=names)[0].p_value == pytest.approx(
        compare(rungs, QUESTION, ONE_SEED, folds=fold_numbers(3))[0].p_value
    )
    first, second = estimate(rungs["a"], names), estimate(rungs["a"], fold_numbers(3))
    assert replace(first, low=0, high=0) == replace(second, low=0, high=0)
    assert (first.low, first.high) == (pytest.approx(second.low), pytest.approx(second.high))


def test_folds_of_other_images_are_refused() -> None:
    rungs = {"a": rights([0.8, 0.7]), "b": rights([0.6, 0.6])}
    with pytest.raises(ValueError, match="2,000 images, but folds names the folds of 3,000"):
        compare(rungs, QUESTION, ONE_SEED, folds=fold_numbers(3))
    with pytest.raises(ValueError, match="2,000 images, but folds names the folds of 3,000"):
        estimate(rungs["a"], fold_numbers(3))


@pytest.mark.parametrize("learner", ["linear, own features", "splits, own features"])
def test_networks_without_effect_are_rarely_called_better(learner: str) -> None:
    """Trained on overlapping images. 7 of 60 climbs have a chance of 3 % at 5 %."""
    draw = np.random.default_rng(3)
    folds = np.arange(100) % 5
    truth = expected_accuracy(LEARNERS[learner], "0", 80, trainings=100)
    false_claims = covered = 0
    for _ in range(60):
        tables = climb(LEARNERS[learner], draw, 100, folds)
        claims = compare(tables, QUESTIONS, seeds_of(tables), folds=folds)
        false_claims += any(claim.verdict in ("better", "worse") for claim in claims)
        interval = estimate(tables["0"], folds)
        covered += interval.low <= truth <= interval.high
    assert false_claims <= 6
    assert covered >= 54


def test_a_real_effect_is_found_and_its_interval_covers_it() -> None:
    draw = np.random.default_rng(3)
    folds = np.arange(2000) % 10
    found = covered = 0
    for _ in range(40):
        rungs = {name: draw.random((1, 2000)) < share for name, share in (("a", 0.7), ("b", 0.6))}
        (claim,) = cross_validation.compare(rungs, QUESTION, ONE_SEED, folds=folds)
        found += claim.verdict == "better"
        covered += claim.low <= 0.1 <= claim.high  # type: ignore[operator]
    assert found >= 36
    assert covered >= 36
