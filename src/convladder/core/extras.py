"""Packages that only some need, and that are installed as extras."""

from __future__ import annotations

import importlib
from types import ModuleType

from convladder.core.errors import ExperimentError


def require(module: str, extra: str) -> ModuleType:
    """Import a module of an extra. Raises ExperimentError with what to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise ExperimentError(
            f"{module} is not installed: pip install 'convladder[{extra}]'"
        ) from None
