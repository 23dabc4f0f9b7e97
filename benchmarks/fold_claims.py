"""How often does cross-validation claim what is not there? Compares ways to judge folds.

    python benchmarks/fold_claims.py [CLIMBS] [IMAGES]

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from convladder.evaluation import cross_validation, statistics
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.statistics import LEVEL, Correct, Difference, Estimate

STRENGTHS = np.linspace(0.2, 0.6, 6)  # of a rung's features
STRONGER = 1.3
QUESTIONS = [("1", "0"), ("2", "1"), ("3", "2")]
PLANTED = [*QUESTIONS[:-1], ("stronger", "2")]
RUNGS = ("0", "1", "2", "3", "stronger")

Images = tuple[NDArray[np.float64], NDArray[np.int64]]
Tables = Mapping[str, Correct]
Questions = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Learner:
    """A learner by its random state; whether each rung sees features of its own, or all the same."""

    make: Callable[[int], Any]
    own_features: bool
    folds: tuple[int, ...] = (5, 10)
    seeds: int = 3


def split_features(state: int) -> DecisionTreeClassifier:
    """Make a tree of two levels; the state decides between equal splits alone, so one seed is all."""
    return DecisionTreeClassifier(max_depth=2, random_state=state)


LEARNERS = {
    "trees, other states": Learner(
        lambda state: ExtraTreeClassifier(max_depth=6, random_state=state), False
    ),
    "linear, own features": Learner(
        lambda state: SGDClassifier(max_iter=3, tol=None, random_state=state), True
    ),
    "splits, own features": Learner(split_features, True, folds=(5, 10, 20), seeds=1),
}


@dataclass(frozen=True)
class Way:
    """How to compare the rungs of a climb, and the interval of one rung's accuracy."""

    compare: Callable[[Tables, Questions, Folds], list[Difference]]
    interval: Callable[[Correct, Folds], tuple[float, float]]


def draw_images(draw: np.random.Generator, images: int) -> Images:
    """Draw `(images, rungs, features)` and classes. All rungs but the stronger see as much of the
    class.
    """
    labels = draw.integers(0, 2, images)
    strengths = np.stack([STRENGTHS * (STRONGER if rung == "stronger" else 1) for rung in RUNGS])
    return draw.normal(size=(images, *strengths.shape)) + strengths * (2 * labels - 1)[
        :, None, None
    ], labels


def cross_validate(
    learner: Learner, rung: str, images: Images, folds: Folds, state: int
) -> Correct:
    """Return `(seeds, images)`: was the image right, by the model that was trained on the other
    folds?
    """
    features, labels = images
    seen = features[:, RUNGS.index(rung) if learner.own_features or rung == "stronger" else 0]
    correct = np.zeros((learner.seeds, len(labels)), dtype=bool)
    for seed in range(learner.seeds):
        for fold in np.unique(folds):
            tested = folds == fold
            model = learner.make(state + 100 * seed + int(fold)).fit(seen[~tested], labels[~tested])
            correct[seed, tested] = model.predict(seen[tested]) == labels[tested]
    return correct


def climb(
    learner: Learner, draw: np.random.Generator, images: int, folds: Folds
) -> dict[str, Correct]:
    """Cross-validate all rungs on images newly drawn."""
    drawn = draw_images(draw, images)
    return {
        rung: cross_validate(learner, rung, drawn, folds, int(draw.integers(2**30)))
        for rung in RUNGS
    }


def expected_accuracy(learner: Learner, rung: str, images: int, trainings: int = 300) -> float:
    """Return the mean accuracy on 20,000 new images of many models, each trained on so many images
    of its own.
    """
    draw = np.random.default_rng(9)
    column = RUNGS.index(rung)
    features, labels = draw_images(draw, 20_000)
    right = []
    for state in range(trainings):
        seen, known = draw_images(draw, images)
        model = learner.make(state).fit(seen[:, column], known)
        right.append(np.mean(model.predict(features[:, column]) == labels))
    return float(np.mean(right))


def fold_means(by_image: NDArray[np.float64], folds: Folds) -> NDArray[np.float64]:
    """Return `(folds,)`, the mean of each fold's images."""
    return np.array([by_image[folds == fold].mean() for fold in np.unique(folds)])


def over_folds(scale: Callable[[int], float]) -> Way:
    """Make Student's test over the folds, with the variance between K folds scaled so."""

    def compare(tables: Tables, questions: Questions, folds: Folds) -> list[Difference]:
        found = []
        for left, right in questions:
            by_fold = fold_means(tables[left].mean(axis=0) - tables[right].mean(axis=0), folds)
            variance = max(scale(len(by_fold)) * by_fold.var(ddof=1), 1e-12)
            found.append(
                statistics.t_test(by_fold.mean(), variance, len(by_fold) - 1, len(questions))
            )
        return statistics.judge(found, len(questions))

    def interval(table: Correct, folds: Folds) -> tuple[float, float]:
        by_fold = fold_means(table.mean(axis=0), folds)
        error = math.sqrt(scale(len(by_fold)) * by_fold.var(ddof=1))
        reach = statistics.quantile((1 + LEVEL) / 2, len(by_fold) - 1) * error
        return by_fold.mean() - reach, by_fold.mean() + reach

    return Way(compare, interval)


def seeds_of(tables: Tables) -> dict[str, range]:
    """Return which seeds the rows of each table are."""
    return {rung: range(len(table)) for rung, table in tables.items()}


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
