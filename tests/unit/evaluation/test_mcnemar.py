"""Two single networks on the same test images."""

from __future__ import annotations

import numpy as np
import pytest

from convladder.evaluation import mcnemar
from convladder.evaluation.differences import Difference


def networks(both: int, left: int, right: int, neither: int) -> dict[str, np.ndarray]:
    """Make two networks that are right on so many images together, alone, and not at all."""
    own = [True] * (both + left) + [False] * (right + neither)
    other = [True] * both + [False] * left + [True] * right + [False] * neither
    return {"left": np.array([own]), "right": np.array([other])}


def compare(both: int, left: int, right: int, neither: int) -> Difference:
    (found,) = mcnemar.compare(networks(both, left, right, neither), [("left", "right")])
    return found


def test_the_p_value_is_that_of_the_sign_test_on_the_disputed_images_less_half_of_these() -> None:
    found = compare(80, 9, 1, 10)
    assert found.difference == pytest.approx(0.08)
    assert found.p_value == pytest.approx((2 * 1 + 10) / 2**10)
    assert compare(80, 0, 4, 16).p_value == pytest.approx(1 / 2**4)
    assert found.verdict == "better"


def test_what_both_get_right_changes_the_interval_but_not_the_p_value() -> None:
    few, many = compare(10, 9, 1, 0), compare(500, 9, 1, 490)
    assert few.p_value == many.p_value
    assert few.low is not None
    assert many.high is not None
    assert many.high < few.low + 0.2


def test_equal_networks_are_not_called_equal_for_certain() -> None:
    found = compare(90, 0, 0, 10)
    assert (found.difference, found.p_value, found.verdict) == (
        0.0,
        1.0,
        "undecided",
    )
    assert found.low == pytest.approx(-found.high)
    assert found.high > 0.01


def test_p_values_are_corrected_for_the_family() -> None:
    tables = networks(80, 9, 1, 10)
    tables["third"] = tables["left"]
    found = mcnemar.compare(tables, [("left", "right"), ("third", "right")], family=4)
    assert [each.p_corrected for each in found] == [
        pytest.approx(4 * 12 / 2**10),
        pytest.approx(4 * 12 / 2**10),
    ]
    assert {each.verdict for each in found} == {"better"}


def test_networks_without_a_difference_are_seldom_told_apart_and_the_interval_covers() -> None:
    draw = np.random.default_rng(0)
    false_claims = covered = 0
    for _ in range(400):
        ease = draw.beta(4, 2, 300)
        tables = {name: (draw.random((1, 300)) < ease) for name in ("left", "right")}
        (found,) = mcnemar.compare(tables, [("left", "right")])
        false_claims += found.verdict != "undecided"
        covered += found.low <= 0 <= found.high
    assert false_claims <= 31  # more have a chance of 1 % at 5 %
    assert covered >= 374
