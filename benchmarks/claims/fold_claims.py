"""How often does cross-validation claim what is not there? Compares ways to judge folds.

    python benchmarks/claims/fold_claims.py [CLIMBS] [IMAGES]

Each climb draws images of two Gaussian classes and really trains four rungs in every fold, each
tested against the one before it. The rungs are equal in expectation: they have other random states,
or each sees features of its own, all drawn alike. Two learners are unsteady (random trees, few
steps of gradient descent). The third, two levels of best splits, is the hard one: it does not vary
with the seed, but picks the same features in most folds, so a rung's luck with its images is shared
by its folds.

The ways: Student's test over the folds, as if they were independent ("plain"); with Nadeau and
Bengio's variance ("published"); as shipped ("ours"); and `statistics.compare`, which knows seeds
alone and with one claims nothing ("no folds").

Printed are, for each way, the share of climbs with a false "better", with any false claim, and the
mean detectable difference in points; the share of climbs that find a planted gain (by a rung with
stronger features in the place of the last); and how often the 95 % interval of an accuracy covers
the expected accuracy of networks trained on so many images, with its mean width in points.

Two minutes on one core. With 10,000 images the third learner shows where folds do not suffice.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from convladder.evaluation import cross_validation, differences, statistics
from convladder.evaluation.components import Correct
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.differences import Difference
from convladder.evaluation.intervals import LEVEL
from convladder.evaluation.mixture import Mixture, SeedPart, of_parts
from convladder.evaluation.statistics import Estimate
from folded_ladders import LEARNERS, QUESTIONS, Learner, Tables, climb, expected_accuracy, seeds_of

PLANTED = [*QUESTIONS[:-1], ("stronger", "2")]

Questions = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Way:
    """How to compare the rungs of a climb, and the interval of one rung's accuracy."""

    compare: Callable[[Tables, Questions, Folds], list[Difference]]
    interval: Callable[[Correct, Folds], tuple[float, float]]


def fold_means(by_image: NDArray[np.float64], folds: Folds) -> NDArray[np.float64]:
    """Return `(folds,)`, the mean of each fold's images."""
    return np.array([by_image[folds == fold].mean() for fold in np.unique(folds)])


def over_folds(scale: Callable[[int], float]) -> Way:
    """Make Student's test over the folds, with the variance between K folds scaled so."""

    def of_mean(by_image: NDArray[np.float64], folds: Folds) -> Mixture:
        by_fold = fold_means(by_image, folds)
        variance = max(scale(len(by_fold)) * float(by_fold.var(ddof=1)), 1e-12)
        return of_parts(0.0, SeedPart(variance, len(by_fold) - 1, 0.0))

    def compare(tables: Tables, questions: Questions, folds: Folds) -> list[Difference]:
        found = []
        for left, right in questions:
            by_image = tables[left].mean(axis=0) - tables[right].mean(axis=0)
            found.append(differences.find(float(by_image.mean()), of_mean(by_image, folds)))
        return differences.judge(found, len(questions))

    def interval(table: Correct, folds: Folds) -> tuple[float, float]:
        by_image = table.mean(axis=0)
        reach = of_mean(by_image, folds).reach((1 - LEVEL) / 2)
        return float(by_image.mean()) - reach, float(by_image.mean()) + reach

    return Way(compare, interval)


def bounds(found: Estimate) -> tuple[float, float]:
    """Return the interval alone."""
    return found.low, found.high


WAYS = {
    "plain": over_folds(lambda count: 1 / count),
    "published": over_folds(lambda count: 1 / count + 1 / (count - 1)),
    "ours": Way(
        lambda tables, questions, folds: cross_validation.compare(
            tables, questions, seeds_of(tables), folds=folds
        ),
        lambda table, folds: bounds(cross_validation.estimate(table, folds)),
    ),
    "no folds": Way(
        lambda tables, questions, folds: statistics.compare(tables, questions, seeds_of(tables)),
        lambda table, folds: bounds(statistics.estimate(table)),
    ),
}


def judge(way: Way, tables: Tables, folds: Folds, truth: float) -> list[float]:
    """Judge a climb: a false better, any false claim, detectable, gain found, accuracy covered,
    width.
    """
    low, high = way.interval(tables["0"], folds)
    claims = way.compare(tables, QUESTIONS, folds)
    verdicts = {claim.verdict for claim in claims}
    detectable = np.mean(
        [math.nan if claim.detectable is None else claim.detectable for claim in claims]
    )
    found = way.compare(tables, PLANTED, folds)[-1].verdict == "better"
    any_claim = bool(verdicts & {"better", "worse"})
    return [
        "better" in verdicts,
        any_claim,
        float(detectable),
        found,
        low <= truth <= high,
        high - low,
    ]


def measure(learner: Learner, count: int, climbs: int, images: int) -> None:
    """Print a row for each number of seeds and each way."""
    folds = np.arange(images) % count
    truth = expected_accuracy(learner, "0", images - images // count)
    gain = expected_accuracy(learner, "stronger", images - images // count) - truth
    print(f"expected accuracy {truth:.3f}, planted gain {100 * gain:.1f} points")
    draw = np.random.default_rng(1)
    climbed = [climb(learner, draw, images, folds) for _ in range(climbs)]
    for seeds in sorted({1, learner.seeds}):
        cut = [{rung: table[:seeds] for rung, table in tables.items()} for tables in climbed]
        for name, way in WAYS.items():
            better, claimed, detectable, found, covers, width = np.mean(
                [judge(way, tables, folds, truth) for tables in cut], axis=0
            )
            least = "-" if math.isnan(detectable) else f"{100 * detectable:.1f}"
            claims = f"{better:7.1%} {claimed:7.1%} {least:>11} {found:7.1%}"
            print(
                f"{count:5} {seeds:5} {name:9} {claims} {covers:8.1%} {100 * width:6.1f}",
                flush=True,
            )


def main(climbs: int = 200, images: int = 300) -> None:
    """Print the table."""
    print(f"{climbs} climbs each of {images} images")
    print("folds seeds way        better     any  detectable   finds   covers  width")
    for name, learner in LEARNERS.items():
        for count in learner.folds:
            print(f"{name}, ", end="")
            measure(learner, count, climbs, images)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
