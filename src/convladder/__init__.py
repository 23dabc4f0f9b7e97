"""Train an image classifier on your own images, and know which technique earned its place.

The public names load when they are first used: importing the package imports no TensorFlow. What it does at once
is to keep the libraries that it stands on from reporting to their makers (`core/privacy.py`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convladder.core.privacy import silence as _silence

_silence()

if TYPE_CHECKING:
    from convladder.api import assist as assist
    from convladder.api import check as check
    from convladder.api import climb as climb
    from convladder.api import compare as compare
    from convladder.api import load as load
    from convladder.api import reproduce as reproduce
    from convladder.api import train as train
    from convladder.bundle.predictor import Predictor as Predictor
    from convladder.bundle.reading import Bundle as Bundle
    from convladder.config import Augmentation as Augmentation
    from convladder.config import Experiment as Experiment
    from convladder.errors import ConvladderError as ConvladderError
    from convladder.estimator import ConvClassifier as ConvClassifier
    from convladder.exports import export as export
    from convladder.ladder import Ladder as Ladder
    from convladder.ladder import Rung as Rung
    from convladder.ladder import load_ladder as load_ladder
    from convladder.parallel import Parallel as Parallel
    from convladder.reproduction import Reproduction as Reproduction
    from convladder.tuning import tune as tune
    from convladder.views.check import Check as Check
    from convladder.views.climb import Climb as Climb
    from convladder.views.comparison import Comparison as Comparison
    from convladder.views.dataset import Dataset as Dataset
    from convladder.views.run import Run as Run
    from convladder.views.tuning import Tuning as Tuning

_HOMES = {
    "Augmentation": "convladder.config",
    "Bundle": "convladder.bundle.reading",
    "Check": "convladder.views.check",
    "Climb": "convladder.views.climb",
    "Comparison": "convladder.views.comparison",
    "ConvClassifier": "convladder.estimator",
    "ConvladderError": "convladder.errors",
    "Dataset": "convladder.views.dataset",
    "Experiment": "convladder.config",
    "Ladder": "convladder.ladder",
    "Parallel": "convladder.parallel",
    "Predictor": "convladder.bundle.predictor",
    "Reproduction": "convladder.reproduction",
    "Run": "convladder.views.run",
    "Rung": "convladder.ladder",
    "Tuning": "convladder.views.tuning",
    "assist": "convladder.api",
    "check": "convladder.api",
    "climb": "convladder.api",
    "compare": "convladder.api",
    "export": "convladder.exports",
    "load": "convladder.api",
    "load_ladder": "convladder.ladder",
    "reproduce": "convladder.api",
    "train": "convladder.api",
    "tune": "convladder.tuning",
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
    "Predictor",
    "Reproduction",
    "Run",
    "Rung",
    "Tuning",
    "assist",
    "check",
    "climb",
    "compare",
    "export",
    "load",
    "load_ladder",
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
