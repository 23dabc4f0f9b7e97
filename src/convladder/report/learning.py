"""What learning curves show, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from convladder.results.saved_run import SavedRun


def table(runs: Sequence[SavedRun]) -> list[dict[str, str]]:
    """Return one row per epoch: the means over runs that got so far."""
    metric = runs[0].experiment.judged_by
    columns = {
        "accuracy": "accuracy on train",
        f"val_{metric.column}": f"{metric.title} on validation",
        "loss": "loss on train",
        "val_loss": "loss on validation",
    }
    histories = pd.concat([run.history for run in runs])
    means = histories.groupby("epoch")[list(columns)].mean()
    return [
        {"epoch": str(epoch)} | {columns[str(name)]: f"{value:.3f}" for name, value in row.items()}
        for epoch, row in means.iterrows()
    ]
