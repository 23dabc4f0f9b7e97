"""The table of groups side by side, as terminal, notebook and page show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from convladder.core.formatting import percent, points, quantity
from convladder.evaluation.differences import Difference
from convladder.results import verdicts
from convladder.results.group_summary import Claim, GroupSummary

Told = TypeVar("Told")


@dataclass(frozen=True)
class Column(Generic[Told]):
    """One figure, and how people read it. brief : it is also told where there is little room."""

    heading: str
    write: Callable[[Told], str]
    brief: bool = True


def _interval(group: GroupSummary) -> str:
    return f"{100 * group.accuracy.low:.1f} to {percent(group.accuracy.high)}"


def _time(group: GroupSummary) -> str:
    time = group.price.train_milliseconds_per_image
    return "–" if time is None else f"{time:.3f}"


def _bounds(difference: Difference) -> str:
    if difference.family_low is None or difference.family_high is None:
        return ""
    return f"{points(difference.family_low)} to {points(difference.family_high)}"


ACCURACY: tuple[Column[GroupSummary], ...] = (
    Column("test accuracy", lambda group: percent(group.accuracy.mean)),
    Column("95 % interval", _interval),
    Column("seeds", lambda group: str(group.accuracy.seeds), brief=False),
)
DIFFERENCE: tuple[Column[Difference], ...] = (
    Column("difference", lambda found: points(found.difference)),  # headed by what it is against
    Column("interval", _bounds, brief=False),
    Column("verdict", verdicts.in_words),
)
PRICE: tuple[Column[GroupSummary], ...] = (
    Column("parameters", lambda group: f"{group.price.parameters:,}"),
    Column("FLOPs", lambda group: quantity(group.price.flops)),
    Column("training ms / image", _time, brief=False),
    Column("size, bytes", lambda group: quantity(group.price.bytes), brief=False),
)


def table(
    standings: Mapping[str, GroupSummary],
    who: str,
    claims: Iterable[Claim] = (),
    against: str = "",
    *,
    brief: bool = False,
) -> list[dict[str, str]]:
    """Return one row per group: its accuracy, with claims its difference, and its cost.

    who, against : head the names and the differences. brief : leave out what takes room.
    """
    differences = {claim.name: claim.difference for claim in claims}
    first, *others = DIFFERENCE
    compared = [replace(first, heading=against), *others] if differences else []
    return [
        {who: name}
        | _told(ACCURACY, group, brief)
        | _told(compared, differences.get(name), brief)
        | _told(PRICE, group, brief)
        for name, group in standings.items()
    ]


def _told(columns: Iterable[Column[Told]], of: Told | None, brief: bool) -> dict[str, str]:
    shown = [column for column in columns if column.brief or not brief]
    return {column.heading: "" if of is None else column.write(of) for column in shown}
