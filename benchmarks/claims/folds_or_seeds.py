"""Where do five folds find more than seeds on one test split? At equal compute, really trained.

    python benchmarks/claims/folds_or_seeds.py [--climbs N] [--sizes 300,1000] [--keep]

Each climb draws images of two Gaussian classes and really trains nine rungs in two ways. On a split
of 15 % for test and 15 % for validation they get up to 12 seeds. In five folds every image is
tested once, by networks that have learned 85 % of the other folds, with one seed or two.

A network is a random layer with rectifiers and a ridge regression on it (Rahimi and Recht 2007,
"Random features for large-scale kernel machines", NIPS 20). The layer is the seed's luck: it stays
however many images there are. Rungs share some features and have others of their own, all drawn
alike, so they are equal in expectation and find other images hard. Each fold's network has a layer
of its own: where a few images change, training goes as differently as with other initial weights
(Summers and Dinneen 2021, "Nondeterminism and instability in neural network optimization", ICML
38).

Ladders of nine rungs have 15 comparisons; of the same rungs, ladders of three are made with 3, and
ladders of two with 1. Gains are planted at every second step, by moving accuracies.

Designs: 5 or 12 seeds, looks at 3, 5, 8 and 12 seeds ("adaptive"), and five folds with one seed or
two. Printed are, for each: trainings a rung; the standard error of a step over other images and
other trainings, in points; climbs without any effect in which one is claimed, in percent; gains of
2 and 4 points that are found. Last stands what is foreseen to be found in four of five, as five
seeds on the split tell (`planning`, `fold_prospects`), and how often it is found when one rung has
a gain of that size.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import page
from _harness import results
from claims.adaptive_claims import DESIGNS as SEED_DESIGNS
from convladder.evaluation import (
    cross_validation,
    looks,
    planning,
    statistics,
    stopping,
)
from convladder.evaluation.components import Correct, components
from convladder.evaluation.differences import Difference, Finding, judge
from convladder.evaluation.fold_prospects import Folded
from convladder.evaluation.looks import FindEach, Look, Question
from convladder.evaluation.multiplicity import PLANNED

RUNGS, FOLDS, MOST_SEEDS, MOST_FOLD_SEEDS = 9, 5, 12, 2
FORESEEING = 5  # seeds on the split that foresee
HELD_OUT = 0.15  # for test, and for validation
SHARED, OWN, STRENGTH = 4, 3, 0.35  # features of all rungs and of one; how much they tell
RIDGE = 3.0
LADDERS = {9: 1, 3: 3, 2: 4}  # how many ladders of so many rungs are made of the nine
GAINS = (2.0, 4.0)  # points
SIZES = (300, 1_000, 3_000, 20_000)
WIDTHS = {"steady": 24, "unsteady": 12}  # of the random layer

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Tables = Mapping[str, Correct]


@dataclass(frozen=True)
class Images:
    """Classes of -1 and 1, `(images,)`, and the features that each rung sees of them."""

    labels: Floats
    features: Mapping[str, Floats]

    @property
    def count(self) -> int:
        return len(self.labels)


def draw_images(draw: np.random.Generator, count: int) -> Images:
    """Draw images whose features tell all rungs as much of the class."""
    labels = draw.integers(0, 2, count) * 2.0 - 1.0
    shift = STRENGTH * labels[:, np.newaxis]
    shared = draw.normal(size=(count, SHARED)) + shift
    own = [draw.normal(size=(count, OWN)) + shift for _ in range(RUNGS)]
    return Images(labels, {str(rung): np.hstack([shared, each]) for rung, each in enumerate(own)})


@dataclass(frozen=True)
class Learner:
    """A random layer of so many units, and a ridge regression on it."""

    width: int

    def correct(
        self, images: Images, rung: str, learned: Rows, tested: Rows, draw: np.random.Generator
    ) -> Correct:
        """Train one network, and return of each tested image whether it is right."""
        features = images.features[rung]
        weights = draw.normal(size=(features.shape[1], self.width)) / np.sqrt(features.shape[1])
        layer = np.maximum(features @ weights + draw.normal(0, 0.5, self.width), 0)
        known, labels = layer[learned], images.labels[learned]
        mean, level = known.mean(axis=0), labels.mean()
        known = known - mean
        gram = known.T @ known + RIDGE * np.eye(self.width)
        scores = (layer[tested] - mean) @ np.linalg.solve(gram, known.T @ (labels - level)) + level
        right: Correct = scores * images.labels[tested] > 0
        return right


@dataclass(frozen=True)
class Trained:
    """What came of nine rungs on the same images: on one split by seed, and in folds by seed."""

    split: Tables
    folded: Tables
    folds: Rows


def train(learner: Learner, images: Images, draw: np.random.Generator) -> Trained:
    """Train all rungs on one split and in folds."""
    order, held_out = draw.permutation(images.count), round(HELD_OUT * images.count)
    tested, learned = order[:held_out], order[2 * held_out :]
    folds = draw.permutation(images.count) % FOLDS
    split, folded = dict[str, Correct](), dict[str, Correct]()
    for rung in images.features:
        seeds = [learner.correct(images, rung, learned, tested, draw) for _ in range(MOST_SEEDS)]
        split[rung] = np.stack(seeds)
        folded[rung] = np.zeros((MOST_FOLD_SEEDS, images.count), dtype=bool)
        for row in folded[rung]:
            for fold in range(FOLDS):
                others = draw.permutation(np.flatnonzero(folds != fold))
                known, own = others[round(HELD_OUT * len(others)) :], np.flatnonzero(folds == fold)
                row[own] = learner.correct(images, rung, known, own, draw)
    return Trained(split, folded, folds)


@dataclass(frozen=True)
class Ladder:
    """Some rungs, in order, each asked against the one before it and against the first."""

    rungs: Sequence[str]

    @cached_property
    def steps(self) -> list[Question]:
        return list(zip(self.rungs[1:], self.rungs[:-1], strict=True))

    @cached_property
    def family(self) -> list[Question]:
        return list(
            dict.fromkeys([*self.steps, *((rung, self.rungs[0]) for rung in self.rungs[1:])])
        )

    def gains(self, gain: float) -> dict[str, float]:
        """Return how much better than the first each rung is, with a gain at every second step."""
        return {rung: gain * ((number + 1) // 2) for number, rung in enumerate(self.rungs)}

    def last_gain(self, gain: float) -> dict[str, float]:
        """Return the same where the last rung alone is better."""
        return dict.fromkeys(self.rungs[:-1], 0.0) | {self.rungs[-1]: gain}


def ladders_of(rungs: int) -> list[Ladder]:
    """Return ladders of so many rungs that share none."""
    return [
        Ladder([str(each * rungs + rung) for rung in range(rungs)])
        for each in range(LADDERS[rungs])
    ]


@dataclass(frozen=True)
class Judged:
    """What a climb has claimed, with how many trainings of each rung."""

    claims: Mapping[Question, Difference]
    trainings: float

    def found(self, steps: Sequence[Question]) -> list[bool]:
        """Return of each of these steps whether it is called better."""
        return [self.claims[step].verdict == "better" for step in steps]


Design = Callable[[Trained, Ladder, Mapping[str, float]], Judged]


def by_seeds(name: str, trained: Trained, ladder: Ladder, gains: Mapping[str, float]) -> Judged:
    """Climb on the split, as a design of `adaptive_claims` looks."""
    design = SEED_DESIGNS[name]
    shares = looks.planned_shares(design.counts, len(ladder.family))
    family = stopping.Family(ladder.family, design.counts[-1], shares[-1])
    going, seeds, seen = frozenset(ladder.rungs), dict.fromkeys(ladder.rungs, 0), list[Look]()
    for count, share in zip(design.counts, shares, strict=True):
        seeds |= dict.fromkeys(going, count)
        cut = _moved(trained.split, seeds, gains)
        seen.append(Look(cut, going, share))
        if design.selects:
            going = stopping.going_on(
                stopping.outlooks(seen, family, _quickly(statistics.find_each))
            )
        if not going:
            break
    return Judged(_judge(seen, ladder, statistics.find_each), float(np.mean([*seeds.values()])))


def by_folds(seeds: int, trained: Trained, ladder: Ladder, gains: Mapping[str, float]) -> Judged:
    """Climb in folds, with so many seeds."""
    moved = _moved(trained.folded, dict.fromkeys(ladder.rungs, seeds), gains)
    find = partial(cross_validation.find_each, folds=trained.folds)
    looked = [Look(moved, frozenset(moved), PLANNED)]
    return Judged(_judge(looked, ladder, find), seeds * FOLDS)


def _moved(
    tables: Tables, seeds: Mapping[str, int], gains: Mapping[str, float]
) -> dict[str, Correct]:
    """Return the first seeds of each rung, with a true gain and the same chance."""
    return {rung: tables[rung][:number] + gains[rung] for rung, number in seeds.items()}


def _judge(seen: Sequence[Look], ladder: Ladder, find: FindEach) -> dict[Question, Difference]:
    found = looks.find_each(seen, ladder.family, _quickly(find))
    return dict(zip(ladder.family, judge(found, len(ladder.family)), strict=True))


def _quickly(find: FindEach) -> FindEach:
    """Find what verdicts need: intervals take most of the time."""

    def find_quickly(
        rungs: Mapping[str, Correct], questions: Sequence[Question]
    ) -> list[Finding | Difference]:
        return [
            replace(each, interval=_anything, detectable=_nothing)
            if isinstance(each, Finding)
            else each
            for each in find(rungs, questions)
        ]

    return find_quickly


def _anything(misses: float) -> tuple[float, float]:
    return -1.0, 1.0


def _nothing(misses: float) -> None:
    return None


DESIGNS: dict[str, Design] = {
    "5 seeds": partial(by_seeds, "fixed 5"),
    "5 folds": partial(by_folds, 1),
    "12 seeds": partial(by_seeds, "fixed 12"),
    "adaptive": partial(by_seeds, "adaptive"),
    "5 folds, 2 seeds": partial(by_folds, 2),
}
FOLD_SEEDS = {"5 folds": 1, "5 folds, 2 seeds": 2}
SEEDS = {"5 seeds": 5, "12 seeds": 12}


def standard_errors(trained: Sequence[Trained]) -> dict[str, float]:
    """Return by design how much the difference of two equal rungs varies over climbs."""
    (ladder,) = ladders_of(RUNGS)
    kept = {name: [{k: t[:n].mean() for k, t in each.split.items()} for each in trained]
            for name, n in SEEDS.items()}  # fmt: skip
    kept |= {name: [{k: t[:n].mean() for k, t in each.folded.items()} for each in trained]
             for name, n in FOLD_SEEDS.items()}  # fmt: skip
    return {
        name: float(np.std([means[a] - means[b] for means in each for a, b in ladder.steps]))
        for name, each in kept.items()
    }


def foreseen(name: str, trained: Trained, ladder: Ladder) -> float | None:
    """Return what a design finds in four of five, as five seeds on the split foresee it."""
    tables = {rung: trained.split[rung][:FORESEEING] for rung in ladder.rungs}
    found = statistics.find_each(tables, ladder.steps)
    variance = planning.typical(
        [each.variance for each in found if isinstance(each, Finding) and each.variance]
    )
    rungs, family = len(ladder.rungs), len(ladder.family)
    if name in SEEDS:
        return planning.detectable(variance, SEEDS[name], variance.images, rungs, family)
    if name in FOLD_SEEDS:
        folded = Folded(FOLDS, FOLD_SEEDS[name], len(trained.folds))
        return planning.detectable_in_folds(variance, folded, family)
    return None


def spread_of_seeds(trained: Sequence[Trained]) -> float:
    """Return the standard deviation of a rung's seeds that is not of the finite test set."""
    parts = [components(table) for each in trained for table in each.split.values()]
    return math.sqrt(max(np.mean([each.between_seeds - each.residual for each in parts]), 0.0))


