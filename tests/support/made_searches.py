"""Folders of searches with known figures, without any training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from convladder.core import files
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder, Rung
from convladder.results.folders import TrialKey
from made_runs import CLASSES, make_climb, share_right

CHANGES = {"train.learning_rate": 0.003, "model.dropout_conv": [0.2]}
SPACE = {
    "train.learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    "model.dropout_conv": {"choices": [[], [0.2], [0.2, 0.1]]},
    "train.weight_decay": {"low": 1e-4, "high": 0.1, "when": {"train.optimizer": "adamw"}},
}
IMAGES = 400  # on test


def make_search(
    folder: Path,
    values: Sequence[float | None],
    *,
    tested: Sequence[float] = (),
    seeds: int = 4,
    importances: bool = False,
) -> Path:
    """Write a search whose candidates have these values on validation; None: stopped early.

    The first is the default. tested : the accuracies on test of the default and the winner, if
    these were tested, with so many seeds.
    """
    found = [-1.0 if value is None else value for value in values]
    winner = found.index(max(found)) if max(found) >= 0 else None
    changes = CHANGES if winner else {}
    _write_candidates(folder, values)
    if importances:
        shares = {key: 1 / len(SPACE) for key in SPACE}
        files.write_json(folder / "importances.json", {"shares": shares, "chance": 0.2})
    files.write_json(folder / "tune.json", _about() | {"winner": winner, "changes": changes})
    if tested:
        make_climb(folder / "climb", _trials(tested, seeds), _ladder())
    return folder


def _write_candidates(folder: Path, values: Sequence[float | None]) -> None:
    rows = []
    for number, value in enumerate(values):
        rows.append(
            {
                "candidate": number,
                "state": "pruned" if value is None else "finished",
                "validation_accuracy": 0.3 if value is None else value,
                "epochs": 1 if value is None else 2,
                "flops": 20_000 + number,
                "error": "",
                "train.learning_rate": json.dumps(0.001 + number / 1000),
                "model.dropout_conv": json.dumps([0.2] if number % 2 else []),
                "train.weight_decay": "",
            }
        )
        curve = "epoch,accuracy,loss,val_accuracy,val_loss\n1,0.5,0.7,0.5,0.7\n2,0.6,0.6,0.6,0.6\n"
        files.write_text(folder / "candidates" / f"{number:04}" / "history.csv", curve)
    table = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    files.write_text(folder / "candidates.csv", table)


def _about() -> dict[str, Any]:
    counts = {part: dict.fromkeys(CLASSES, 50) for part in ("train", "validation", "test")}
    return {
        "format": 1,
        "identity": "of pets",
        "exhausted": False,
        "seconds": 12.0,
        "default": Experiment().replace({"data.source": "pets"}).model_dump(),
        "space": SPACE,
        "space_from": "usual",
        "budget": {"trials": 12, "seconds": None},
        "tested_before": 0,
        "data": {"source": "pets", "fingerprint": "of pets", "class_names": list(CLASSES),
                 "counts": counts, "image_shape": [16, 16, 1], "rejected": [], "kind": "folder",
                 "notes": []},
        "environment": {"versions": {"keras": "3.15"}, "time": "2026-11-23T12:00:00",
                        "machine": "a machine", "cores": 1, "system": "a system", "python": "3.12",
                        "command": "convladder tune pets --time 30m"},
    }  # fmt: skip


def _trials(tested: Sequence[float], seeds: int) -> dict[TrialKey, Any]:
    return {
        TrialKey(rung, seed): share_right(share, IMAGES, seed + 10 * place)
        for place, (rung, share) in enumerate(zip(("default", "tuned"), tested, strict=True))
        for seed in range(seeds)
    }


def _ladder() -> Ladder:
    rungs = Rung(name="default", parent=None), Rung(name="tuned", parent="default", change=CHANGES)
    return Ladder("tune", "Settings found by the search", "", {}, rungs)
