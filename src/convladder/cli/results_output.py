"""What is printed of runs, climbs, searches and comparisons: figures and verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from convladder.cli import answer_output, steps_output
from convladder.cli.output import FREE_COLUMNS, new_table, output, print_json, print_report_path
from convladder.core.formatting import plural, written
from convladder.results import next_steps

if TYPE_CHECKING:
    from convladder.api.comparison import Comparison
    from convladder.api.run import Run
    from convladder.api.search import Tuning
    from convladder.core.metrics import Metric
    from convladder.experiments.reproduction import Reproduction
    from convladder.results.group_summary import Claim, GroupSummary
    from convladder.results.saved_climb import SavedClimb


def climb(results: SavedClimb, page: Path, *, json_wanted: bool) -> None:
    """Print each rung's accuracy, verdict and price."""
    if json_wanted:
        rows = json.loads(results.summary_table().to_json(orient="records"))
        failed = [failure.key._asdict() | {"error": failure.error} for failure in results.failures]
        print_json({
            "folder": str(results.folder),
            "report": str(page),
            "metric": results.lineup.metric.name,
            "folds": results.folds,
            "rungs": rows,
            "failed": failed,
            "missing": results.missing,
        })  # fmt: skip
        return
    from convladder.results import answer, headline  # with pandas, which `--help` does without

    output.print(_standings(results.standings, results.against_parent, "rung", "vs. parent"))
    alone = len(results.ladder.rungs) == 1
    output.print(_units(results.lineup.metric, compared=not alone), style="dim")
    answer_output.show(
        answer.of_climb(results), (*headline.elsewhere(results), *headline.circumstances(results))
    )
    if results.missing:
        missing = plural(results.missing, "trial")
        output.print(
            f"not finished: {missing} to be trained (run the same climb command to resume)"
        )
    print_report_path(page)
    steps_output.show(next_steps.of_climb(results))


def tuning(tuned: Tuning, page: Path, *, json_wanted: bool) -> None:
    """Print in what the winner of a search differs from the default, and whether it is better."""
    if json_wanted:
        rows = (
            json.loads(tuned.climb.summary_table().to_json(orient="records")) if tuned.climb else []
        )
        print_json({
            "folder": str(tuned.folder),
            "report": str(page),
            "metric": tuned.metric.name,
            "winner": tuned.winner,
            "changes": {key: new for key, (_, new) in tuned.changes.items()},
            "run": str(tuned.tuned_run) if tuned.tuned_run else None,
            "candidates": json.loads(tuned.candidates.to_json(orient="records")),
            "rungs": rows,
        })  # fmt: skip
        return
    if tuned.changes:
        table = new_table("setting", "default", "found")
        for key, values in tuned.changes.items():
            table.add_row(key, *(escape(written(value)) for value in values))
        output.print(
            table,
            "for other commands, in addition to the options of this one: "
            f"{escape(tuned.assignments)}",
            "",
            sep="\n",
            soft_wrap=True,
        )
    if tuned.climb:
        output.print(
            _standings(tuned.climb.standings, tuned.climb.against_parent, "", "vs. default")
        )
        output.print(_units(tuned.metric), style="dim")
    from convladder.tuning.answer import of_search  # with pandas, as above

    answer_output.show(of_search(tuned), (tuned.count_states(),))
    if tuned.tuned_run:
        output.print(
            f"a network with the settings found: {tuned.tuned_run}", soft_wrap=True, markup=False
        )
    print_report_path(page)
    steps_output.show(next_steps.of_search(tuned))


def comparison(compared: Comparison, page: Path, *, json_wanted: bool) -> None:
    """Print the accuracy of each group, its verdict against the first, and its price."""
    if json_wanted:
        rows = json.loads(compared.summary_table().to_json(orient="records"))
        print_json(
            {
                "report": str(page),
                "metric": compared.lineup.metric.name,
                "reference": compared.reference,
                "groups": rows,
                "notes": compared.notes,
            }
        )
        return
    output.print(_standings(compared.standings, compared.claims, "name", "vs. first"))
    output.print(_units(compared.lineup.metric), style="dim")
    from convladder.results import answer  # with pandas, as above

    answer_output.show(answer.of_comparison(compared), compared.notes)
    print_report_path(page)
    steps_output.show(next_steps.of_comparison(compared))


def _units(metric: Metric, *, compared: bool = True) -> str:
    """Say what the figures of a table are."""
    said = f"{metric.title} on test"
    if metric.lower_is_better:
        said += ", less is better"
    return f"{said}; differences in points" if compared and metric.is_share else said


def _standings(
    standings: Mapping[str, GroupSummary], claims: Iterable[Claim], who: str, against: str
) -> Table:
    from convladder.results.standings import table as rows_of

    rows = rows_of(standings, who, claims, against, brief=True)
    figures = [heading for heading in rows[0] if heading not in (who, *FREE_COLUMNS)]
    table = new_table(*(f">{each}" if each in figures else each for each in rows[0]))
    for row in rows:
        table.add_row(*map(escape, row.values()))
    return table


def run(finished: Run, page: Path, *, json_wanted: bool) -> None:
    """Print a run's figures."""
    if json_wanted:
        print_json(
            {"folder": str(finished.folder), "report": str(page), "metrics": finished.metrics}
        )
        return
    figures(finished.metrics, json_wanted=False, judged_by=finished.experiment.judged_by)
    print_report_path(page)
    steps_output.show(next_steps.of_run(finished))


def reproduction(reproduced: Reproduction, run: Path, *, json_wanted: bool) -> None:
    """Print whether a run came out the same again."""
    if json_wanted:
        print_json(asdict(reproduced))
        return
    if reproduced.equal:
        output.print(
            f"identical: the predictions of all {reproduced.images:,} images are equal, byte for "
            "byte"
        )
    else:
        output.print(
            f"not identical: {reproduced.otherwise:,} of {reproduced.images:,} images get another "
            f"prediction, and probabilities differ by up to {reproduced.apart:.2g}"
        )
    for each in reproduced.circumstances:
        output.print(each, markup=False, style="dim")
    if not (reproduced.equal or reproduced.circumstances):
        output.print(
            "versions, machine and threads are the same, so this should not happen: please "
            "report it"
        )
    steps_output.show(steps_output.of_reproduction(run, equal=reproduced.equal))


def figures(
    metrics: Mapping[str, Any], *, json_wanted: bool, judged_by: Metric | None = None
) -> None:
    """Print the main figures of each split; the metric that was asked for comes first."""
    if json_wanted:
        print_json(metrics)
        return
    from convladder.evaluation.intervals import proportion
    from convladder.evaluation.metrics import told

    for split in ("validation", "test", "all"):
        if split in metrics:
            row = metrics[split]
            found = proportion(round(row["accuracy"] * row["images"]), row["images"])
            own = judged_by is not None and judged_by.name != "accuracy" and judged_by.column in row
            first = f"{judged_by.title} {row[judged_by.column]:.4f}, " if own and judged_by else ""
            output.print(
                f"{split}: {first}accuracy {row['accuracy']:.4f} "
                f"({found.low:.4f} to {found.high:.4f}), "
                f"macro F1 {row['macro_average']['f1']:.4f}, {told(row, but='accuracy')} "
                f"on {row['images']:,} images",
                soft_wrap=True,
            )
