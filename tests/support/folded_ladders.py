"""Ladders of small learners, really trained in every fold, whose rungs are equal in expectation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from convladder.evaluation.components import Correct
from convladder.evaluation.cross_validation import Folds

STRENGTHS = np.linspace(0.2, 0.6, 6)  # of a rung's features
STRONGER = 1.3
QUESTIONS = [("1", "0"), ("2", "1"), ("3", "2")]
RUNGS = ("0", "1", "2", "3", "stronger")

Images = tuple[NDArray[np.float64], NDArray[np.int64]]
Tables = Mapping[str, Correct]


@dataclass(frozen=True)
class Learner:
    """A learner by its random state; whether each rung sees features of its own."""

    make: Callable[[int], Any]
    own_features: bool
    folds: tuple[int, ...] = (5, 10)
    seeds: int = 3


def split_features(state: int) -> DecisionTreeClassifier:
    """Make a tree of two levels; the state only decides between equal splits: one seed is all."""
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


def seeds_of(tables: Tables) -> dict[str, range]:
    """Return which seeds the rows of each table are."""
    return {rung: range(len(table)) for rung, table in tables.items()}
