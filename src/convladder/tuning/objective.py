"""One candidate of a search: trained and validated. Its test images stay closed."""

from __future__ import annotations

from pathlib import Path

from convladder.core import files
from convladder.core.errors import TrainingError
from convladder.core.tasks import Validated
from convladder.core.worker import Emit
from convladder.experiments.trial import Trial, trained
from convladder.results import folders

HISTORY = "history.csv"


def run_candidate(trial: Trial, folder: Path, command: str, emit: Emit) -> float | str:
    """Train the trial, and return its metric on validation in the epoch kept, or why it cannot be.

    A task for a worker. Leaves experiment and history in the folder. As `trial.run_trial` does, it
    goes on from where it was.
    """
    try:
        with trained(trial, folders.unfinished(folder), command, emit) as (fitted, about, _):
            files.write_text(
                folder / HISTORY, fitted.history.to_csv(index=False, lineterminator="\n")
            )
            files.write_json(folder / folders.ABOUT, about)
    except TrainingError as error:
        return str(error)
    metric = trial.experiment.judged_by
    return Validated(fitted.history[f"val_{metric.column}"].iloc[fitted.epoch - 1], metric.title)
