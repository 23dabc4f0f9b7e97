"""When a climb looks at its results: with which seeds, and how much of the 5 % each look spends.

`climb.json` has the looks from before the first, in order. Which rungs get the seeds of a look is
written down when it is decided, so that a climb that resumes goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from convladder.evaluation import looks
from convladder.evaluation.components import Correct
from convladder.evaluation.looks import Look
from convladder.evaluation.multiplicity import PLANNED

Seeds = tuple[int, ...]


@dataclass(frozen=True)
class PlannedLook:
    """One look at a climb.

    seeds : those that its rungs have by then. share : of the 5 % that it spends. rungs : those that
        get these seeds; None until it is decided, and empty where none is worth more. planned :
        whether it was settled before the first look.
    """

    seeds: Seeds
    share: float
    rungs: tuple[str, ...] | None = None
    planned: bool = True

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PlannedLook:
        """Read what `to_json` returns."""
        rungs = value["rungs"]
        return cls(
            tuple(value["seeds"]),
            float(value["share"]),
            None if rungs is None else tuple(rungs),
            bool(value["planned"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def from_json(values: Sequence[Mapping[str, Any]]) -> list[PlannedLook]:
    """Read the looks of a climb."""
    return [PlannedLook.from_json(each) for each in values]


def seeds_by_rung(planned: Sequence[PlannedLook]) -> dict[str, Seeds]:
    """Return the seeds that each rung has by the last look that is decided."""
    seeds: dict[str, Seeds] = {}
    for look in planned:
        for rung in look.rungs or ():
            before = seeds.get(rung, ())
            seeds[rung] = before + tuple(seed for seed in look.seeds if seed not in before)
    return seeds


def as_seen(
    planned: Sequence[PlannedLook],
    tables: Mapping[str, Correct],
    seeds: Mapping[str, Sequence[int]],
) -> list[Look]:
    """Return what there was to see at each look: of each rung the seeds that it had.

    A rung that has nothing new, since its trials failed, is not asked about again.

    Parameters
    ----------
    tables
        For each rung all that is known, `(seeds, images)`.
    seeds
        For each rung, which seeds its rows are.
    """
    seen, before = [], dict.fromkeys(tables, 0)
    for number, look in enumerate(planned):
        had = seeds_by_rung(planned[: number + 1])
        rows = {
            rung: [row for row, seed in enumerate(seeds[rung]) if seed in had.get(rung, ())]
            for rung in tables
        }
        new = [rung for rung in look.rungs or () if rung in rows and len(rows[rung]) > before[rung]]
        if new:
            known = {rung: tables[rung][own] for rung, own in rows.items() if own}
            seen.append(Look(known, frozenset(new), look.share))
            before = {rung: len(own) for rung, own in rows.items()}
    return seen


def plan(
    counts: Sequence[int], seeds: Seeds, rungs: tuple[str, ...], family: int
) -> list[PlannedLook]:
    """Return the looks of a new climb, the first of which all rungs are in.

    counts : how many of the seeds the rungs have at each. family : how many questions are asked.
    """
    shares = looks.planned_shares(counts, max(family, 1))
    planned = [
        PlannedLook(seeds[:count], share) for count, share in zip(counts, shares, strict=True)
    ]
    return with_rungs(planned, rungs)


def extend(settled: Sequence[PlannedLook], seeds: Seeds) -> list[PlannedLook]:
    """Return the looks with one more, which was not planned, where none is at all of these seeds.

    It stands where its number of seeds belongs. Seeds that all rungs have are kept.
    """
    every = with_common(settled, seeds)
    at = next((place for place, look in enumerate(settled) if {*look.seeds} >= {*every}), None)
    if at is not None and {*settled[at].seeds} == {*every}:
        return list(settled)
    share = looks.further_share(1 + sum(not look.planned for look in settled))
    place = len(settled) if at is None else at
    return [*settled[:place], PlannedLook(every, share, planned=False), *settled[place:]]


def with_common(settled: Sequence[PlannedLook], seeds: Seeds) -> Seeds:
    """Return the seeds that all rungs have already, and then these."""
    had = list(seeds_by_rung(settled).values())
    common = tuple(seed for seed in had[0] if all(seed in own for own in had))
    return common + tuple(seed for seed in seeds if seed not in common)


def give_all(
    settled: Sequence[PlannedLook], seeds: Seeds, rungs: tuple[str, ...]
) -> list[PlannedLook]:
    """Return the looks where all rungs get these seeds, whatever the looks before have shown."""
    had = seeds_by_rung(settled)
    if all({*had.get(rung, ())} >= {*seeds} for rung in rungs):
        return list(settled)
    found = extend(settled, seeds)
    every = {*with_common(settled, seeds)}
    place = next(place for place, look in enumerate(found) if {*look.seeds} >= every)
    skipped = [look if look.rungs else replace(look, rungs=()) for look in found[:place]]
    return [*skipped, replace(found[place], rungs=rungs), *found[place + 1 :]]


def with_rungs(settled: Sequence[PlannedLook], rungs: tuple[str, ...]) -> list[PlannedLook]:
    """Return the looks with all of these rungs in the first."""
    return [replace(settled[0], rungs=rungs), *settled[1:]]


def replan(settled: Sequence[PlannedLook], counts: Sequence[int], family: int) -> list[PlannedLook]:
    """Return the looks with fewer of those that were planned. Nothing may have been seen yet."""
    rungs = settled[0].rungs or ()
    return plan(counts, settled[-1].seeds, rungs, family)


def cut_short(
    settled: Sequence[PlannedLook], has_ended: Callable[[str, int], bool]
) -> list[PlannedLook]:
    """Return the looks where no more is trained: the last is at what all its rungs have by now.

    It spends what the last planned look would have spent, unless it was not planned itself. How
    much has ended must not depend on results, and nobody may have looked at it.
    """
    place = max(place for place, look in enumerate(settled) if look.rungs)
    if any(look.rungs is not None for look in settled[place + 1 :]):  # it was looked at
        return list(settled[: place + 1])
    look, before = settled[place], settled[place - 1].seeds if place else ()
    seeds = tuple(
        seed
        for seed in look.seeds
        if seed in before or all(has_ended(rung, seed) for rung in look.rungs or ())
    )
    if seeds == before and place:
        return list(settled[:place])
    if look.planned:
        look = replace(look, share=settled[-1].share if place else PLANNED)
    return [*settled[:place], replace(look, seeds=seeds)]


def reopen(
    settled: Sequence[PlannedLook], has_begun: Callable[[str, int], bool]
) -> list[PlannedLook]:
    """Return the looks with the last decision open again, if nothing has come of it yet.

    What failed when it was made may be finished by now. Else the same is decided again.
    """
    decided = [place for place, look in enumerate(settled) if look.rungs is not None]
    place = decided[-1]
    look, before = settled[place], settled[place - 1].seeds
    begun = any(
        has_begun(rung, seed) for rung in look.rungs or () for seed in {*look.seeds} - {*before}
    )
    if place == 0 or begun:
        return list(settled)
    return [*settled[:place], replace(look, rungs=None), *settled[place + 1 :]]


def undecided(settled: Sequence[PlannedLook]) -> int | None:
    """Return the place of the look that is to be decided next; None where the climb has ended."""
    for place, look in enumerate(settled):
        if look.rungs is None:
            return place if settled[place - 1].rungs else None
    return None
