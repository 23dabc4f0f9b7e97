"""How often is a climb wrong that gives seeds only to what is open, and what does it save?

    python benchmarks/claims/adaptive_claims.py [--climbs N] [--only alike] [--keep]

Ladders are simulated as in `false_claims`: nine rungs, each asked against the one before it and
against the first. All designs see the same seeds. "adaptive" looks after 3, 5, 8 and 12 seeds, and
only rungs of which a question is open get more. "adaptive 20" has a fifth look. With "all go on"
rungs get seeds whatever is found: that is the most that looks can mislead. "fixed" designs look
once. "asked again" looks after 5 seeds as planned, and after 8, 12 and 20 although nobody planned
to.

Printed are, for each design, in percent:

- false: climbs with any false claim. Nothing helps, or every second step does by 1, 2 or 4 points,
  or steps are mixed: whichever of these has most.
- covers, all: intervals of differences that hold the truth, and climbs in which all intervals of
  the family do, in ladders without an effect and in mixed ones.
- rungs: intervals of accuracies that hold the expected accuracy.
- finds: true gains of 1, 2 and 4 points that are called rightly, and real steps of a mixed ladder.
- trials: trained networks, where nothing helps and where steps are mixed.

Where a margin is asked for, three more: null steps that are called equal, small ones of a mixed
ladder, and climbs in which a true difference of just the margin is called equal.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from _harness import results
from claims.false_claims import DATA, FAMILY, RUNGS, STEPS, Setting
from convladder.evaluation import looks, moderation, statistics, stopping
from convladder.evaluation.components import Components, Correct, components
from convladder.evaluation.differences import Difference, Finding, judge
from convladder.evaluation.looks import Look, Question
from convladder.evaluation.multiplicity import ALPHA
from simulated_ladders import Population

MOST = 20  # seeds that any design asks for
MIXED = (2.0, 0.0, 4.0, 1.0, 3.0, 0.0, 0.5, -1.5)  # points, of each step
LADDERS = {
    "null": (0.0,) * 8,
    "1": (1.0, 0.0) * 4,
    "2": (2.0, 0.0) * 4,
    "4": (4.0, 0.0) * 4,
    "mixed": MIXED,
}
MARGINS = (1.0, 2.0)  # points
COVERED = ("null", "mixed")  # ladders whose intervals are looked at
HEADS = ("false", "covers", "all", "rungs", "finds", "trials", "equal", "falsely equal")
LESS = 0.0001  # than this, accuracies do not differ


@dataclass(frozen=True)
class Design:
    """When a climb looks.

    counts : seeds at the planned looks. further : seeds at looks that nobody planned. selects :
        whether rungs get no more seeds of which no question is open.
    """

    counts: tuple[int, ...]
    further: tuple[int, ...] = ()
    selects: bool = False

    @property
    def looks(self) -> list[tuple[int, float]]:
        """The number of seeds and the share of the 5 % of each look."""
        planned = looks.planned_shares(self.counts, len(FAMILY))
        further = [looks.further_share(1 + number) for number in range(len(self.further))]
        return list(zip((*self.counts, *self.further), (*planned, *further), strict=True))

    def family(self, margin: float | None) -> stopping.Family:
        """Return the questions, and how they are asked at the last planned look."""
        seeds, share = self.looks[len(self.counts) - 1]
        return stopping.Family(FAMILY, seeds, share, margin)


DESIGNS = {
    "fixed 5": Design((5,)),
    "fixed 8": Design((8,)),
    "fixed 12": Design((12,)),
    "adaptive": Design((3, 5, 8, 12), selects=True),
    "adaptive 20": Design((3, 5, 8, 12, 20), selects=True),
    "all go on": Design((3, 5, 8, 12)),
    "asked again": Design((5,), further=(8, 12, 20)),
}


@dataclass(frozen=True)
class Simulated:
    """One setting's ladders, and the margin of its climbs."""

    setting: Setting
    margin: float | None = None

    @property
    def name(self) -> str:
        """Say how seeds differ, and the margin."""
        return self.setting.name + (f", margin {100 * self.margin:g}" if self.margin else "")

    @property
    def ladders(self) -> Mapping[str, tuple[float, ...]]:
        """The points of each step, by the name of the ladder."""
        if self.margin is None:
            return LADDERS
        steps = (100 * self.margin, -100 * self.margin) * 4
        return {"null": LADDERS["null"], "mixed": MIXED, "at the margin": steps}


