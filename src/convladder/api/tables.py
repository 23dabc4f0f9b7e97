"""Figures as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from convladder.core.formatting import points

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convladder.evaluation.robustness import Robustness
    from convladder.evaluation.statistics import Difference
    from convladder.results.groups import Claim, GroupSummary


def robustness_table(found: Robustness) -> pd.DataFrame:
    """Return a row a corruption and strength, 0 being none: accuracy with its 95 % interval."""
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


def standings_table(
    standings: Mapping[str, GroupSummary], claims: Iterable[Claim], against: str, who: str = "name"
) -> pd.DataFrame:
    """Return a row a group: accuracy, claim and price, as people read them. `against` and `who`
    head columns.
    """
    differences = {claim.name: claim.difference for claim in claims}
    return pd.DataFrame(
        [_row(each, differences.get(name), against, who) for name, each in standings.items()]
    )


def _row(
    standing: GroupSummary, claim: Difference | None, against: str, who: str
) -> dict[str, str]:
    accuracy, price = standing.accuracy, standing.price
    row = {
        who: standing.name,
        "test accuracy, %": f"{100 * accuracy.mean:.1f}",
        "95 % interval": f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}",
        against: "",
        "interval": "",
        "verdict": "",
        "parameters": f"{price.parameters:,}",
        "MFLOPs": f"{price.flops / 1e6:,.1f}",
    }
    if claim is not None:
        row |= {against: points(claim.difference), "verdict": claim.verdict}
    if claim is not None and claim.low is not None and claim.high is not None:
        row["interval"] = f"{points(claim.low)} to {points(claim.high)}"
    return row
