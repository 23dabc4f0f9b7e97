"""The tables of a climb: `results.csv`, one row per trial, and `summary.csv`, one per rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from convladder.evaluation import metrics
from convladder.results.folders import TrialKey
from convladder.results.group_summary import PRICES, Claim

if TYPE_CHECKING:
    from convladder.results.saved_climb import Failure, SavedClimb
    from convladder.results.saved_run import SavedRun


def trials(
    keys: Sequence[TrialKey], runs: Mapping[TrialKey, SavedRun], failures: Sequence[Failure]
) -> pd.DataFrame:
    """Return one row per trial, finished, failed or missing."""
    errors = {failure.key: failure.error for failure in failures}
    rows = []
    for key in keys:
        row: dict[str, Any] = {"rung": key.rung, "seed": key.seed}
        row |= {} if key.fold is None else {"fold": key.fold}
        if key in runs:
            row |= {"status": "finished"} | _figures(runs[key])
        else:
            status = "failed" if key in errors else "missing"
            row |= {"status": status, "error": errors.get(key, "")}
        rows.append(row)
    return pd.DataFrame(rows)


def summary(climb: SavedClimb) -> pd.DataFrame:
    """Return one row per rung with its claims against parent and start."""
    rows = {
        name: {"rung": name, "parent": climb.ladder.rung(name).parent} | standing.figures()
        for name, standing in climb.standings.items()
    }
    for which, claims in (("parent", climb.against_parent), ("start", climb.against_start)):
        for claim in claims:
            found = vars(claim.difference)
            rows[claim.name] |= {f"{which}_{key}": value for key, value in found.items()}
    for claim in climb.probabilities_against_parent:
        rows[claim.name] |= _of_probabilities(claim)
    return pd.DataFrame(list(rows.values()))


def _of_probabilities(claim: Claim) -> dict[str, Any]:
    found, prefix = claim.difference, f"parent_{claim.metric.column}"
    return {
        f"{prefix}_difference": found.difference,
        f"{prefix}_family_low": found.family_low,
        f"{prefix}_family_high": found.family_high,
        f"{prefix}_verdict": found.verdict,
    }


def _figures(run: SavedRun) -> dict[str, Any]:
    figures, metric = run.metrics, run.experiment.judged_by
    return {
        **{
            f"{split}_{name}": value
            for split in ("test", "validation")
            for name, value in metrics.measured(figures[split], metric).items()
        },
        "kept_epoch": figures["kept_epoch"],
        **{name: figures["price"][name] for name in PRICES},
        "seconds": figures["seconds"],
    }