class Tables:
    """The tables of a ladder, cut to how many seeds there are, and what is found about them.

    Nothing is computed twice: neither the parts of a cut table, nor what a look shows.
    """

    def __init__(self, rungs: Mapping[str, Correct]) -> None:
        self.rungs = rungs
        self._cuts: dict[tuple[str, int], Correct] = {}
        self._parts: dict[int, Components] = {}

    def cut(self, seeds: Mapping[str, int]) -> dict[str, Correct]:
        """Return the table of each rung with its first seeds."""
        return {each: self._cut(each, number) for each, number in seeds.items()}

    def parts(self, table: Correct) -> Components:
        """Return the parts of a table that was cut here."""
        return self._parts[id(table)]

    def _cut(self, rung: str, seeds: int) -> Correct:
        if (rung, seeds) not in self._cuts:
            table = self.rungs[rung][:seeds]
            self._cuts[rung, seeds] = table
            self._parts[id(table)] = components(table)
        return self._cuts[rung, seeds]


@dataclass(frozen=True)
class Ladder:
    """Rungs of which some are better: their accuracies are moved, and their chance is the same.

    gains : of each rung over the first. bounded : whether its intervals are looked at.
    """

    tables: Tables
    gains: Mapping[str, float]
    bounded: bool
    _found: dict[tuple[int, ...], dict[Question, Finding | Difference]] = field(
        default_factory=dict
    )

    def truth(self, question: Question) -> float:
        """Return the true difference."""
        left, right = question
        return self.gains[left] - self.gains[right]

    def find(
        self, rungs: Mapping[str, Correct], questions: Sequence[Question]
    ) -> list[Finding | Difference]:
        """Return what `statistics.find_each` does."""
        known = self._found.setdefault(tuple(map(id, rungs.values())), {})
        unknown = [each for each in questions if each not in known]
        if unknown:
            parts = {name: self._moved(name, table) for name, table in rungs.items()}
            found = map(_kept, statistics.find_among(parts, unknown))
            known.update(zip(unknown, found, strict=True))
        return [known[each] for each in questions]

    def find_without_intervals(
        self, rungs: Mapping[str, Correct], questions: Sequence[Question]
    ) -> list[Finding | Difference]:
        """Return the same for verdicts, which need no intervals: they take most of the time."""
        return [
            replace(found, interval=_anything) if isinstance(found, Finding) else found
            for found in self.find(rungs, questions)
        ]

    def _moved(self, name: str, table: Correct) -> Components:
        parts, gain = self.tables.parts(table), self.gains[name]
        return replace(parts, mean=parts.mean + gain, by_image=parts.by_image + gain)


def _kept(found: Finding | Difference) -> Finding | Difference:
    """Return what was found, with its answers kept."""
    if isinstance(found, Difference):
        return found
    return replace(
        found,
        interval=cache(found.interval),
        p_equal=cache(found.p_equal),
        detectable=lambda misses: None,
    )


def _anything(misses: float) -> tuple[float, float]:
    return -1.0, 1.0


@dataclass(frozen=True)
class Climb:
    """What came of a climb: the verdict on each question, and the rungs with their seeds."""

    ladder: Ladder
    claims: Mapping[Question, Difference]
    rungs: Mapping[str, Correct]

    @property
    def trials(self) -> int:
        return sum(map(len, self.rungs.values()))

    @property
    def is_wrong(self) -> bool:
        """Whether a difference is called that is not there, or that is the other way."""
        return any(
            claim.verdict in ("better", "worse") and not self.is_right(question)
            for question, claim in self.claims.items()
        )

    def is_right(self, question: Question) -> bool:
        """Whether a true difference is called as it is."""
        truth = self.ladder.truth(question)
        verdict = self.claims[question].verdict
        return (verdict == "better" and truth > LESS) or (verdict == "worse" and truth < -LESS)

    def found(self) -> float:
        """Return the share of the steps with a difference that are called rightly."""
        real = [each for each in STEPS if abs(self.ladder.truth(each)) > LESS]
        return float(np.mean([self.is_right(each) for each in real]))

    def held(self) -> list[bool]:
        """Return of each question whether its interval holds the truth."""
        return [_holds(each.low, each.high, truth) for each, truth in self._with_truth()]

    def all_held(self) -> bool:
        """Whether all intervals of the family hold the truth."""
        return all(
            _holds(each.family_low, each.family_high, truth) for each, truth in self._with_truth()
        )

    def called_equal(self, margin: float) -> float:
        """Return the share of the steps smaller than the margin that are called equal."""
        small = [each for each in STEPS if abs(self.ladder.truth(each)) < margin - LESS]
        return float(np.mean([self._is_equal(each) for each in small]))

    def is_wrongly_equal(self, margin: float) -> bool:
        """Whether a true difference of the margin or more is called smaller."""
        large = [each for each in FAMILY if abs(self.ladder.truth(each)) > margin - LESS]
        return any(self._is_equal(each) for each in large)

    def _is_equal(self, question: Question) -> bool:
        p_equal = self.claims[question].p_equal
        return p_equal is not None and p_equal < ALPHA

    def _with_truth(self) -> Iterator[tuple[Difference, float]]:
        return ((claim, self.ladder.truth(each)) for each, claim in self.claims.items())


