"""The charts of a search draw whatever a search may come to."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes

from convladder.core.metrics import ACCURACY
from convladder.report import search_plots

SPACE: dict[str, Any] = {
    "train.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "model.filters": {"choices": [[8, 16], [16, 32]]},
    "augmentation.mixup": {"choices": [0, 0.2]},
}


def table(*rows: tuple[str, float | None, float | None, list[int] | None, float]) -> pd.DataFrame:
    columns = ["state", "validation_accuracy", *SPACE]
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(SPACE, object))
    return frame.assign(candidate=range(len(rows)))


def heights(axes: Axes, line: int) -> list[float]:
    return [round(float(value), 3) for value in axes.lines[line].get_ydata()]


def test_each_candidate_is_a_line_over_its_settings_and_its_accuracy() -> None:
    found = table(("finished", 0.5, 1e-2, [16, 32], 0.0), ("finished", 0.7, 1e-1, [8, 16], 0.2))
    axes = search_plots.draw_parallel(found, ACCURACY, SPACE, winner=1)
    assert heights(axes, 0) == [0.5, 1, 0, 0]
    assert heights(axes, 1) == [1, 0, 1, 1]


def test_a_default_outside_of_the_space_goes_below_the_axes() -> None:
    found = table(("finished", 0.5, 1e-4, [6, 16], 0.1), ("finished", 0.7, None, None, 0.2))
    axes = search_plots.draw_parallel(found, ACCURACY, SPACE, winner=1)
    assert heights(axes, 0) == [search_plots.BELOW] * 3 + [0]
    assert heights(axes, 1) == [search_plots.BELOW] * 2 + [1, 1]


@pytest.mark.parametrize(
    "states", [[], ["failed"], ["pruned", "unfinished"], ["finished", "failed", "pruned"]]
)
def test_the_course_of_a_search_is_drawn_whatever_came_of_it(states: list[str]) -> None:
    found = table(*((state, 0.4, 1e-2, [8, 16], 0.0) for state in states))
    axes = search_plots.draw_search(found, ACCURACY, winner=None, default=None)
    labels = axes.get_legend_handles_labels()[1]
    assert ("failed" in labels) == ("failed" in states)
    assert ("fully trained" in labels) == ("finished" in states)


def test_what_stays_below_chance_is_not_in_colour() -> None:
    axes = search_plots.draw_importances({"one": 0.6, "other": 0.1}, chance=0.3)
    first, second = (patch.get_facecolor() for patch in axes.patches)
    assert first != second
