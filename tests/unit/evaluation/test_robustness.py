"""Accuracy on corrupted images, with intervals."""

from __future__ import annotations

import numpy as np
import pytest

from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.robustness import Corrupted, measure

NAMES = ("noise", "blur")
RECIPE = Recipe(NAMES, 2 * ((1.0, 2.0, 3.0, 4.0, 5.0),), 1)


def corrupted(seed: int, shares: tuple[float, ...] = (0.9, 0.7, 0.5, 0.3, 0.1)) -> Corrupted:
    """Make 400 images of which these shares are right in the five strengths of both corruptions."""
    draw = np.random.default_rng(seed)
    correct = draw.random((2, 5, 400)) < np.array(shares)[:, None]
    return Corrupted(np.arange(400), correct, RECIPE)


def test_a_curve_begins_with_the_images_as_they_are() -> None:
    clean = np.random.default_rng(9).random((3, 400)) < 0.95
    found = measure([corrupted(seed) for seed in range(3)], clean)
    assert list(found.curves) == list(NAMES)
    assert [round(each.mean, 1) for each in found.curves["blur"]] == [1.0, 0.9, 0.7, 0.5, 0.3, 0.1]
    assert found.clean.mean == clean.mean()
    assert found.curves["noise"][0] == found.clean


def test_the_mean_is_that_of_all_corruptions_and_strengths() -> None:
    seeds = [corrupted(seed) for seed in range(3)]
    found = measure(seeds, np.ones((3, 400), dtype=bool))
    assert found.mean.mean == pytest.approx(np.mean([seed.correct.mean() for seed in seeds]))
    assert found.mean.low < found.mean.mean < found.mean.high


def test_the_interval_of_the_mean_covers_the_truth() -> None:
    """Images differ in how easy they are; 200 draws of three seeds and 100 images."""
    covered = 0
    for trial in range(200):
        draw = np.random.default_rng(trial)
        ease = draw.beta(2, 2, 100)
        seeds = [
            Corrupted(np.arange(100), draw.random((2, 5, 100)) < ease, RECIPE) for _ in range(3)
        ]
        found = measure(seeds, np.ones((3, 100), dtype=bool)).mean
        covered += found.low <= 0.5 <= found.high
    assert covered >= 186


def test_by_image_is_the_share_of_its_forms_that_are_right() -> None:
    correct = np.zeros((2, 5, 3), dtype=bool)
    correct[0, :, 0] = True
    correct[:, :, 1] = True
    assert Corrupted(np.arange(3), correct, RECIPE).by_image().tolist() == [0.5, 1.0, 0.0]
