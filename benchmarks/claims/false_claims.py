"""How often does a climb claim what is not there, and what does it find? Compares ways to judge.

    python benchmarks/claims/false_claims.py [--climbs N] [--ways ours,before] [--only unsteady]

Each simulated climb has nine rungs of equal accuracy, each tested against the one before it and
against the first. Images differ in difficulty, rungs differ in which images they find hard, and
seeds differ in skill. The ways: as convladder judges ("ours"); with the residual in both parts and
Welch's degrees of freedom for all of the variance ("before"); by the images alone, as if seeds were
no sample ("images"); by the seeds alone, as if the test images were all there are ("seeds").

Printed are, for each way: the share of climbs with any false claim; the share of 95 % intervals
that hold the truth; of climbs in which all intervals of the family do; and the share of true
differences of 1, 2 and 4 points that are called rightly where every second step has one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import page
from _harness import results
from convladder.evaluation import differences, statistics
from convladder.evaluation.components import (
    Components,
    Correct,
    components,
    image_variance,
    paired_image_variance,
)
from convladder.evaluation.differences import Difference
from convladder.evaluation.mixture import SeedPart, of_parts, welch
from simulated_ladders import SPREADS, Population

RUNGS = 9
GAINS = (1.0, 2.0, 4.0)  # points
HEADS = ("data", "seeds", "spread of seeds, points", "way", "false, covers, all, finds 1, 2, 4")
Questions = Sequence[tuple[str, str]]
Ladder = Mapping[str, Correct]
Way = Callable[[Ladder, Questions], list[Difference]]

STEPS = [(str(number), str(number - 1)) for number in range(1, RUNGS)]
FAMILY = list(dict.fromkeys([*STEPS, *((str(number), "0") for number in range(1, RUNGS))]))
GAINED = STEPS[::2]  # the steps with a difference, where there are any

DATA = {
    "270 images, accuracy 0.97": Population(0.97, 270),
    "1,670 images, accuracy 0.58": Population(0.58, 1_670),
    "10,000 images, accuracy 0.58": Population(0.58, 10_000),
}


def as_shipped(rungs: Ladder, questions: Questions) -> list[Difference]:
    """Ask `statistics.compare`."""
    return statistics.compare(rungs, questions, {name: range(len(rungs[name])) for name in rungs})


def with_mixture(
    of_pair: Callable[[Components, Components], tuple[float, list[SeedPart]]],
    rungs: Ladder,
    questions: Questions,
) -> list[Difference]:
    """Judge by the images' part and the seeds' parts that a way takes of a pair."""
    parts = {name: components(rung) for name, rung in rungs.items()}
    found = []
    for left, right in questions:
        images, seeds = of_pair(parts[left], parts[right])
        found.append(
            differences.find(parts[left].mean - parts[right].mean, of_parts(images, *seeds))
        )
    return differences.judge(found, len(questions))


def before(left: Components, right: Components) -> tuple[float, list[SeedPart]]:
    """Count the residual twice, and give all of the variance the seeds' degrees of freedom."""
    images = image_variance(np.concatenate([left.by_image - right.by_image, [1.0, -1.0]]))
    parts = [SeedPart(each.between_seeds / each.seeds, each.seeds - 1, 0) for each in (left, right)]
    seeds = welch(parts)
    return 0.0, [SeedPart(images + seeds.variance, seeds.degrees, 0)]


def images_alone(left: Components, right: Components) -> tuple[float, list[SeedPart]]:
    """Take the trained networks for all there are."""
    return paired_image_variance(left, right), []


def seeds_alone(left: Components, right: Components) -> tuple[float, list[SeedPart]]:
    """Take the test images for all there are: Welch's test over the accuracies of seeds."""
    parts = [SeedPart(each.between_seeds / each.seeds, each.seeds - 1, 0) for each in (left, right)]
    return 1e-12, [welch(parts)]


WAYS: dict[str, Way] = {
    "ours": as_shipped,
    "before": partial(with_mixture, before),
    "images": partial(with_mixture, images_alone),
    "seeds": partial(with_mixture, seeds_alone),
}


@dataclass(frozen=True)
class Row:
    """What came of a setting, judged in one way: shares as `judge` returns them."""

    data: str
    seeds: int
    spread: str
    way: str
    shares: list[float]

    def as_line(self) -> str:
        """Return the row as text."""
        shares = " ".join(f"{share:6.1%}" for share in self.shares)
        return f"{self.data} | {self.seeds:2} | {self.spread:22} | {self.way:7} | {shares}"


