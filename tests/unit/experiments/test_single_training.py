from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convladder.core import worker_process
from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.data.dataset import SplitDataset
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.single_training import train_one
from convladder.experiments.trial import Trial


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model.filters": [4] * 5}, "images of 16x16 are too small for 5 convolutions"),
        ({"model.architecture": "ConvNeXtTiny"}, "images of 16x16 are too small for ConvNeXtTiny"),
    ],
)
def test_images_that_do_not_suit_a_network_are_refused_before_a_worker_is_started(
    few_digits: SplitDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    said: str,
) -> None:
    def start(threads: int) -> None:
        raise AssertionError("a worker takes seconds to start")

    monkeypatch.setattr(worker_process, "_start_worker", start)
    experiment = Experiment().replace(changes | few_digits.settled())
    trial = Trial("lenet5", experiment, few_digits)
    with pytest.raises(ExperimentError, match=said):
        train_one(trial, tmp_path / "run", threads=1, how=ResumePolicy(), on_event=print)
    assert list(tmp_path.iterdir()) == []
