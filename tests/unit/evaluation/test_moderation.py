"""What rungs say of each other's seeds."""

from __future__ import annotations

import numpy as np
import pytest

from convladder.evaluation.components import Components
from convladder.evaluation.moderation import Spread, spreads

RESIDUAL = 1e-4


def rungs(phi: list[float], seeds: int = 5, images: int = 1000) -> dict[str, Components]:
    """Make rungs whose seeds vary by so many times the residual."""
    by_image = np.zeros(images)
    return {
        str(number): Components(seeds, images, 0.9, by_image, each * RESIDUAL, RESIDUAL)
        for number, each in enumerate(phi)
    }


def test_few_rungs_keep_their_own() -> None:
    found = spreads(rungs([1, 2, 3, 4]))
    assert found["2"] == Spread(3 * RESIDUAL, 4, moderated=False)


def test_a_rung_of_one_seed_has_none_and_does_not_count() -> None:
    of_four = rungs([1, 2, 3, 4]) | {"single": Components(1, 1000, 0.9, np.zeros(1000), 0, 0)}
    found = spreads(of_four)
    assert "single" not in found
    assert not found["0"].moderated


def test_a_small_spread_is_raised_and_a_large_one_stays() -> None:
    found = spreads(rungs([0.2, 1, 1.2, 1.5, 2.5]))
    assert all(each.moderated for each in found.values())
    assert found["0"].variance > 0.2 * RESIDUAL
    assert found["4"].variance == pytest.approx(2.5 * RESIDUAL)
    assert all(each.degrees > 4 for each in found.values())


def test_spreads_that_agree_more_than_chance_lets_them_make_each_other_certain() -> None:
    alike, apart = spreads(rungs([1.0] * 6)), spreads(rungs([0.01, 0.1, 1, 3, 9, 30]))
    assert alike["0"].degrees > 50
    assert apart["0"].degrees < 8


def test_with_few_seeds_rungs_say_less_of_each_other() -> None:
    few, enough = spreads(rungs([1.0] * 6, seeds=4)), spreads(rungs([1.0] * 6, seeds=5))
    assert few["0"].degrees < 20 < enough["0"].degrees


def test_an_unsteady_rung_keeps_its_own_and_the_others_do_not_see_it() -> None:
    phi = [0.6, 0.8, 1.0, 1.2, 1.5]
    with_it, without = spreads(rungs([*phi, 80.0])), spreads(rungs(phi))
    assert with_it["5"] == Spread(pytest.approx(80 * RESIDUAL), 4, moderated=True)
    assert with_it["0"].variance == pytest.approx(without["0"].variance)
    assert with_it["0"].degrees == pytest.approx(without["0"].degrees)


def test_seeds_that_came_to_the_same_accuracy_are_taken_for_rounded() -> None:
    found = spreads(rungs([0.0, 1, 1.2, 1.5, 2.5], images=100))
    assert found["0"].variance > 0.2 * RESIDUAL
    assert found["1"].degrees > 6


def test_seeds_that_are_right_everywhere_have_a_spread() -> None:
    perfect = Components(3, 100, 1.0, np.ones(100), 0.0, 0.0)
    found = spreads({str(number): perfect for number in range(6)})
    assert 0 < found["0"].variance < 1e-4
