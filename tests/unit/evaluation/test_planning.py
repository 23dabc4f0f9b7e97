"""What a climb would find, before it is trained."""

from __future__ import annotations

import numpy as np
import pytest

from convladder.evaluation import planning, statistics
from convladder.evaluation.differences import Finding, judge
from convladder.evaluation.needs import with_needs
from convladder.evaluation.prospects import Variance
from simulated_ladders import Population

RUNGS = 9
STEPS = [(str(number), str(number - 1)) for number in range(1, RUNGS)]
POPULATION = Population(0.9, 800)
GUESS = planning.guess(0.8, 0.01, 1000)


def detectable(seeds: int, images: int, rungs: int = RUNGS, family: int = 15) -> float:
    return planning.detectable(GUESS, seeds, images, rungs, family)


def test_more_seeds_and_more_images_find_smaller_differences() -> None:
    by_seeds = [detectable(seeds, 1000) for seeds in (3, 5, 8, 20)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    by_images = [detectable(5, images) for images in (100, 1000, 10_000)]
    assert by_images == sorted(by_images, reverse=True)


def test_more_comparisons_and_rungs_that_know_nothing_of_each_other_find_less() -> None:
    assert detectable(5, 1000, family=15) > detectable(5, 1000, family=1)
    assert detectable(3, 1000, rungs=3) > detectable(3, 1000, rungs=9)


def test_images_do_not_take_away_what_seeds_differ_by() -> None:
    endless = detectable(3, 10**9)
    assert endless > 2 * 0.01 * np.sqrt(2 / 3)
    assert endless < detectable(3, 10**4)


def test_steadier_seeds_and_an_accuracy_near_one_show_more() -> None:
    assert planning.detectable(planning.guess(0.8, 0.001, 1000), 3, 1000, 9, 15) < detectable(
        3, 1000
    )
    assert planning.detectable(planning.guess(0.99, 0.01, 1000), 3, 1000, 9, 15) < detectable(
        3, 1000
    )


def share_found(gain: float, climbs: int = 20, seeds: int = 5) -> float:
    """Return how often steps that differ by so much are called in simulated climbs."""
    draw, found = np.random.default_rng(2), []
    for _ in range(climbs):
        drawn = POPULATION.draw_ladder(draw, seeds, [0.5] * RUNGS)
        ladder = {str(rung): table + gain * (rung % 2) for rung, table in enumerate(drawn)}
        claims = statistics.compare(ladder, STEPS, {name: range(seeds) for name in ladder})
        found += [claim.verdict != "undecided" for claim in claims]
    return float(np.mean(found))


def test_what_was_planned_is_found_and_the_half_of_it_is_not() -> None:
    """Planned by the variance of one simulated climb, and found in others."""
    drawn = POPULATION.draw_ladder(np.random.default_rng(1), 5, [0.5] * RUNGS)
    ladder = {str(rung): table for rung, table in enumerate(drawn)}
    variances = [
        each.variance
        for each in statistics.find_each(ladder, STEPS)
        if isinstance(each, Finding) and each.variance is not None
    ]
    variance = planning.typical(variances)
    gain = planning.detectable(variance, 5, POPULATION.images, RUNGS, len(STEPS))
    assert share_found(gain) > 0.75
    assert share_found(gain / 2) < 0.5


def test_the_typical_difference_is_the_one_in_the_middle() -> None:
    variances = [Variance(part, 0.0, 0.0, 100, 2) for part in (3.0, 1.0, 2.0)]
    assert planning.typical(variances).of_images == 2.0


@pytest.mark.parametrize(("margin", "verdict"), [(None, "undecided"), (0.5, "equal")])
def test_a_difference_is_told_what_it_needs_only_where_it_is_undecided(
    margin: float | None, verdict: str
) -> None:
    drawn = Population(0.9, 400).draw_ladder(np.random.default_rng(4), 4, [1, 1])
    found = statistics.find_each(dict(zip("ab", drawn, strict=True)), [("b", "a")])
    (claim,) = with_needs(judge(found, 1, margin), found, 1)
    assert claim.verdict == verdict
    if verdict != "undecided":
        assert claim.seeds_needed is claim.images_needed is None


@pytest.mark.parametrize("rungs", [2, 9])
def test_equal_rungs_are_called_equal_within_the_margin_that_is_planned(rungs: int) -> None:
    """Of 60 climbs, each of one question. Seeds of two rungs alone scatter, so the bounds are."""
    draw, called = np.random.default_rng(3), []
    truth = planning.guess(POPULATION.accuracy, 0.005, POPULATION.images)
    for _ in range(60):
        drawn = POPULATION.draw_ladder(draw, 8, [0.5] * rungs)
        ladder = {str(rung): table for rung, table in enumerate(drawn)}
        found = statistics.find_each(ladder, [("1", "0")])
        (one,) = found
        assert isinstance(one, Finding)
        assert one.variance is not None
        margin = planning.equal_within(one.variance, 8, POPULATION.images, rungs, 1)
        (claim,) = judge(found, 1, margin)
        called.append(claim.p_equal is not None and claim.p_equal < 0.05 * 0.85)
    assert 0.6 < np.mean(called) < 0.95
    few, many = (planning.equal_within(truth, each, 800, rungs, 1) for each in (3, 20))
    assert many < few
