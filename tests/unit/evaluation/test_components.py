"""Where the variance of an accuracy comes from."""

from __future__ import annotations

import numpy as np
import pytest

from convladder.evaluation.components import components, paired_image_variance

TABLE = np.array([[1, 1, 0, 1, 0, 1], [1, 0, 0, 1, 1, 1], [1, 1, 0, 0, 0, 1]], dtype=bool)


def test_the_parts_are_those_of_a_two_way_layout() -> None:
    own, values = components(TABLE), TABLE.astype(float)
    by_seed, by_image = values.mean(axis=1), values.mean(axis=0)
    left = values - by_seed[:, None] - by_image + values.mean()
    assert (own.seeds, own.images) == (3, 6)
    assert own.mean == pytest.approx(values.mean())
    assert own.between_seeds == pytest.approx(by_seed.var(ddof=1))
    assert own.residual == pytest.approx((left**2).sum() / (2 * 5) / 6)


def test_seeds_that_differ_by_chance_alone_differ_by_the_residual() -> None:
    draw = np.random.default_rng(0)
    ease = draw.random(500)
    found = [components(draw.random((4, 500)) < ease) for _ in range(300)]
    between, residual = (
        np.mean([getattr(each, name) for each in found]) for name in ("between_seeds", "residual")
    )
    assert between == pytest.approx(residual, rel=0.1)


def test_one_seed_has_no_part_of_seeds() -> None:
    own = components(TABLE[:1])
    assert (own.between_seeds, own.residual) == (0, 0)


def test_the_variance_of_images_has_two_more_that_differ_by_one_seed_of_k() -> None:
    left, right = np.tile(TABLE[:2], 10), np.tile(TABLE[1:], 10)
    by_image = left.mean(axis=0) - right.mean(axis=0)
    with_two = np.append(by_image, [0.5, -0.5])
    found = paired_image_variance(components(left), components(right))
    assert found == pytest.approx(with_two.var(ddof=1) / 62)


def test_of_few_images_two_whole_ones_are_added() -> None:
    left, right = components(TABLE[:2]), components(TABLE[1:])
    with_two = np.append(left.by_image - right.by_image, [1, -1])
    assert paired_image_variance(left, right) == pytest.approx(with_two.var(ddof=1) / 8)
