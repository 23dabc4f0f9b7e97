"""The charts of a live page: places within the chart, round figures, and names as text."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convladder.core.metrics import ACCURACY
from convladder.report.live import charts
from convladder.report.live.charts import Scale, Series

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@given(VALUES)
def test_all_values_are_inside_and_ticks_are_few(values: Sequence[float]) -> None:
    axis = Scale.around(values)
    assert all(0 < axis.place(value) < 100 for value in values)
    assert 1 <= len(axis.ticks) <= charts.MOST_TICKS + 1
    assert all(0 <= axis.place(tick) <= 100 for tick in axis.ticks)


def test_figures_that_are_none_are_left_out() -> None:
    assert Scale.around([math.nan, math.inf]) == Scale.around([0.0, 1.0])
    line = Series("main", [(1, 0.5), (2, math.nan), (3, 0.6)])
    drawn = charts.draw_plot(Scale(1, 3), Scale(0, 1), [line], "a curve")
    assert 'd="M0.0 50.0L100.0 40.0"' in drawn


def test_a_series_without_points_draws_nothing() -> None:
    drawn = charts.draw_plot(Scale(0, 1), Scale(0, 1), [Series("main", [])], "none")
    assert "main" not in drawn


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a \"b\" & 'c'"])
def test_a_chart_has_a_name_and_is_well_formed(name: str) -> None:
    strip = charts.draw_strip(Scale(0, 1), [0.2, 0.4], (0.1, 0.3, 0.5), name)
    plot = charts.draw_plot(Scale(0, 1), Scale(0, 1), [Series("main", [(0, 0)], dots=True)], name)
    for drawn in (strip, plot):
        found = ET.fromstring(drawn)
        assert (found.get("role"), found.get("aria-label")) == ("img", name)
    assert len(ET.fromstring(strip).findall("circle")) == 2
    assert ET.fromstring(charts.draw_scale(Scale(0.9, 1.0), ACCURACY))[0].text == "90"