@dataclass(frozen=True)
class Setting:
    """What is simulated: data, seeds, and how much these differ."""

    data: str
    seeds: int
    points: float  # standard deviation of the accuracies of the unsteadiest rung's seeds
    spreads: str = "equal"
    diverged: bool = False
    heavy_tails: bool = False

    @property
    def name(self) -> str:
        """Say how seeds differ."""
        kind = "one seed diverged" if self.diverged else self.spreads
        kind = "heavy tails" if self.heavy_tails else kind
        return f"{kind}, {self.points:g}"

    def draw(self, draw: np.random.Generator) -> dict[str, Correct]:
        """Simulate a climb without any effect."""
        points = [self.points * share for share in SPREADS[self.spreads][:RUNGS]]
        drawn = DATA[self.data].draw_ladder(draw, self.seeds, points, heavy_tails=self.heavy_tails)
        if self.diverged:
            drawn[int(draw.integers(RUNGS))][0] = draw.random(DATA[self.data].images) < 0.1
        return {str(number): rung for number, rung in enumerate(drawn)}


def alike() -> Iterator[Setting]:
    """Yield ladders whose rungs' seeds differ alike."""
    for data in DATA:
        for seeds in (3, 5, 8):
            for points in (0.15, 0.5, 1.0):
                yield Setting(data, seeds, points)


def unsteady() -> Iterator[Setting]:
    """Yield ladders of which some rungs are far less steady than others."""
    for seeds in (2, 3, 5, 12):
        for spreads in ("tenfold", "two levels", "one unsteady"):
            yield Setting("1,670 images, accuracy 0.58", seeds, 3.0, spreads)
        yield Setting("1,670 images, accuracy 0.58", seeds, 1.0, diverged=True)
        yield Setting("1,670 images, accuracy 0.58", seeds, 1.0, heavy_tails=True)


def judge(way: Way, rungs: Ladder) -> list[float]:
    """Return: any false claim, intervals that cover, all at once, and gains found, by size.

    A false claim counts also where every second step is true.
    """
    null = way(rungs, FAMILY)
    found, false = [], is_any_called(null)
    for points in GAINS:
        claims = dict(zip(FAMILY, way(with_gains(rungs, points / 100), FAMILY), strict=True))
        found.append(np.mean([claims[pair].verdict == "better" for pair in GAINED]))
        false |= is_any_called([claims[pair] for pair in STEPS if pair not in GAINED])
    inside = [holds_zero(each.low, each.high) for each in null]
    together = [holds_zero(each.family_low, each.family_high) for each in null]
    return [false, float(np.mean(inside)), all(together), *found]


def with_gains(rungs: Ladder, gain: float) -> dict[str, Correct]:
    """Return the ladder with a true gain at every second step, and the same chance."""
    return {name: rung + gain * ((int(name) + 1) // 2) for name, rung in rungs.items()}


def is_any_called(claims: Sequence[Difference]) -> bool:
    """Whether any difference is called."""
    return any(claim.verdict in ("better", "worse") for claim in claims)


def holds_zero(low: float | None, high: float | None) -> bool:
    """Whether an interval holds the truth of a ladder without any effect."""
    return low is None or high is None or low <= 0 <= high


SETTINGS = {"alike": alike, "unsteady": unsteady}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--climbs", type=int, default=300, metavar="N")
    parser.add_argument("--ways", default=",".join(WAYS), help="of %(default)s")
    parser.add_argument("--only", choices=SETTINGS, help="how seeds differ")
    parser.add_argument("--keep", action="store_true", help="put the table into docs/verdicts.md")
    given = parser.parse_args()
    ways = {name: WAYS[name] for name in given.ways.split(",")}
    only = [given.only] if given.only else SETTINGS
    rows = measure([each for name in only for each in SETTINGS[name]()], ways, given.climbs)
    if given.keep:
        told = {"climbs": given.climbs, "rungs": RUNGS, "comparisons": len(FAMILY)}
        told |= {"rows": [vars(row) for row in rows], **results.circumstances()}
        results.write_json(results.RESULTS / "verdicts.json", told)
        page.write()


def measure(settings: Iterable[Setting], ways: Mapping[str, Way], climbs: int) -> list[Row]:
    """Simulate each setting, and return and print a row for each way."""
    print(f"{climbs} climbs each; {RUNGS} rungs, {len(FAMILY)} comparisons")
    print(" | ".join(HEADS))
    rows = []
    for setting in settings:
        draw = np.random.default_rng(1)
        figures: dict[str, list[list[float]]] = {way: [] for way in ways}
        for _ in range(climbs):
            rungs = setting.draw(draw)
            for name, way in ways.items():
                figures[name].append(judge(way, rungs))
        for name, found in figures.items():
            shares = [float(share) for share in np.mean(found, axis=0)]
            rows.append(Row(setting.data, setting.seeds, setting.name, name, shares))
            print(rows[-1].as_line(), flush=True)
    return rows


if __name__ == "__main__":
    main()