def _holds(low: float | None, high: float | None, truth: float) -> bool:
    return low is None or high is None or low - 1e-12 <= truth <= high + 1e-12


def climb(design: Design, ladder: Ladder, margin: float | None = None) -> Climb:
    """Look at a ladder as the design says, and judge what was seen."""
    family, seen = design.family(margin), list[Look]()
    going, seeds = frozenset(ladder.gains), dict.fromkeys(ladder.gains, 0)
    for count, share in design.looks:
        seeds |= dict.fromkeys(going, count)
        seen.append(Look(ladder.tables.cut(seeds), going, share))
        if design.selects:
            going = stopping.going_on(
                stopping.outlooks(seen, family, ladder.find_without_intervals)
            )
        if not going:
            break
    find = ladder.find if ladder.bounded else ladder.find_without_intervals
    found = looks.find_each(seen, FAMILY, find)
    claims = judge(found, len(FAMILY), margin)
    return Climb(ladder, dict(zip(FAMILY, claims, strict=True)), seen[-1].rungs)


def covered(ladder: Ladder, rungs: Mapping[str, Correct], accuracy: float) -> float:
    """Return the share of the rungs whose interval holds their expected accuracy."""
    spread = moderation.spreads({name: ladder.tables.parts(each) for name, each in rungs.items()})
    estimates = [statistics.estimate(table, spread[name]) for name, table in rungs.items()]
    return float(np.mean([_holds(each.low, each.high, accuracy) for each in estimates]))


@lru_cache(maxsize=64)
def expected_accuracy(population: Population, points: float, heavy_tails: bool) -> float:
    """Return the expected accuracy of a rung; with normal seeds it is the population's."""
    if not heavy_tails:
        return population.accuracy
    spread = population.spread_for(points)
    steady = 1 + population.difficulty**2 + population.own**2
    level = float(stats.norm.ppf(population.accuracy)) * math.sqrt(steady + spread**2)
    skills = stats.t(3).ppf((np.arange(100_000) + 0.5) / 100_000) / math.sqrt(3)
    return float(stats.norm.cdf((level + spread * skills) / math.sqrt(steady)).mean())


def draw_ladders(simulated: Simulated, draw: np.random.Generator) -> dict[str, Ladder]:
    """Simulate the ladders of a setting, which share their chance."""
    tables = Tables(simulated.setting.draw(draw))
    return {
        name: Ladder(tables, _gains(steps), bounded=name in COVERED)
        for name, steps in simulated.ladders.items()
    }


def _gains(steps: Sequence[float]) -> dict[str, float]:
    """Return by how much each rung is better than the first."""
    return {
        str(number): points / 100 for number, points in enumerate(accumulate(steps, initial=0.0))
    }


def judge_design(design: Design, ladders: Mapping[str, Ladder], by: Simulated) -> dict[str, float]:
    """Return what came of one climb of each ladder, by name."""
    climbs = {name: climb(design, ladder, by.margin) for name, ladder in ladders.items()}
    accuracy = expected_accuracy(DATA[by.setting.data], by.setting.points, by.setting.heavy_tails)
    told = {"rungs": covered(ladders["null"], climbs["null"].rungs, accuracy)}
    for name, each in climbs.items():
        told[f"false, {name}"] = each.is_wrong
        told[f"trials, {name}"] = each.trials
        if name != "null":
            told[f"finds, {name}"] = each.found()
        if name in COVERED:
            told[f"covers, {name}"] = float(np.mean(each.held()))
            told[f"all, {name}"] = each.all_held()
        if by.margin:
            told[f"falsely equal, {name}"] = each.is_wrongly_equal(by.margin)
    if by.margin:
        told |= {f"equal, {name}": climbs[name].called_equal(by.margin) for name in COVERED}
    return {name: float(value) for name, value in told.items()}


