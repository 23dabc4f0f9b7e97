"""What is large is let go of once it is not needed: the weights that a training begins with."""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from convladder.core.experiment import Experiment
from convladder.data.dataset import SplitDataset
from convladder.experiments import trial
from convladder.experiments.pretrained import backbones
from convladder.experiments.trial import Trial
from convladder.models.networks import Backbone
from convladder.training import fit, precision
from convladder.training.checkpointer import Checkpointer


class ReachedError(Exception):
    """Ends a training where it would begin."""


def test_the_weights_of_a_backbone_are_not_held_while_training(
    few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Backbone]] = []
    held: list[bool] = []

    def load(model: Any) -> Backbone:
        backbone = Backbone({}, None)
        made.append(weakref.ref(backbone))
        return backbone

    class Training:
        def __init__(self, *given: Any) -> None:
            assert given

        def run(self, *given: Any) -> None:
            held.append(made[0]() is not None)
            raise ReachedError

    network = SimpleNamespace()
    monkeypatch.setattr(backbones, "load", load)
    monkeypatch.setattr(precision, "warn", lambda *given: None)
    monkeypatch.setattr(fit.networks, "build", lambda *given: network)
    monkeypatch.setattr(fit.networks, "take", lambda *given: None)
    monkeypatch.setattr(fit, "_phases", lambda *given: None)
    monkeypatch.setattr(fit, "Training", Training)
    experiment = Experiment().replace({"train.deterministic": False})
    with pytest.raises(ReachedError):
        trial._fit(Trial("lenet5", experiment, few_digits), print, Checkpointer())
    assert held == [False]