@dataclass(frozen=True)
class Row:
    """What came of a design: shares and accuracies from 0 to 1.

    spread : the standard deviation of a rung's seeds that is not of the finite test set.
    finds : shares of planted gains that are found, by points. foreseen : what is foreseen to be
    found in four of five; finds_foreseen : how often it is found.
    """

    images: int
    learner: str
    spread: float
    rungs: int
    comparisons: int
    design: str
    trainings: float
    standard_error: float | None
    false: float
    finds: dict[str, float]
    foreseen: float | None = None
    finds_foreseen: float | None = None

    def as_line(self) -> str:
        """Return the row as text."""
        finds = " ".join(f"{points} {100 * share:5.1f}" for points, share in self.finds.items())
        error = "     " if self.standard_error is None else f"{100 * self.standard_error:5.2f}"
        told = (
            ""
            if self.foreseen is None or self.finds_foreseen is None
            else f" | foreseen {100 * self.foreseen:4.1f}, found {100 * self.finds_foreseen:5.1f}"
        )
        return (
            f"{self.images:6,} | {self.learner:8} {100 * self.spread:4.2f} | {self.rungs} | "
            f"{self.design:16} | {self.trainings:4.1f} | {error} | false {100 * self.false:4.1f} | "
            f"finds {finds}{told}"
        )