@dataclass(frozen=True)
class Row:
    """What came of a setting and a design: means over climbs, by name."""

    data: str
    spread: str
    design: str
    means: dict[str, float]

    @property
    def of(self) -> tuple[str, str, str]:
        """The setting and the design."""
        return self.data, self.spread, self.design

    def as_line(self) -> str:
        """Return the row as text."""
        cells = [f"{name} {self._told(name)}" for name in HEADS if self._told(name)]
        return " | ".join([self.data, f"{self.spread:22}", f"{self.design:11}", *cells])

    def _told(self, name: str) -> str:
        scale, form = (1, "5.1f") if name == "trials" else (100, "5.1f")
        values = [value for told, value in self.means.items() if told.split(", ")[0] == name]
        if name in ("false", "falsely equal"):
            values = [max(values)] if values else []
        return " ".join(f"{scale * value:{form}}" for value in values)


def alike() -> Iterator[Simulated]:
    """Yield ladders whose rungs' seeds differ alike."""
    for data in DATA:
        for points in (0.15, 0.5, 1.0):
            yield Simulated(Setting(data, MOST, points))


def unsteady() -> Iterator[Simulated]:
    """Yield ladders of which some rungs are far less steady than others."""
    data = "1,670 images, accuracy 0.58"
    for spreads in ("tenfold", "two levels", "one unsteady"):
        yield Simulated(Setting(data, MOST, 3.0, spreads))
    yield Simulated(Setting(data, MOST, 1.0, diverged=True))
    yield Simulated(Setting(data, MOST, 1.0, heavy_tails=True))


def margin() -> Iterator[Simulated]:
    """Yield ladders whose differences may be called equal."""
    for points in MARGINS:
        yield Simulated(Setting("10,000 images, accuracy 0.58", MOST, 0.5), points / 100)


SETTINGS = {"alike": alike, "unsteady": unsteady, "margin": margin}


def measure(settings: Iterable[Simulated], designs: Mapping[str, Design], climbs: int) -> list[Row]:
    """Simulate each setting, and return and print a row for each design."""
    print(f"{climbs} climbs each; {RUNGS} rungs, {len(FAMILY)} comparisons; in percent, and trials")
    rows = []
    for setting in settings:
        draw = np.random.default_rng(1)
        told: dict[str, list[dict[str, float]]] = {name: [] for name in designs}
        for _ in range(climbs):
            ladders = draw_ladders(setting, draw)
            for name, design in designs.items():
                told[name].append(judge_design(design, ladders, setting))
        for name, each in told.items():
            rows.append(Row(setting.setting.data, setting.name, name, _means(each)))
            print(rows[-1].as_line(), flush=True)
    return rows


def _means(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in told])) for name in told[0]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--climbs", type=int, default=200, metavar="N")
    parser.add_argument("--designs", default=",".join(DESIGNS), help="of %(default)s")
    parser.add_argument("--only", choices=SETTINGS, help="how seeds differ")
    parser.add_argument("--keep", action="store_true", help="put it into results/adaptive.json")
    given = parser.parse_args()
    designs = {name: DESIGNS[name] for name in given.designs.split(",")}
    only = [given.only] if given.only else SETTINGS
    rows = measure([each for name in only for each in SETTINGS[name]()], designs, given.climbs)
    if given.keep:
        keep(rows, given.climbs)


def keep(rows: Sequence[Row], climbs: int) -> None:
    """Write the rows; those of other settings stay, where they are of as many climbs."""
    path = results.RESULTS / "adaptive.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    kept = [Row(**each) for each in told.get("rows", [])] if told.get("climbs") == climbs else []
    every = {each.of: each for each in [*kept, *rows]}
    told = {"climbs": climbs, "rungs": RUNGS, "comparisons": len(FAMILY)}
    told |= {"rows": [vars(each) for each in every.values()], **results.circumstances()}
    results.write_json(path, told)


if __name__ == "__main__":
    main()
