"""The axis along which a climb's intervals are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from convladder.core.metrics import ACCURACY, LOG_LOSS
from convladder.report.rung_rows import MOST_TICKS, Axis


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.5, 1.0, ["60 %", "80 %", "100 %"]),
        (0.88, 1.0, ["90 %", "95 %", "100 %"]),
        (0.975, 0.99, ["97.5 %", "98.0 %", "98.5 %", "99.0 %"]),
        (0.56, 0.64, ["56 %", "64 %"]),
    ],
)
def test_ticks_are_round_values(low: float, high: float, texts: list[str]) -> None:
    assert [tick.text for tick in Axis(low, high, ACCURACY).ticks] == texts


def test_a_tick_stands_where_its_value_does() -> None:
    axis = Axis(0.2, 1.2, LOG_LOSS)
    assert [(tick.place, tick.text) for tick in axis.ticks] == [
        (pytest.approx(30), "0.5"),
        (pytest.approx(80), "1.0"),
    ]


def test_every_axis_has_two_ticks_or_more_and_not_too_many() -> None:
    for step in (0.001, 0.002, 0.005, 0.01, 0.2, 5.0, 20.0, 1000.0):
        for first, parts in np.ndindex(20, 8):
            axis = Axis(step * first, step * (first + parts + 1), LOG_LOSS)
            assert 2 <= len(axis.ticks) <= MOST_TICKS
            assert all(0 <= tick.place <= 100 for tick in axis.ticks)
            assert len({tick.text for tick in axis.ticks}) == len(axis.ticks)
