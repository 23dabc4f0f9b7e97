"""Which questions are worth more seeds: those that are open, and that more seeds may decide.

To stop asking makes no claim and no error: whatever stops a question, the looks that were settled
pay for all claims (non-binding futility; Jennison and Turnbull 2000, chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from convladder.evaluation import looks
from convladder.evaluation.differences import Difference, Finding, judge
from convladder.evaluation.looks import FindEach, Look, Question
from convladder.evaluation.multiplicity import ALPHA

FUTILE = 0.1  # a question is given up whose chance to be decided is smaller

# "seeds cannot help": not even ever more of them. "too close": not the seeds that are planned.
# "stopped": one of its rungs got no more seeds before.
Outlook = Literal["open", "decided", "seeds cannot help", "too close", "stopped"]


@dataclass(frozen=True)
class Family:
    """Questions that are asked together, and how they will be asked at the last planned look.

    seeds, share : of the last planned look. margin : a difference in accuracy that counts for
        nothing, such as 0.01.
    """

    questions: Sequence[Question]
    seeds: int
    share: float
    margin: float | None = None


@dataclass(frozen=True)
class _Levels:
    """Below what p-value a difference will be called at the last look, and called equal.

    These are families of their own, and Holm's procedure passes on what each has decided.
    """

    called: float
    equal: float


def outlooks(seen: Sequence[Look], family: Family, find: FindEach) -> dict[Question, Outlook]:
    """Return what is to be expected of each question after the looks so far."""
    if not seen:
        return dict.fromkeys(family.questions, "stopped")
    asked = [each for each in family.questions if any(look.asked >= {*each} for look in seen)]
    found = looks.find_each(seen, asked, find)
    judged = dict(zip(asked, judge(found, len(family.questions), family.margin), strict=True))
    called = [each.verdict in ("better", "worse") for each in judged.values()]
    equal = [each.p_equal is not None and each.p_equal < ALPHA for each in judged.values()]
    levels = _Levels(_last_level(family, called), _last_level(family, equal))
    now = [each for each in asked if seen[-1].asked >= {*each}]
    latest = dict(zip(now, find(seen[-1].rungs, now), strict=True))
    return {
        each: _outlook(judged.get(each), latest.get(each), family, levels)
        for each in family.questions
    }


def going_on(found: Mapping[Question, Outlook]) -> frozenset[str]:
    """Return the rungs that get more seeds: those of which a question is open."""
    return frozenset(
        rung for question, outlook in found.items() if outlook == "open" for rung in question
    )


def _last_level(family: Family, decided: Sequence[bool]) -> float:
    return family.share * ALPHA / max(len(family.questions) - sum(decided), 1)


def _outlook(
    judged: Difference | None, latest: Finding | Difference | None, family: Family, levels: _Levels
) -> Outlook:
    if judged is not None and judged.verdict in ("better", "worse", "equal"):
        return "decided"
    if not isinstance(latest, Finding):
        return "stopped"
    if _chance(latest, family.seeds, levels, family.margin) >= FUTILE:
        return "open"
    can_help = _chance(latest, math.inf, levels, family.margin) >= FUTILE
    return "too close" if can_help else "seeds cannot help"


def _chance(found: Finding, seeds: float, levels: _Levels, margin: float | None) -> float:
    """Return how likely a question is decided with so many seeds: called, or called equal."""
    if found.variance is None:
        return 0.0
    called = found.variance.chance(found.p_value, seeds, levels.called)
    if margin is None:
        return called
    one_sided = 2 * found.p_equal(margin)
    return max(called, found.variance.chance(min(one_sided, 1.0), seeds, 2 * levels.equal))
