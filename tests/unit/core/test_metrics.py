"""Names of metrics, and how their values are written."""

from __future__ import annotations

import pickle

import pytest

from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.core.metrics import ACCURACY, KNOWN, LOG_LOSS, metric_named
from convladder.core.tasks import Validated


@pytest.mark.parametrize("name", KNOWN)
def test_each_known_metric_can_be_named(name: str) -> None:
    metric = metric_named(name.replace("CLASS", "a@b"))
    assert metric.of_class == ("a@b" if "@" in name else None)
    assert Experiment(metric=metric.name).judged_by == metric


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acuracy", "did you mean 'accuracy'"),
        ("recall", "recall is of one class: name it, such as recall@cat"),
        ("recall@", "unknown metric 'recall@'"),
        ("size@cat", "unknown metric 'size@cat'"),
        ("recal@cat", "did you mean 'recall@cat'"),
        ("sensitivity@cat", "did you mean 'recall@cat'"),
    ],
)
def test_an_unknown_metric_is_refused_with_what_is_meant(name: str, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        metric_named(name)
    with pytest.raises(ExperimentError, match=said):
        Experiment.parse({"metric": name})


def test_less_of_a_loss_is_better() -> None:
    assert LOG_LOSS.as_score(0.2) > LOG_LOSS.as_score(0.3)
    assert ACCURACY.as_score(0.2) < ACCURACY.as_score(0.3)


@pytest.mark.parametrize(
    ("difference", "size"), [(0.1, "0.1"), (-0.0314, "0.031"), (1.0, "1"), (0.0, "0")]
)
def test_a_loss_has_no_points(difference: float, size: str) -> None:
    assert LOG_LOSS.write_size(difference) == size


def test_what_a_network_came_to_goes_from_process_to_process() -> None:
    sent = pickle.loads(pickle.dumps(Validated(0.25, "log loss")))
    assert (sent, sent.title) == (0.25, "log loss")
