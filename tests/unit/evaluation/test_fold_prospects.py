"""What folds would show, as seeds on one test split foresee it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convladder.evaluation import cross_validation, fold_prospects, planning
from convladder.evaluation.differences import Difference, Finding, judge
from convladder.evaluation.fold_prospects import Folded
from convladder.evaluation.needs import with_needs
from convladder.evaluation.prospects import Variance

SPLIT = Variance(of_images=8e-4, of_seed=5e-4, residual=3e-4, images=150, seeds=5)
IMAGES, LEVEL = 1000, 0.01
FOLDS = np.arange(IMAGES) % 5


def differences(draw: np.random.Generator, truth: float, seeds: int) -> np.ndarray:
    """Draw how much two rungs differ on each image, `(1, images)`, in folds."""
    of_image = (SPLIT.of_images + SPLIT.residual / seeds) * SPLIT.images
    of_fold = (SPLIT.of_seed - SPLIT.residual) / seeds
    by_fold = draw.normal(0, np.sqrt(of_fold), 5)[FOLDS]
    return (truth + by_fold + draw.normal(0, np.sqrt(of_image), IMAGES))[np.newaxis]


def found_at(truth: float, seeds: int) -> list[Finding]:
    """Return what the test of folds finds in 300 climbs with such a true difference."""
    draw, none = np.random.default_rng(0), np.zeros((1, IMAGES))
    found = []
    for _ in range(300):
        tables = {"a": differences(draw, truth, seeds), "b": none}
        (one,) = cross_validation.find_each(tables, [("a", "b")], FOLDS)
        assert isinstance(one, Finding)
        found.append(one)
    return found


@pytest.mark.parametrize("seeds", [1, 3])
def test_what_is_foreseen_is_found_in_four_climbs_of_five(seeds: int) -> None:
    """The share is known to 2.3 points."""
    size = fold_prospects.detectable(SPLIT, Folded(5, seeds, IMAGES), LEVEL)
    called = np.mean([each.p_value < LEVEL for each in found_at(size, seeds)])
    assert 0.75 < called < 0.9
    half = np.mean([each.p_value < LEVEL for each in found_at(size / 2, seeds)])
    assert half < 0.4


def test_what_is_equal_is_called_equal_within_the_margin_that_is_foreseen() -> None:
    margin = fold_prospects.equal_within(SPLIT, Folded(5, 1, IMAGES), LEVEL)
    called = np.mean(
        [abs(each.difference) < margin and each.p_equal(margin) < LEVEL for each in found_at(0, 1)]
    )
    assert 0.75 < called < 0.9


def test_more_seeds_and_images_find_smaller_differences() -> None:
    for size in (fold_prospects.detectable, fold_prospects.equal_within):
        by_seeds = [size(SPLIT, Folded(5, seeds, IMAGES), LEVEL) for seeds in (1, 2, 5)]
        by_images = [size(SPLIT, Folded(5, 1, images), LEVEL) for images in (300, 1000, 10_000)]
        assert by_seeds == sorted(by_seeds, reverse=True)
        assert by_images == sorted(by_images, reverse=True)
    assert Folded(5, 2, IMAGES).trainings == 10


def test_so_many_seeds_are_just_enough() -> None:
    seeds = fold_prospects.seeds_for(SPLIT, IMAGES, 0.1, LEVEL)
    assert seeds is not None
    assert seeds > 1
    found = [
        fold_prospects.detectable(SPLIT, Folded(5, each, IMAGES), LEVEL)
        for each in (seeds - 1, seeds)
    ]
    assert found[0] > 0.1 >= found[1]
    assert fold_prospects.seeds_for(SPLIT, IMAGES, 0.005, LEVEL) is None


def needed(variance: Variance, difference: float, in_folds: int | None) -> Difference:
    """Return what one undecided difference needs, as the only comparison."""
    found = Finding(difference, 0.3, lambda _: (-0.1, 0.1), lambda _: 1.0, variance=variance)
    (claim,) = with_needs(judge([found], 1), [found], 1, in_folds)
    return claim


def test_folds_stand_in_the_place_of_seeds_where_they_take_fewer_trainings() -> None:
    """Images rule here: no number of seeds would do, and folds test nearly seven times as many."""
    by_images = replace(SPLIT, of_images=2e-3)
    split, folded = needed(by_images, 0.1, None), needed(by_images, 0.1, IMAGES)
    assert (split.seeds_needed, split.fold_seeds_needed) == (None, None)
    assert folded.fold_seeds_needed is not None
    assert folded.images_needed == split.images_needed


def test_seeds_are_advised_where_they_take_fewer_trainings() -> None:
    by_seeds = replace(SPLIT, of_images=1e-5, of_seed=2e-3)
    claim = needed(by_seeds, 0.06, IMAGES)
    assert claim.seeds_needed is not None
    assert claim.fold_seeds_needed is None


def test_a_ladder_of_more_rungs_asks_for_larger_differences() -> None:
    one, many = (
        planning.detectable_in_folds(SPLIT, Folded(5, 1, IMAGES), family) for family in (1, 15)
    )
    assert many > 1.5 * one
    assert planning.equal_within_in_folds(SPLIT, Folded(5, 1, IMAGES), 15) > 1.2 * (
        planning.equal_within_in_folds(SPLIT, Folded(5, 1, IMAGES), 1)
    )
