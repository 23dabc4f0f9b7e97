"""What more seeds or images would show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from convladder.evaluation import statistics
from convladder.evaluation.differences import Finding, judge
from convladder.evaluation.needs import with_needs
from convladder.evaluation.prospects import Variance
from simulated_ladders import Population

PART = Variance(of_images=2e-5, of_seed=3e-4, residual=1e-4, images=1000, seeds=5)
LEVEL = 0.01


def test_seeds_take_their_part_and_leave_that_of_the_images() -> None:
    assert PART.at(5) == pytest.approx(8e-5)
    assert PART.at(10) == pytest.approx(5e-5)
    assert PART.at(math.inf) == PART.of_images


@pytest.mark.parametrize("difference", [0.03, 0.035])
@pytest.mark.parametrize("shared", [None, 0.0, 20.0])
def test_so_many_seeds_or_images_are_just_enough(difference: float, shared: float | None) -> None:
    variance = replace(PART, shared=shared)
    seeds = variance.seeds_for(difference, LEVEL)
    assert seeds is not None
    assert seeds > PART.seeds
    assert variance.detectable(seeds, 1000, LEVEL) <= difference
    if seeds > PART.seeds + 1:
        assert variance.detectable(seeds - 1, 1000, LEVEL) > difference
    images = variance.images_for(difference, LEVEL)
    if images is not None:
        assert variance.detectable(5, images, LEVEL) <= difference
        fewer = images - 10 ** (len(str(images)) - 2)
        assert fewer <= PART.images or variance.detectable(5, fewer, LEVEL) > difference


def test_what_is_detectable_is_what_the_test_of_a_real_table_detects() -> None:
    drawn = Population(0.8, 600).draw_ladder(np.random.default_rng(0), 6, [1.0] * 6)
    ladder = {str(number): table for number, table in enumerate(drawn)}
    (found,) = statistics.find_each(ladder, [("1", "0")])
    assert isinstance(found, Finding)
    assert found.variance is not None
    detected = found.detectable(LEVEL)
    assert found.variance.detectable(6, 600, LEVEL) == pytest.approx(detected, rel=0.05)


def test_rungs_that_inform_each_other_detect_more() -> None:
    alone, some, many = (
        replace(PART, shared=shared).detectable(3, 1000, LEVEL) for shared in (0.0, 4.0, 40.0)
    )
    assert alone > some > many


def test_what_is_undecided_never_needs_what_it_has_already() -> None:
    draw = np.random.default_rng(5)
    for _ in range(40):
        left, right = Population(0.7, 300).draw_ladder(draw, 2, [1.0] * 2)
        found = statistics.find_each({"a": left, "b": right}, [("a", "b")])
        (claim,) = with_needs(judge(found, 1), found, 1)
        assert claim.seeds_needed is None or claim.seeds_needed > 2
        assert claim.images_needed is None or claim.images_needed > 300


def test_what_no_number_is_enough_for() -> None:
    assert PART.seeds_for(0.01, LEVEL) is None
    assert PART.images_for(0.02, LEVEL) is None


@pytest.mark.parametrize(("seen", "seeds"), [(0.01, 12), (0.02, 8), (0.02, math.inf)])
def test_the_chance_is_that_of_climbs_that_go_on(seen: float, seeds: float) -> None:
    draw, more = np.random.default_rng(0), min(seeds, 1e9)
    of_images = draw.normal(0, math.sqrt(PART.of_images), 100_000)
    first = draw.normal(0, math.sqrt(PART.of_seed * PART.seeds), 100_000)
    others = draw.normal(0, math.sqrt(PART.of_seed * (more - PART.seeds)), 100_000)
    now, later = of_images + first / PART.seeds, of_images + (first + others) / more
    # the true difference is taken to be the one that was seen
    later = seen + later - now * np.cov(now, later)[0, 1] / now.var()
    bound = stats.norm.isf(LEVEL / 2) * math.sqrt(PART.at(more))
    p_value = 2 * stats.norm.sf(seen / math.sqrt(PART.at(PART.seeds)))
    assert PART.chance(p_value, seeds, LEVEL) == pytest.approx(np.mean(later > bound), abs=0.01)


def test_with_the_seeds_that_there_are_it_is_known() -> None:
    assert PART.chance(0.009, 5, LEVEL) == 1
    assert PART.chance(0.011, 5, LEVEL) == 0
    assert PART.chance(0.5, 5, LEVEL) == 0


def test_where_ever_more_seeds_leave_no_variance_what_is_seen_is_the_truth() -> None:
    of_seeds = Variance(0.0, 1e-4, 1e-4, 270, 3)
    assert of_seeds.chance(0.3, math.inf, LEVEL) == 1
    assert of_seeds.chance(1.0, math.inf, LEVEL) == 0


def test_where_nothing_varies_more_seeds_change_nothing() -> None:
    assert Variance(0.0, 0.0, 0.0, 270, 3).chance(0.3, 12, LEVEL) == 0


@pytest.mark.parametrize(("points", "images"), [(0.5, 800), (2.0, 800)])
def test_it_foresees_how_differences_of_other_seeds_scatter(points: float, images: int) -> None:
    """Of three seeds it is estimated, for twelve; both over climbs on other images."""
    draw, population = np.random.default_rng(1), Population(0.7, images)
    foreseen, found = [], []
    for _ in range(200):
        left, right = population.draw_ladder(draw, 12, [points] * 2)
        (early,) = statistics.find_each({"a": left[:3], "b": right[:3]}, [("a", "b")])
        assert isinstance(early, Finding)
        assert early.variance is not None
        assert early.variance.at(3) > early.variance.at(12) > early.variance.at(math.inf) >= 0
        foreseen.append(early.variance.at(12))
        found.append(float(left.mean() - right.mean()))
    assert np.mean(foreseen) == pytest.approx(np.var(found), rel=0.25)
