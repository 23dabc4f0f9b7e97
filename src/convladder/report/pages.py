"""The pages of a run, a climb, a comparison and a search, with their plots as PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from convladder.core import files
from convladder.core.metrics import Metric
from convladder.report import panels, plots, search_plots
from convladder.report.panels import Subject
from convladder.report.pictures import Pictures
from convladder.report.templating import write_page
from convladder.results import model_card, provenance, standings
from convladder.results.comparison import RunComparison
from convladder.results.saved_climb import SavedClimb
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, estimate_of, robustness_of
from convladder.tuning.results import SearchResults

SHOWN = 10  # of the best candidates of a search


def write_climb(results: SavedClimb) -> Path:
    """Write a climb's `results.csv`, `summary.csv`, page and `plots/`; return the page's path."""
    results.write_tables()
    pictures = Pictures(results.folder)
    ladder_chart = plots.draw_standings(list(results.standings.values()), results.against_parent)
    return write_page(
        results.folder,
        "climb.html",
        results=results,
        headline=results.headline(),
        changes={rung.name: rung.change for rung in results.ladder.rungs},
        steps={rung.name: _steps(results, rung.name) for rung in results.ladder.rungs},
        signs=plots.VERDICT_SIGNS,
        ladder_chart=pictures.add("ladder", ladder_chart),
        curves=_curves(results, pictures),
        bearing=_bearing(results, pictures),
        alone=results.ladder.rungs[0].name if len(results.ladder.rungs) == 1 else None,
        data=results.about["data"],
        in_all=_in_all(results.about["data"]),
        environment=results.environment,
        standings_rows=standings.table(results.standings, "rung"),
        **panels.show(Subject(results.shown_seed, results.shown, pictures, results.shown_seeds)),
    )


def write_run(run: SavedRun) -> Path:
    """Write a run's `report.html`, `plots/` and model card; return the page's path."""
    pooled = SeedRun((run,))
    model_card.write(run, pooled.calibrated)
    pictures = Pictures(run.folder)
    own = robustness_of(run)
    return write_page(
        run.folder,
        "run.html",
        metric=run.experiment.judged_by,
        found=estimate_of(run),
        curves=[
            pictures.add(name, plots.draw_curves([run], metric))
            for name, metric in _histories(run.experiment.judged_by)
        ],
        robustness=own,
        bearing=pictures.add_grid("robustness", plots.draw_robustness(own)),
        data=run.about["data"],
        environment=run.about["environment"],
        changes=provenance.changes_on_the_way(run.about),
        **panels.show(Subject(pooled, run, pictures, (pooled,))),
    )


def write_comparison(comparison: RunComparison, folder: Path) -> Path:
    """Write a comparison's `summary.csv`, `report.html` and `plots/`; return the page's path."""
    lineup, reference = comparison.lineup, comparison.reference
    groups, found, table = comparison.standings, lineup.robustness, comparison.summary_table()
    files.write_text(folder / "summary.csv", table.to_csv(index=False, lineterminator="\n"))
    pictures = Pictures(folder)
    return write_page(
        folder,
        "comparison.html",
        comparison=comparison,
        standings=groups,
        standings_rows=standings.table(groups, ""),
        images=groups[reference].estimate.images,
        signs=plots.VERDICT_SIGNS,
        chart=pictures.add(
            "comparison", plots.draw_standings(list(groups.values()), comparison.claims)
        ),
        bearing={
            name: pictures.add_grid(
                f"robustness-{number}", plots.draw_robustness(own, found[reference])
            )
            for number, (name, own) in enumerate(found.items())
            if name != reference and lineup.asked_alike(name, reference)
        },
    )


def _curves(results: SavedClimb, pictures: Pictures) -> dict[str, list[Markup]]:
    return {
        name: [
            pictures.add(f"{name}-{which}", plots.draw_curves(standing.runs, metric))
            for which, metric in _histories(standing.metric)
        ]
        for name, standing in results.standings.items()
    }


def _histories(metric: Metric) -> list[tuple[str, str]]:
    """Return what is drawn over the epochs: how its file is named, and the metric."""
    return [(metric.kind, metric.name), ("loss", "loss")]


def _bearing(results: SavedClimb, pictures: Pictures) -> dict[str, Markup]:
    """Draw how each rung bears corruption, beside its parent."""
    found = results.lineup.robustness
    return {
        name: pictures.add_grid(
            f"{name}-robustness", plots.draw_robustness(own, results.parent_robustness(name))
        )
        for name, own in found.items()
    }


def _in_all(data: Mapping[str, Any]) -> dict[str, int]:
    """Return for each class how many images it has in all splits together."""
    return {
        name: sum(part[name] for part in data["counts"].values()) for name in data["class_names"]
    }


def _steps(results: SavedClimb, name: str) -> int:
    """Return how many steps above its root a rung stands."""
    parent = results.ladder.rung(name).parent
    return 1 + _steps(results, parent) if parent else 0


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
    metric = results.metric
    finished = finished.sort_values(
        [results.column, "candidate"], ascending=[metric.lower_is_better, True]
    )
    charts = {}
    if table[results.column].notna().any():
        charts["search"] = search_plots.draw_search(
            table, metric, results.found, results.default_on_validation
        )
    if histories:
        charts["curves"] = search_plots.draw_candidate_curves(histories, metric, results.found)
    if results.importances:
        charts["importances"] = search_plots.draw_importances(results.importances, results.chance)
    if len(finished) > 1:
        first = list(results.importances)
        charts["parallel"] = search_plots.draw_parallel(
            table, metric, results.about["space"], results.found, first
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
