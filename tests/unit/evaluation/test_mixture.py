"""Normal distributions whose variance is known in part."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from convladder.evaluation.mixture import SeedPart, of_parts, welch


@pytest.mark.parametrize("degrees", [1, 2, 4, 7.3, 30])
def test_it_is_students_where_seeds_are_all(degrees: float) -> None:
    found = of_parts(0.0, SeedPart(4.0, degrees, 0.0))
    for distance in (1.0, 3.0, 8.0):
        expected = 2 * stats.t.sf(distance / 2, degrees)
        assert found.p_value(-distance) == pytest.approx(expected, rel=0.002)
    for tail in (0.2, 0.025, 0.05 / 32):
        assert found.reach(tail) == pytest.approx(2 * stats.t.isf(tail, degrees), rel=0.02)


def test_it_is_normal_where_images_are_all() -> None:
    found = of_parts(0.25, SeedPart(0.04, 4, 1.0))
    # what little the seeds differ is less than the residual, which the images hold
    assert found.p_value(1.0) == pytest.approx(2 * stats.norm.sf(2.0), rel=0.03)
    assert of_parts(0.25).reach(0.025) == pytest.approx(stats.norm.isf(0.025) / 2, rel=1e-6)


def test_two_parts_of_one_size_are_behrens_and_fishers() -> None:
    """Against a simulation of the fiducial distribution, with three seeds each."""
    draw = np.random.default_rng(0)
    drawn = draw.standard_t(2, 400_000) - draw.standard_t(2, 400_000) * 0.5
    found = of_parts(0.0, SeedPart(1.0, 2, 0.0), SeedPart(0.25, 2, 0.0))
    for distance in (1.0, 3.0, 6.0):
        assert found.tail(distance) == pytest.approx(np.mean(drawn > distance), rel=0.05)


def test_welch_adds_parts_with_his_degrees_of_freedom() -> None:
    part = welch([SeedPart(1.0, 4, 0.1), SeedPart(3.0, 2, 0.2)])
    assert (part.variance, part.residual) == (4.0, pytest.approx(0.3))
    assert part.degrees == pytest.approx(16 / (1 / 4 + 9 / 2))
    assert welch([SeedPart(0, 2, 0), SeedPart(0, 3, 0)]).degrees == 5


def test_nothing_that_varies_is_sure() -> None:
    found = of_parts(0.0)
    assert found.p_value(0.01) == 0
    assert found.p_value(0.0) == pytest.approx(1)


@pytest.mark.parametrize("tail", [0.4, 0.025, 0.05 / 150, 1e-9])
@pytest.mark.parametrize("degrees", [1, 4, 1e5])
@pytest.mark.parametrize("images", [1e-9, 1e-4, 1.0])
def test_so_far_it_reaches_as_its_tail_says(tail: float, degrees: float, images: float) -> None:
    found = of_parts(images, SeedPart(1e-4, degrees, 5e-5), SeedPart(1e-6, degrees, 0.0))
    assert found.tail(found.reach(tail)) == pytest.approx(tail, rel=1e-6)


def test_a_tail_of_more_than_half_reaches_nowhere() -> None:
    assert of_parts(1.0).reach(0.5) == pytest.approx(0, abs=1e-6)
