"""Whether images can be judged by the metric of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.data.dataset import SplitDataset
from convladder.evaluation import scores


def check_metric(experiment: Experiment, datasets: Sequence[SplitDataset]) -> None:
    """Raise ExperimentError where the images cannot be judged by the experiment's metric."""
    metric = experiment.judged_by
    for dataset in datasets:
        for split in ("validation", "test"):
            if said := scores.why_not(metric, dataset.counts()[split], split):
                raise ExperimentError(said)
