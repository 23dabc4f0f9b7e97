"""Train an image classifier on your own images, and know which technique earned its place.

The public names load when they are first used: importing the package imports no TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convladder.config import Experiment as Experiment
    from convladder.data.dataset import Dataset as Dataset
    from convladder.data.dataset import load as load
    from convladder.errors import ConvladderError as ConvladderError
    from convladder.ladder import Ladder as Ladder
    from convladder.ladder import Rung as Rung
    from convladder.ladder import load_ladder as load_ladder
    from convladder.results import Results as Results
    from convladder.runs import Run as Run

_HOMES = {
    "ConvladderError": "convladder.errors",
    "Dataset": "convladder.data.dataset",
    "Experiment": "convladder.config",
    "Ladder": "convladder.ladder",
    "Results": "convladder.results",
    "Run": "convladder.runs",
    "Rung": "convladder.ladder",
    "load": "convladder.data.dataset",
    "load_ladder": "convladder.ladder",
}

__all__ = [
    "ConvladderError",
    "Dataset",
    "Experiment",
    "Ladder",
    "Results",
    "Run",
    "Rung",
    "load",
    "load_ladder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convladder' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
