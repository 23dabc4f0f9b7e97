"""The pages of a run, a climb and a comparison, with their plots as PNG."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from convladder.core import files
from convladder.core.metrics import Metric
from convladder.report import (
    degraded,
    learning,
    panels,
    plots,
    robustness_plots,
    rung_rows,
)
from convladder.report.panels import Subject
from convladder.report.pictures import Pictures
from convladder.report.templating import PAGE, write_page
from convladder.results import (
    answer,
    folders,
    headline,
    model_card,
    next_steps,
    provenance,
    standings,
)
from convladder.results.comparison import RunComparison
from convladder.results.group_summary import Claim, GroupSummary
from convladder.results.saved_climb import SavedClimb
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, estimate_of, robustness_of, trial_name

DEGRADED = "Accuracy over the strength of each corruption. The table below has the means."


def write_climb(results: SavedClimb) -> Path:
    """Write a climb's `results.csv`, `summary.csv`, page and `plots/`; return the page's path."""
    results.write_tables()
    pictures = Pictures(results.folder)
    ladder_chart = plots.draw_standings(list(results.standings.values()), results.against_parent)
    pictures.keep_chart("ladder", ladder_chart)
    axis = rung_rows.axis_of(results.standings)
    subject = Subject(results.shown_seed, results.shown, pictures, results.shown_seeds)
    return write_page(
        results.folder,
        "climb.html",
        results=results,
        answer=answer.of_climb(results),
        circumstances=list(headline.circumstances(results)),
        names=[name for rung in results.ladder.rungs for name in (rung.name, *rung.takes_in)],
        axis=axis,
        rung_rows=rung_rows.rows_of(results, axis),
        changes={rung.name: rung.change for rung in results.ladder.rungs},
        heights={rung.name: _height(results, rung.name) for rung in results.ladder.rungs},
        steps_differ=bool({*results.steps} - {*results.from_start}),
        telling=_telling(results.against_parent),
        corrupted_decided=headline.on_degraded(results),
        signs=plots.VERDICT_SIGNS,
        runs={name: _links(results, each) for name, each in results.standings.items()},
        curves=_curves(results, pictures),
        learned={name: learning.table(each.runs) for name, each in results.standings.items()},
        bearing=_bearing(results, pictures),
        mosaic=degraded.mosaic_of(results.shown),
        alone=results.ladder.rungs[0].name if len(results.ladder.rungs) == 1 else None,
        of_several=len(results.shown_seeds) > 1,
        data=results.about["data"],
        in_all=_in_all(results.about["data"]),
        environment=results.environment,
        standings_rows=standings.table(results.standings, "rung"),
        steps_next=next_steps.of_climb(results),
        **panels.show(subject),
    )


def write_run(run: SavedRun) -> Path:
    """Write a run's `report.html`, `plots/` and model card; return the page's path."""
    pooled = SeedRun((run,))
    model_card.write(run, pooled.calibrated)
    pictures = Pictures(run.folder)
    own = robustness_of(run)
    drawn = robustness_plots.draw_robustness(own)
    return write_page(
        run.folder,
        "run.html",
        answer=answer.of_run(run),
        metric=run.experiment.judged_by,
        found=estimate_of(run),
        climb=_page_of_climb(run),
        curves=[
            pictures.add(name, plots.draw_curves([run], metric), f"{metric} over the epochs")
            for name, metric in _histories(run.experiment.judged_by)
        ],
        learned=learning.table([run]),
        robustness=own,
        bearing=pictures.add_grid("robustness", drawn, DEGRADED),
        mosaic=degraded.mosaic_of(run),
        data=run.about["data"],
        environment=run.about["environment"],
        changes=provenance.changes_on_the_way(run.about),
        steps_next=next_steps.of_run(run),
        **panels.show(Subject(pooled, run, pictures, (pooled,))),
    )


def write_comparison(comparison: RunComparison, folder: Path) -> Path:
    """Write a comparison's `summary.csv`, `report.html` and `plots/`; return the page's path."""
    groups, table = comparison.standings, comparison.summary_table()
    files.write_text(folder / "summary.csv", table.to_csv(index=False, lineterminator="\n"))
    pictures = Pictures(folder)
    chart = plots.draw_standings(list(groups.values()), comparison.claims)
    pictures.keep_chart("comparison", chart)
    axis, claims = rung_rows.axis_of(groups), {claim.name: claim for claim in comparison.claims}
    return write_page(
        folder,
        "comparison.html",
        comparison=comparison,
        answer=answer.of_comparison(comparison),
        standings=groups,
        axis=axis,
        rows=[
            rung_rows.row_of(standing, claims.get(name), None, axis)
            for name, standing in groups.items()
        ],
        standings_rows=standings.table(groups, "name"),
        signs=plots.VERDICT_SIGNS,
        bearing=_bearing_of_groups(comparison, pictures),
        steps_next=next_steps.of_comparison(comparison),
    )


def _bearing_of_groups(comparison: RunComparison, pictures: Pictures) -> Markup | None:
    """Draw how the group to use, or the first other, bears corruption beside the reference."""
    reference = comparison.reference
    found = comparison.lineup.asked_as(reference)
    others = [name for name in found if name != reference]
    if not others:
        return None
    shown = comparison.best if comparison.best in others else others[0]
    drawn = robustness_plots.draw_rungs(found, shown, reference, "the reference")
    return pictures.add_grid("robustness", drawn, DEGRADED)


def _curves(results: SavedClimb, pictures: Pictures) -> dict[str, list[Markup]]:
    return {
        name: [
            pictures.add(
                f"{name}-{which}",
                plots.draw_curves(standing.runs, metric),
                f"{metric} of {name} over the epochs, on train and validation",
            )
            for which, metric in _histories(standing.metric)
        ]
        for name, standing in results.standings.items()
    }


def _histories(metric: Metric) -> list[tuple[str, str]]:
    """Return what is drawn over the epochs: how its file is named, and the metric."""
    return [(metric.kind, metric.name), ("loss", "loss")]


def _bearing(results: SavedClimb, pictures: Pictures) -> Markup | None:
    """Draw how the rungs bear corruption, those that were asked as the one that is shown."""
    shown = results.shown.rung
    alike = results.lineup.asked_as(shown)
    if not alike:
        return None
    drawn = robustness_plots.draw_rungs(alike, shown, results.ladder.rungs[0].name)
    return pictures.add_grid("robustness", drawn, DEGRADED)


def _telling(claims: Iterable[Claim]) -> list[str]:
    """Return the rungs of which a verdict says something."""
    return [claim.name for claim in claims if claim.difference.is_called]


def _links(results: SavedClimb, standing: GroupSummary) -> list[dict[str, str]]:
    """Return where the runs of a rung are: their page, or their folder where they have none."""
    links = []
    for run in standing.runs:
        place = run.folder / PAGE
        target = place if place.exists() else run.folder
        link = quote(target.relative_to(results.folder).as_posix())
        links.append({"name": trial_name(run), "link": link if target is place else f"{link}/"})
    return links


def _page_of_climb(run: SavedRun) -> str | None:
    """Return where the page of a run's climb is, from the run's folder, if it is of a climb."""
    folder = folders.climb_of(run.folder)
    return None if folder is None else Path(os.path.relpath(folder / PAGE, run.folder)).as_posix()


def _in_all(data: Mapping[str, Any]) -> dict[str, int]:
    """Return for each class how many images it has in all splits together."""
    return {
        name: sum(part[name] for part in data["counts"].values()) for name in data["class_names"]
    }


def _height(results: SavedClimb, name: str) -> int:
    """Return how many steps above its root a rung stands."""
    parent = results.ladder.rung(name).parent
    return 1 + _height(results, parent) if parent else 0
