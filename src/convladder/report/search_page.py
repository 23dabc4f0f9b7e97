"""The page of a search, with its plots as PNG."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from convladder.report import plots, rung_rows, search_plots
from convladder.report.pictures import Pictures
from convladder.report.templating import write_page
from convladder.results import next_steps
from convladder.results.saved_climb import SavedClimb
from convladder.tuning import answer
from convladder.tuning.results import SearchResults
from convladder.tuning.space import is_same

SAID = {
    "search": "Candidates by their validation result, in order. A table below says the same.",
    "curves": "Learning curves of the candidates. A table below has where each ended.",
    "importances": "How much each setting mattered. A table below says the same.",
    "parallel": "The settings of each candidate, and its result. The best are in a table below.",
}
SHOWN = 10  # of the best candidates
MOST_ROWS = 200  # of all candidates


def write_search(results: SearchResults) -> Path:
    """Write a search's `report.html` and `plots/`; return the page's path."""
    pictures = Pictures(results.folder)
    charts = dict(_charts(results))
    table = results.candidates
    return write_page(
        results.folder,
        "tune.html",
        results=results,
        answer=answer.of_search(results),
        states=results.count_states(),
        climb=results.climb,
        **_tested(results.climb, pictures),
        signs=plots.VERDICT_SIGNS,
        charts={name: pictures.add(name, axes, SAID[name]) for name, axes in charts.items()},
        best=[
            row | {"changes": _changes(results, row)}
            for row in _finished(results).head(SHOWN).to_dict("records")
        ],
        candidates=table.to_dict("records"),
        most_rows=MOST_ROWS,
        failed=table[table["error"] != ""].to_dict("records"),
        data=results.about["data"],
        environment=results.about["environment"],
        steps_next=next_steps.of_search(results),
    )


def _finished(results: SearchResults) -> pd.DataFrame:
    """Return the candidates that were fully trained, the best first."""
    finished = results.candidates[results.candidates["state"] == "finished"]
    ascending = [results.metric.lower_is_better, True]
    return finished.sort_values([results.column, "candidate"], ascending=ascending)


def _changes(results: SearchResults, row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """Return the settings in which a candidate differs from the default, without their section."""
    return {
        key.rpartition(".")[2]: row[key]
        for key in results.settings
        if row[key] is not None and not is_same(row[key], results.default_of(key))
    }


def _charts(results: SearchResults) -> Iterator[tuple[str, Axes]]:
    """Yield the charts for which there is something to draw."""
    table, metric = results.candidates, results.metric
    if table[results.column].notna().any():
        default = results.default_on_validation
        yield "search", search_plots.draw_search(table, metric, results.found, default)
    numbers = [int(number) for number in table["candidate"]]
    histories = {
        number: history for number in numbers if (history := results.history(number)) is not None
    }
    if histories:
        yield "curves", search_plots.draw_candidate_curves(histories, metric, results.found)
    if results.importances:
        drawn = search_plots.draw_importances(results.importances, results.chance)
        yield "importances", drawn
    if results.count("finished") > 1:
        first, space = list(results.importances), results.about["space"]
        yield "parallel", search_plots.draw_parallel(table, metric, space, results.found, first)


def _tested(climb: SavedClimb | None, pictures: Pictures) -> dict[str, Any]:
    """Return the rows of the winner and the default on test; none where they are not tested."""
    if climb is None:
        return {"rows": [], "axis": None}
    drawn = plots.draw_standings(list(climb.standings.values()), climb.against_parent)
    pictures.keep_chart("tuned", drawn)
    axis = rung_rows.axis_of(climb.standings)
    return {"rows": rung_rows.rows_of(climb, axis), "axis": axis}
