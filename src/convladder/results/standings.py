"""The table of groups side by side, as terminal, notebook and page show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from convladder.core.formatting import percent, quantity, size
from convladder.core.metrics import ACCURACY
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
    return group.metric.write_range(group.estimate.low, group.estimate.high)


def _time(group: GroupSummary) -> str:
    time = group.price.train_milliseconds_per_image
    return "–" if time is None else f"{time:.3f}"


def _difference(claim: Claim) -> str:
    return claim.metric.write_difference(claim.difference.difference)


def _bounds(claim: Claim) -> str:
    found = claim.difference
    if found.family_low is None or found.family_high is None:
        return ""
    return claim.metric.write_bounds(found.family_low, found.family_high, called=found.is_called)


def _verdict(claim: Claim) -> str:
    return verdicts.in_words(claim.difference, claim.metric)


VALUE: tuple[Column[GroupSummary], ...] = (
    Column("test value", lambda group: group.metric.write(group.estimate.mean)),  # headed by metric
    Column("95 % interval", _interval),
    Column("seeds", lambda group: str(group.estimate.seeds), brief=False),
)
ALSO: Column[GroupSummary] = Column("accuracy", lambda group: percent(group.accuracy))
DIFFERENCE: tuple[Column[Claim], ...] = (
    Column("difference", _difference),  # headed by what it is against
    Column("interval", _bounds, brief=False),
    Column("verdict", _verdict),
)
PRICE: tuple[Column[GroupSummary], ...] = (
    Column("parameters", lambda group: f"{group.price.parameters:,}"),
    Column("FLOPs", lambda group: quantity(group.price.flops)),
    Column("training ms / image", _time, brief=False),
    Column("size", lambda group: size(group.price.bytes), brief=False),
)


def table(
    standings: Mapping[str, GroupSummary],
    who: str,
    claims: Iterable[Claim] = (),
    against: str = "",
    *,
    brief: bool = False,
) -> list[dict[str, str]]:
    """Return one row per group: its metric, with claims its difference, and its cost.

    who, against : head the names and the differences. brief : leave out what takes room.
    """
    claimed = {claim.name: claim for claim in claims}
    value, *estimated = VALUE
    if any(group.metric != ACCURACY for group in standings.values()):
        estimated = [*estimated, ALSO]
    first, *others = DIFFERENCE
    compared = [replace(first, heading=against), *others] if claimed else []
    return [
        {who: name}
        | _told([replace(value, heading=f"test {group.metric.title}"), *estimated], group, brief)
        | _told(compared, claimed.get(name), brief)
        | _told(PRICE, group, brief)
        for name, group in standings.items()
    ]


def _told(columns: Iterable[Column[Told]], of: Told | None, brief: bool) -> dict[str, str]:
    shown = [column for column in columns if column.brief or not brief]
    return {column.heading: "" if of is None else column.write(of) for column in shown}
