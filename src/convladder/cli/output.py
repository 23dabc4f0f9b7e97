"""What a command prints as its result: a table for people, or JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from convladder.core.formatting import written
from convladder.evaluation import wording

if TYPE_CHECKING:
    import pandas as pd

    from convladder.api.check import Check
    from convladder.api.comparison import Comparison
    from convladder.api.run import Run
    from convladder.api.search import Tuning
    from convladder.core.ladder import Ladder
    from convladder.data.bank.bank import Bank
    from convladder.data.quality.checks import Finding
    from convladder.experiments.reproduction import Reproduction
    from convladder.results.groups import Claim, GroupSummary
    from convladder.results.saved_climb import SavedClimb

_FREE_COLUMNS = ("verdict", "change", "title", "source")  # whose text may take several lines
MOST_SUSPECTS = 20
MOST_PROPERTIES = 8
PIPED_WIDTH = 160  # where there is no terminal whose width could be asked

output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def as_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def ladders(loaded: Sequence[Ladder], *, json_wanted: bool) -> None:
    if json_wanted:
        as_json(
            [{"name": each.name, "title": each.title, "rungs": len(each.rungs)} for each in loaded]
        )
        return
    table = _table("ladder", ">rungs", "title")
    for each in loaded:
        table.add_row(each.name, str(len(each.rungs)), escape(each.title))
    output.print(table)


def ladder(chosen: Ladder, costs: Mapping[str, Mapping[str, int]], *, json_wanted: bool) -> None:
    """Print the rungs with their changes and what each costs."""
    if json_wanted:
        as_json([
            {"rung": rung.name, "parent": rung.parent, "change": rung.change, **costs[rung.name]}
            for rung in chosen.rungs
        ])  # fmt: skip
        return
    table = _table("rung", "change", ">parameters", ">MACs", ">FLOPs")
    for rung in chosen.rungs:
        cost = costs[rung.name]
        change = (
            "\n".join(f"{key} = {written(value)}" for key, value in rung.change.items())
            or "the start"
        )
        numbers = (f"{cost[name]:,}" if cost else "" for name in ("parameters", "macs", "flops"))
        table.add_row(rung.name, escape(change), *numbers)
    output.print(table)
    if not all(costs.values()):
        output.print("Rungs without costs depend on the backbone (--pretrained).", markup=False)


def _bank(bank: Bank, size: int) -> dict[str, Any]:
    return {
        "source": bank.source,
        "images": len(bank.records),
        "shape": list(bank.form.shape),
        "bytes": size,
        "folder": str(bank.folder),
    }


def banks(kept: Sequence[tuple[Bank, int]], cache: Path, *, json_wanted: bool) -> None:
    """Print the decoded data sets in the cache with their sizes."""
    if json_wanted:
        as_json([_bank(bank, size) for bank, size in kept])
        return
    table = _table("source", ">images", ">shape", ">MB")
    for bank, size in kept:
        shape = "x".join(map(str, bank.form.shape))
        table.add_row(escape(bank.source), f"{len(bank.records):,}", shape, f"{size / 1e6:,.1f}")
    if kept:
        output.print(table)
    output.print(f"{len(kept)} decoded data sets in {cache}", soft_wrap=True, markup=False)


def check(checked: Check, page: Path | None, *, json_wanted: bool) -> None:
    """Print what became of the files, the images by class and split, and what was found."""
    from convladder.data.source import count_ignored  # with NumPy, which `--help` does without

    if json_wanted:
        as_json(checked.as_json() | {"report": str(page) if page else None})
        return
    several = checked.splits != [""]
    table = _table(
        "class", *(f">{split or 'no split'}" for split in checked.splits if several), ">images"
    )
    for name, counts in checked.counts.items():
        cells = [*counts.values()] if several else []
        table.add_row(escape(name), *(f"{count:,}" for count in [*cells, sum(counts.values())]))
    output.print(table)
    for what, found in checked.properties.items():
        listed = [f"{value} {count:,}" for value, count in list(found.items())[:MOST_PROPERTIES]]
        more = (
            f", and {len(found) - MOST_PROPERTIES} others" if len(found) > MOST_PROPERTIES else ""
        )
        output.print(
            f"{what}s: {', '.join(listed)}{more}", style="dim", soft_wrap=True, markup=False
        )
    ignored = [
        (
            f"ignored: {count:,} {rule} "
            f"({next(each.path for each in checked.ignored if each.rule == rule)})"
        )
        for rule, count in count_ignored(checked.ignored).items()
    ]
    for line in (*ignored, *checked.notes, *filter(None, [checked.groups])):
        output.print(line, style="dim", soft_wrap=True, markup=False)
    if checked.findings:
        output.print("", _findings(checked.findings), "", sep="\n")
    of_links = [finding.advice for finding in checked.findings if finding.code == "links"]
    if of_links:
        output.print(of_links[0], soft_wrap=True, markup=False)
    output.print(checked.headline(), soft_wrap=True, markup=False)
    if page:
        _report(page)
    elif checked.findings:
        output.print("--html FILE shows them as pictures; --json lists them all", style="dim")


def _findings(found: Sequence[Finding]) -> Table:
    table = _table("found", ">count", "the first", "")
    for finding in found:
        row = finding.rows[0]
        first = row.get("path") or row["label"]
        partner = f"and {row['other_path']}" if "other_path" in row else row["detail"]
        table.add_row(finding.heading, f"{len(finding.rows):,}", escape(first), escape(partner))
    return table


def climb(results: SavedClimb, page: Path, *, json_wanted: bool) -> None:
    """Print each rung's accuracy, verdict and price."""
    if json_wanted:
        rows = json.loads(results.summary_table().to_json(orient="records"))
        failed = [failure.key._asdict() | {"error": failure.error} for failure in results.failures]
        as_json({
            "folder": str(results.folder),
            "report": str(page),
            "folds": results.folds,
            "rungs": rows,
            "failed": failed,
        })  # fmt: skip
        return
    output.print(_standings(results.standings, results.against_parent, "rung", "vs. parent"))
    alone = len(results.ladder.rungs) == 1
    output.print(f"accuracy on test{'' if alone else '; differences in points'}", style="dim")
    output.print(results.headline(), soft_wrap=True, markup=False)
    _report(page)


