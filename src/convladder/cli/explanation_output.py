"""What `explain` prints: where a network errs, and whether to trust its confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from convladder.cli import steps_output
from convladder.cli.output import new_table, output, print_json, print_report_path
from convladder.evaluation import sets_in_words, wording

if TYPE_CHECKING:
    import pandas as pd

    from convladder.api.run import Run


MOST_SUSPECTS = 20


@dataclass(frozen=True)
class Wanted:
    """The accuracy that a threshold should give, and the coverage of prediction sets."""

    accuracy: float
    coverage: float


def explanation(run: Run, page: Path, wanted: Wanted, *, json_wanted: bool) -> None:
    """Print where a run errs: classes, pairs, calibration, threshold, robustness, labels."""
    classes, pairs, suspects = run.class_accuracies(), run.confused_pairs(), run.suspected_labels()
    calibration, selection = run.calibration(), run.selection(wanted.accuracy)
    sets = run.prediction_sets(wanted.coverage)
    if json_wanted:
        print_json({
            "classes": classes.to_dict("index"),
            "confused_pairs": pairs.to_dict("records"),
            "calibration": asdict(calibration),
            "selection": asdict(selection),
            "prediction_sets": asdict(sets),
            "robustness": run.robustness().to_dict("records"),
            "suspected_labels": suspects.to_dict("records"),
            "report": str(page),
        })  # fmt: skip
        return
    blocks: list[Table | str] = [_classes(classes)]
    blocks += [_pairs(pairs)] if len(pairs) else []
    blocks += [wording.of_calibration(calibration), wording.of_selection(selection)]
    blocks += [sets_in_words.of_sets(sets)]
    blocks += [_robustness(run.robustness())]
    blocks += [
        wording.of_suspects(len(suspects), len(run.predictions), run.metrics["test"]["accuracy"])
    ]
    blocks += [_suspects(suspects)] if len(suspects) else []
    for block in blocks:
        output.print(block, "", sep="\n", soft_wrap=isinstance(block, str), markup=False)
    if len(suspects) > MOST_SUSPECTS:
        output.print(f"the first {MOST_SUSPECTS} suspects; --json has all", style="dim")
    print_report_path(page)
    steps_output.show(steps_output.of_explanation(run, wanted))


def _classes(found: pd.DataFrame) -> Table:
    table = new_table("class", ">accuracy", ">95 % interval", ">test images")
    for name, row in found.iterrows():
        table.add_row(
            escape(str(name)), f"{row['share']:.3f}", _interval(row), f"{row['images']:,.0f}"
        )
    return table


def _pairs(found: pd.DataFrame) -> Table:
    table = new_table("class", "predicted as", ">mistakes", ">share", ">95 % interval")
    for _, row in found.iterrows():
        names = (escape(row["class"]), escape(row["predicted"]))
        table.add_row(*names, str(row["mistakes"]), f"{row['share']:.3f}", _interval(row))
    return table


def _robustness(found: pd.DataFrame) -> Table:
    table = new_table(
        "accuracy on degraded images",
        *(f">strength {strength}" for strength in sorted(set(found["strength"]))),
    )
    for name, rows in found.groupby("corruption", sort=False):
        table.add_row(wording.readable(str(name)), *(f"{share:.3f}" for share in rows["accuracy"]))
    return table


def _suspects(found: pd.DataFrame) -> Table:
    table = new_table("file", "label", "looks like", ">margin")
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
