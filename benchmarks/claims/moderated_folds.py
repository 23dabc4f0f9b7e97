"""What if the spreads of folds informed each other, as those of seeds do? A way that was rejected.

    python benchmarks/claims/moderated_folds.py [CLIMBS]

Between five folds a variance has four degrees of freedom, and most of what folds gain is lost to
that. Drawing the variances of all 15 comparisons towards each other (`moderation`) gives more. Here
nine rungs are cross-validated, equal in expectation: random layers as in `folds_or_seeds`, and the
two levels of best splits of `fold_claims`, which pick the same features in most folds. Their luck
is shared by all folds, so it does not show between them.

Printed are, as shipped and moderated: climbs with any false claim, and gains of four points found.
A minute on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from claims.folds_or_seeds import FOLDS, WIDTHS, Learner, Rows, draw_images, ladders_of
from convladder.evaluation import cross_validation, moderation
from convladder.evaluation.components import (
    Components,
    Correct,
    components,
    image_variance,
    paired_image_variance,
)
from convladder.evaluation.cross_validation import Folds, training_part
from convladder.evaluation.differences import Difference, Finding, find, judge
from convladder.evaluation.looks import Question
from convladder.evaluation.mixture import of_parts
from folded_ladders import STRENGTHS, split_features

Tables = Mapping[str, Correct]
FindEach = Callable[[Tables, Sequence[Question], Folds], Sequence[Finding | Difference]]
Train = Callable[[np.random.Generator, int, Folds], dict[str, Correct]]

(LADDER,) = ladders_of(9)
SETTINGS = (("steady", 2_000), ("unsteady", 2_000), ("splits", 300), ("splits", 2_000))
GAIN = 0.04


def layers(width: int, draw: np.random.Generator, count: int, folds: Folds) -> dict[str, Correct]:
    """Cross-validate nine rungs with random layers."""
    images, learner = draw_images(draw, count), Learner(width)
    return {
        rung: _in_folds(
            folds, lambda known, own, rung=rung: learner.correct(images, rung, known, own, draw)
        )
        for rung in LADDER.rungs
    }


def splits(draw: np.random.Generator, count: int, folds: Folds) -> dict[str, Correct]:
    """Cross-validate nine rungs of two levels of best splits, each with features of its own."""
    labels, tables = draw.integers(0, 2, count), {}
    for rung in LADDER.rungs:
        features = draw.normal(size=(count, len(STRENGTHS)))
        features += STRENGTHS * (2 * labels - 1)[:, np.newaxis]

        def test(known: Rows, own: Rows, features=features) -> Correct:  # type: ignore[no-untyped-def]
            tree = split_features(int(draw.integers(2**30))).fit(features[known], labels[known])
            right: Correct = tree.predict(features[own]) == labels[own]
            return right

        tables[rung] = _in_folds(folds, test)
    return tables


def _in_folds(folds: Folds, test: Callable[[Rows, Rows], Correct]) -> Correct:
    table = np.zeros((1, len(folds)), dtype=bool)
    for fold in range(FOLDS):
        own = np.flatnonzero(folds == fold)
        table[0, own] = test(np.flatnonzero(folds != fold), own)
    return table


LEARNERS: dict[str, Train] = {
    **{name: partial(layers, width) for name, width in WIDTHS.items()},
    "splits": splits,
}


def as_shipped(
    tables: Tables, questions: Sequence[Question], folds: Folds
) -> Sequence[Finding | Difference]:
    """Ask `cross_validation`."""
    return cross_validation.find_each(tables, questions, folds)


def moderated(
    tables: Tables, questions: Sequence[Question], folds: Folds
) -> Sequence[Finding | Difference]:
    """Ask the same, with variances between folds that are drawn towards each other."""
    parts = {rung: components(table) for rung, table in tables.items()}
    found, between = [], dict[str, Components]()
    for number, (left, right) in enumerate(questions):
        by_image = parts[left].by_image - parts[right].by_image
        by_fold = [by_image[folds == fold].mean() for fold in range(FOLDS)]
        between[str(number)] = Components(
            FOLDS,
            len(folds),
            parts[left].mean - parts[right].mean,
            by_image,
            float(np.var(by_fold, ddof=1)),
            FOLDS * image_variance(by_image),
        )
    spreads = moderation.spreads(between)
    for number, (left, right) in enumerate(questions):
        own, spread = between[str(number)], spreads[str(number)]
        training = training_part(spread.variance, FOLDS, own.residual / FOLDS)
        training = replace(training, degrees=spread.degrees)
        scatter = of_parts(paired_image_variance(parts[left], parts[right]), training)
        found.append(find(own.mean, scatter))
    return found


WAYS: dict[str, FindEach] = {"as shipped": as_shipped, "moderated": moderated}


def measure(name: str, images: int, climbs: int) -> dict[str, tuple[float, float]]:
    """Return for each way how often a climb is wrong, and the share of gains that are found."""
    draw = np.random.default_rng(7)
    wrong: dict[str, list[bool]] = {way: [] for way in WAYS}
    found: dict[str, list[bool]] = {way: [] for way in WAYS}
    for _ in range(climbs):
        folds = draw.permutation(images) % FOLDS
        tables = LEARNERS[name](draw, images, folds)
        gains = LADDER.gains(GAIN)
        moved = {rung: table + gains[rung] for rung, table in tables.items()}
        for way, find_each in WAYS.items():
            null = _judge(find_each(tables, LADDER.family, folds))
            wrong[way].append(any(verdict in ("better", "worse") for verdict in null.values()))
            gained = _judge(find_each(moved, LADDER.family, folds))
            found[way] += [gained[step] == "better" for step in LADDER.steps[::2]]
    return {way: (float(np.mean(wrong[way])), float(np.mean(found[way]))) for way in WAYS}


def _judge(found: Sequence[Finding | Difference]) -> dict[Question, str]:
    claims = judge(found, len(LADDER.family))
    return {step: each.verdict for step, each in zip(LADDER.family, claims, strict=True)}


def main(climbs: int = 200) -> None:
    """Print the table."""
    print(f"{climbs} climbs each; nine rungs, {FOLDS} folds")
    print("learner   images  way          false   finds 4 points")
    for name, images in SETTINGS:
        for way, (wrong, found) in measure(name, images, climbs).items():
            print(f"{name:9} {images:6,}  {way:10} {wrong:7.1%}   {found:7.1%}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
