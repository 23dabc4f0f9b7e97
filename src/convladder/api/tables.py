"""Figures as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from convladder.evaluation.robustness import Robustness


def robustness_table(found: Robustness) -> pd.DataFrame:
    """Return the accuracy with its 95 % interval, one row per corruption and strength, 0: none."""
    return pd.DataFrame(
        [
            {
                "corruption": name,
                "strength": strength,
                "accuracy": at.mean,
                "low": at.low,
                "high": at.high,
            }
            for name, curve in found.curves.items()
            for strength, at in enumerate(curve)
        ]
    )
