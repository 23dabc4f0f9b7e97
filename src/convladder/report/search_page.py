"""The page of a search: what was found, whether it is better on test, and how the search went."""

from __future__ import annotations

from pathlib import Path

from convladder.report import plots, search_plots
from convladder.report.data_urls import Pictures
from convladder.report.templating import write_page
from convladder.tuning.results import SearchResults

SHOWN = 10  # of the best candidates


def write_search(results: SearchResults) -> Path:
    """Write a search's `report.html` and `plots/`; return the page's path."""
    pictures = Pictures(results.folder)
    table, climb = results.candidates, results.climb
    histories = {
        number: history
        for number in table["candidate"]
        if (history := results.history(int(number))) is not None
    }
    finished = table[table["state"] == "finished"]
    finished = finished.sort_values(["validation_accuracy", "candidate"], ascending=[False, True])
    charts = {}
    if table["validation_accuracy"].notna().any():
        charts["search"] = search_plots.draw_search(table, results.found, results.default_accuracy)
    if histories:
        charts["curves"] = search_plots.draw_candidate_curves(histories, results.found)
    if results.importances:
        charts["importances"] = search_plots.draw_importances(results.importances, results.chance)
    if len(finished) > 1:
        first = list(results.importances)
        charts["parallel"] = search_plots.draw_parallel(
            table, results.about["space"], results.found, first
        )
    if climb:
        charts["tuned"] = plots.draw_standings(list(climb.standings.values()), climb.against_parent)
    return write_page(
        results.folder,
        "tune.html",
        results=results,
        climb=climb,
        signs=plots.VERDICT_SIGNS,
        charts={name: pictures.add(name, axes) for name, axes in charts.items()},
        best=finished.head(SHOWN).to_dict("records"),
        failed=table[table["error"] != ""].to_dict("records"),
        data=results.about["data"],
        environment=results.about["environment"],
    )