def measure(learner: str, images: int, climbs: int) -> Iterator[Row]:
    """Train climbs, and yield a row for each size of ladder and design."""
    draw = np.random.default_rng(1)
    trained = [
        train(Learner(WIDTHS[learner]), draw_images(draw, images), draw) for _ in range(climbs)
    ]
    errors, spread = standard_errors(trained), spread_of_seeds(trained)
    for rungs in LADDERS:
        ladders = ladders_of(rungs)
        for name in DESIGNS:
            yield Row(
                images,
                learner,
                spread,
                rungs,
                len(ladders[0].family),
                name,
                standard_error=errors.get(name),
                **_means_of(name, [(each, own) for each in trained for own in ladders]),
            )


def _means_of(name: str, climbs: Sequence[tuple[Trained, Ladder]]) -> dict[str, Any]:
    design, trainings, false = DESIGNS[name], list[float](), list[bool]()
    finds: dict[float, list[bool]] = {gain: [] for gain in GAINS}
    told: list[float] = []
    finds_told: list[bool] = []
    for trained, ladder in climbs:
        null = design(trained, ladder, ladder.gains(0.0))
        trainings.append(null.trainings)
        false.append(any(each.verdict != "undecided" for each in null.claims.values()))
        for gain in GAINS:
            judged = design(trained, ladder, ladder.gains(gain / 100))
            finds[gain] += judged.found(ladder.steps[::2])
        if (size := foreseen(name, trained, ladder)) is not None:
            told.append(size)
            finds_told += design(trained, ladder, ladder.last_gain(size)).found(ladder.steps[-1:])
    return {
        "trainings": float(np.mean(trainings)),
        "false": float(np.mean(false)),
        "finds": {f"{gain:g}": float(np.mean(found)) for gain, found in finds.items()},
        "foreseen": float(np.mean(told)) if told else None,
        "finds_foreseen": float(np.mean(finds_told)) if told else None,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--climbs", type=int, default=100, metavar="N")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="images; %(default)s")
    parser.add_argument("--keep", action="store_true", help="put it into docs/verdicts.md")
    given = parser.parse_args()
    rows = []
    for images in map(int, given.sizes.split(",")):
        for learner in WIDTHS:
            for row in measure(learner, images, given.climbs):
                rows.append(row)
                print(row.as_line(), flush=True)
    if given.keep:
        told = {"climbs": given.climbs, "rows": [vars(row) for row in rows]}
        results.write_json(results.RESULTS / "folds-or-seeds.json", told | results.circumstances())
        page.write()


if __name__ == "__main__":
    main()
