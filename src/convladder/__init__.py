"""Train an image classifier on your own images, and know which technique earned its place.

The public names load when they are first used: importing the package imports no TensorFlow. What it
does at once is to keep the libraries that it stands on from reporting to their makers
(`core/privacy.py`).
"""

from __future__ import annotations

import logging as _logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convladder.core.privacy import silence as _silence

_silence()
_logging.getLogger(__name__).addHandler(_logging.NullHandler())  # whoever imports this decides

if TYPE_CHECKING:
    from convladder.api.check import Check as Check
    from convladder.api.climb import Climb as Climb
    from convladder.api.climb import climb as climb
    from convladder.api.comparison import Comparison as Comparison
    from convladder.api.comparison import compare as compare
    from convladder.api.data import check as check
    from convladder.api.data import load as load
    from convladder.api.dataset import Dataset as Dataset
    from convladder.api.estimator import ConvClassifier as ConvClassifier
    from convladder.api.exports import export as export
    from convladder.api.planning import Planning as Planning
    from convladder.api.planning import plan as plan
    from convladder.api.reproduce import reproduce as reproduce
    from convladder.api.run import Run as Run
    from convladder.api.search import Tuning as Tuning
    from convladder.api.train import join as join
    from convladder.api.train import train as train
    from convladder.api.tune import tune as tune
    from convladder.core.devices import Parallel as Parallel
    from convladder.core.errors import ConvladderError as ConvladderError
    from convladder.core.experiment import Experiment as Experiment
    from convladder.core.ladder import Ladder as Ladder
    from convladder.core.ladder import Rung as Rung
    from convladder.core.ladder import load_ladder as load_ladder
    from convladder.core.settings.augmentation import Augmentation as Augmentation
    from convladder.experiments.reproduction import Reproduction as Reproduction
    from convladder.results.bundle.bundle import Bundle as Bundle
    from convladder.results.bundle.predictor import Predictor as Predictor

_HOMES = {
    "Augmentation": "convladder.core.settings.augmentation",
    "Bundle": "convladder.results.bundle.bundle",
    "Check": "convladder.api.check",
    "Climb": "convladder.api.climb",
    "Comparison": "convladder.api.comparison",
    "ConvClassifier": "convladder.api.estimator",
    "ConvladderError": "convladder.core.errors",
    "Dataset": "convladder.api.dataset",
    "Experiment": "convladder.core.experiment",
    "Ladder": "convladder.core.ladder",
    "Parallel": "convladder.core.devices",
    "Planning": "convladder.api.planning",
    "Predictor": "convladder.results.bundle.predictor",
    "Reproduction": "convladder.experiments.reproduction",
    "Run": "convladder.api.run",
    "Rung": "convladder.core.ladder",
    "Tuning": "convladder.api.search",
    "check": "convladder.api.data",
    "climb": "convladder.api.climb",
    "compare": "convladder.api.comparison",
    "export": "convladder.api.exports",
    "join": "convladder.api.train",
    "load": "convladder.api.data",
    "load_ladder": "convladder.core.ladder",
    "plan": "convladder.api.planning",
    "reproduce": "convladder.api.reproduce",
    "train": "convladder.api.train",
    "tune": "convladder.api.tune",
}

__all__ = [
    "Augmentation",
    "Bundle",
    "Check",
    "Climb",
    "Comparison",
    "ConvClassifier",
    "ConvladderError",
    "Dataset",
    "Experiment",
    "Ladder",
    "Parallel",
    "Planning",
    "Predictor",
    "Reproduction",
    "Run",
    "Rung",
    "Tuning",
    "check",
    "climb",
    "compare",
    "export",
    "join",
    "load",
    "load_ladder",
    "plan",
    "reproduce",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convladder' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
