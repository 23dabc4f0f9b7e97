"""Runs whose layers other networks begin with, on a few digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from convladder.core import files
from convladder.core.experiment import Experiment
from convladder.data.dataset import SplitDataset
from convladder.experiments import artifacts
from convladder.experiments.pretrained import backbones
from convladder.results import folders, saved_run
from convladder.training import fit

SMALL = {
    "model.filters": [4, 8],
    "model.kernel_size": 3,
    "model.batch_norm": True,
    "model.dropout_conv": [0.2],
}
SIDE = 16

Settle = Callable[..., Experiment]


def few(dataset: SplitDataset) -> SplitDataset:
    return replace(dataset, splits=replace(dataset.splits, train=dataset.splits.train[:64]))


def run_of(experiment: Experiment, dataset: SplitDataset, folder: Path) -> saved_run.SavedRun:
    """Leave a run without what it keeps for people to look at."""
    fitted = fit.fit(experiment, dataset, backbone=backbones.load(experiment.model))
    folder.mkdir()
    figures = {"test": {"accuracy": 0.0}}
    artifacts._write_network(folder, fitted, dataset)
    saved_run.write_splits(folder, dataset.split_table())
    about = {
        "format": folders.FORMAT,
        "rung": "r",
        "experiment": experiment.model_dump(),
        "data": dataset.provenance(),
    }
    files.write_json(folder / "experiment.json", about)
    files.write_json(folder / "metrics.json", figures)
    return saved_run.SavedRun(folder)