def tuning(tuned: Tuning, page: Path, *, json_wanted: bool) -> None:
    """Print in what the winner of a search differs from the default, and whether it is better."""
    if json_wanted:
        rows = (
            json.loads(tuned.climb.summary_table().to_json(orient="records")) if tuned.climb else []
        )
        as_json({
            "folder": str(tuned.folder),
            "report": str(page),
            "winner": tuned.winner,
            "changes": {key: new for key, (_, new) in tuned.changes.items()},
            "run": str(tuned.tuned_run) if tuned.tuned_run else None,
            "candidates": json.loads(tuned.candidates.to_json(orient="records")),
            "rungs": rows,
        })  # fmt: skip
        return
    if tuned.changes:
        table = _table("setting", "default", "found")
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
        output.print("accuracy on test; differences in points", style="dim")
    output.print(tuned.headline(), soft_wrap=True, markup=False)
    if tuned.tuned_run:
        output.print(
            f"a network with the settings found: {tuned.tuned_run}", soft_wrap=True, markup=False
        )
    _report(page)


def comparison(compared: Comparison, page: Path, *, json_wanted: bool) -> None:
    """Print the accuracy of each group, its verdict against the first, and its price."""
    if json_wanted:
        rows = json.loads(compared.summary_table().to_json(orient="records"))
        as_json(
            {
                "report": str(page),
                "reference": compared.reference,
                "groups": rows,
                "notes": compared.notes,
            }
        )
        return
    output.print(_standings(compared.standings, compared.claims, "name", "vs. first"))
    output.print("accuracy on test; differences in points", style="dim")
    for note in compared.notes:
        output.print(note, soft_wrap=True, markup=False)
    output.print(compared.headline(), soft_wrap=True, markup=False)
    _report(page)


def _standings(
    standings: Mapping[str, GroupSummary], claims: Iterable[Claim], who: str, against: str
) -> Table:
    from convladder.results.standings import table as rows_of

    rows = rows_of(standings, who, claims, against, brief=True)
    figures = [heading for heading in rows[0] if heading not in (who, *_FREE_COLUMNS)]
    table = _table(*(f">{each}" if each in figures else each for each in rows[0]))
    for row in rows:
        table.add_row(*map(escape, row.values()))
    return table


def run(finished: Run, page: Path, *, json_wanted: bool) -> None:
    """Print a run's figures."""
    if json_wanted:
        as_json({"folder": str(finished.folder), "report": str(page), "metrics": finished.metrics})
        return
    figures(finished.metrics, json_wanted=False)
    _report(page)


