"""Bands of curves, and intervals of the areas under them, hold the truth of simulated rungs."""

from __future__ import annotations

import numpy as np
import pytest

from claims import curve_claims


@pytest.mark.parametrize("size", curve_claims.SIZES[2:4])
@pytest.mark.parametrize("kind", ["area 0.83", "area 0.97", "some others are hard"])
def test_bands_of_curves_hold_the_truth(kind: str, size: curve_claims.Size) -> None:
    """Fewer than 44 of 50 bands hold in 1 of 200 cases if 95 of 100 do."""
    found = curve_claims.measure(curve_claims.Case(curve_claims.RUNGS[kind], size), rungs=50)
    assert {*found} == {"ROC", "precision-recall", "areas"}
    for shares in found.values():
        assert np.nanmean(shares) >= 0.88


def test_the_bootstrap_is_compared_on_the_same_points() -> None:
    case = curve_claims.Case(curve_claims.RUNGS["area 0.83"], curve_claims.SIZES[2])
    found = curve_claims.measure(case, rungs=3, draws=20)
    assert len(found["images"]) == len(found["both"]) == len(curve_claims.FALSE)


@pytest.mark.parametrize("kind", curve_claims.RUNGS)
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_true_curve_is_that_of_many_images_and_seeds(kind: str, seeds: int) -> None:
    rungs, images, near = (1, 40_000, 0.02) if seeds == 1 else (40, 4000, 0.06)
    size = curve_claims.Size(seeds, images, images)
    case = curve_claims.Case(curve_claims.RUNGS[kind], size)
    draw = np.random.default_rng(0)
    drawn = [case.draw(draw) for _ in range(rungs)]
    false = np.array(curve_claims.FALSE)
    rates = np.mean([each.true_rates(false) for each in drawn], axis=0)
    assert rates == pytest.approx(case.true_rates, abs=near)
    areas = np.mean([each.areas().mean() for each in drawn])
    precisions = np.mean([each.precisions().mean() for each in drawn])
    assert [areas, precisions] == pytest.approx(list(case.areas), abs=near)
