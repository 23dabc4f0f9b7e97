"""Trainings that are stopped on their way, for tests: here after so many calls of a graph, or as a
command.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np

from convladder.core.experiment import Experiment
from convladder.core.worker import Stopped
from convladder.data.dataset import SplitDataset
from convladder.experiments.pretrained import backbones
from convladder.training import checkpoint, fit
from convladder.training.checkpointer import FileCheckpointer

HOURS = 1e6


def start_command(*command: str, cwd: Path) -> subprocess.Popen[str]:
    """Start convladder in a process that takes signals; its standard error can be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "convladder", *command],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs ignore Ctrl-C, and so would what they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def train_with_stops(
    experiment: Experiment, dataset: SplitDataset, folder: Path, calls: int
) -> tuple[fit.FitResult, int]:
    """Train, stopping after every so many calls and going on; return what came out, and the number
    of stops.
    """
    for stops in count():
        asked = iter([False] * (calls - 1))
        keeper = FileCheckpointer(
            folder, every=HOURS, asked_to_stop=lambda asked=asked: next(asked, True)
        )
        try:
            return fit.fit(
                experiment, dataset, None, keeper, backbones.load(experiment.model)
            ), stops
        except Stopped:
            continue
    raise AssertionError


def train_at_once(experiment: Experiment, dataset: SplitDataset, folder: Path) -> fit.FitResult:
    keeper = FileCheckpointer(folder, every=HOURS)
    return fit.fit(experiment, dataset, None, keeper, backbones.load(experiment.model))


def assert_same_state(folder: Path, other: Path) -> None:
    """Hold the last checkpoints of two trainings to be equal: every tensor, and the history but for
    its times.
    """
    (one, _), (two, _) = checkpoint.read_newest(folder), checkpoint.read_newest(other)
    assert one is not None
    assert two is not None
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        assert np.array_equal(tensor, two.tensors[name]), name
    assert len(one.course["history"]) == len(two.course["history"]) > 0
    for row, same in zip(one.course["history"], two.course["history"], strict=True):
        assert row | {"train_seconds": 0} == same | {"train_seconds": 0}