def reproduction(reproduced: Reproduction, *, json_wanted: bool) -> None:
    """Print whether a run came out the same again."""
    if json_wanted:
        as_json(asdict(reproduced))
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


def explanation(run: Run, page: Path, accuracy: float, *, json_wanted: bool) -> None:
    """Print where a run errs: classes, pairs, calibration, threshold, robustness, labels."""
    classes, pairs, suspects = run.class_accuracies(), run.confused_pairs(), run.suspected_labels()
    calibration, selection = run.calibration(), run.selection(accuracy)
    if json_wanted:
        as_json({
            "classes": classes.to_dict("index"),
            "confused_pairs": pairs.to_dict("records"),
            "calibration": asdict(calibration),
            "selection": asdict(selection),
            "robustness": run.robustness().to_dict("records"),
            "suspected_labels": suspects.to_dict("records"),
            "report": str(page),
        })  # fmt: skip
        return
    blocks: list[Table | str] = [_classes(classes)]
    blocks += [_pairs(pairs)] if len(pairs) else []
    blocks += [wording.of_calibration(calibration), wording.of_selection(selection)]
    blocks += [_robustness(run.robustness())]
    blocks += [
        wording.of_suspects(len(suspects), len(run.predictions), run.metrics["test"]["accuracy"])
    ]
    blocks += [_suspects(suspects)] if len(suspects) else []
    for block in blocks:
        output.print(block, "", sep="\n", soft_wrap=isinstance(block, str), markup=False)
    if len(suspects) > MOST_SUSPECTS:
        output.print(f"the first {MOST_SUSPECTS} suspects; --json has all", style="dim")
    _report(page)


def _classes(found: pd.DataFrame) -> Table:
    table = _table("class", ">accuracy", ">95 % interval", ">test images")
    for name, row in found.iterrows():
        table.add_row(
            escape(str(name)), f"{row['share']:.3f}", _interval(row), f"{row['images']:,.0f}"
        )
    return table


def _pairs(found: pd.DataFrame) -> Table:
    table = _table("class", "predicted as", ">mistakes", ">share", ">95 % interval")
    for _, row in found.iterrows():
        names = (escape(row["class"]), escape(row["predicted"]))
        table.add_row(*names, str(row["mistakes"]), f"{row['share']:.3f}", _interval(row))
    return table


def _robustness(found: pd.DataFrame) -> Table:
    table = _table(
        "accuracy on degraded images",
        *(f">strength {strength}" for strength in sorted(set(found["strength"]))),
    )
    for name, rows in found.groupby("corruption", sort=False):
        table.add_row(wording.readable(str(name)), *(f"{share:.3f}" for share in rows["accuracy"]))
    return table


def _suspects(found: pd.DataFrame) -> Table:
    table = _table("file", "label", "looks like", ">margin")
    for _, row in found.head(MOST_SUSPECTS).iterrows():
        table.add_row(
            escape(row["path"]),
            escape(row["label"]),
            escape(row["suggested"]),
            f"{row['margin']:.2f}",
        )
    return table


def _interval(row: pd.Series[Any]) -> str:
    return f"{row['low']:.3f}–{row['high']:.3f}"


def figures(metrics: Mapping[str, Any], *, json_wanted: bool) -> None:
    """Print the main figures of each split."""
    if json_wanted:
        as_json(metrics)
        return
    from convladder.evaluation.intervals import proportion
    from convladder.evaluation.metrics import told

    for split in ("validation", "test", "all"):
        if split in metrics:
            row = metrics[split]
            found = proportion(round(row["accuracy"] * row["images"]), row["images"])
            output.print(
                f"{split}: accuracy {row['accuracy']:.4f} ({found.low:.4f} to {found.high:.4f}), "
                f"macro F1 {row['macro_average']['f1']:.4f}, {told(row, but='accuracy')} "
                f"on {row['images']:,} images",
                soft_wrap=True,
            )


def _table(*headings: str) -> Table:
    """Make a table without lines; a heading that begins with `>` stands at the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        right, free = heading.startswith(">"), heading in _FREE_COLUMNS
        table.add_column(
            heading.lstrip(">"),
            justify="right" if right else "left",
            no_wrap=not free,
            overflow="fold",
        )
    return table


def _report(page: Path) -> None:
    output.print(f"report: {page}", soft_wrap=True, markup=False)
