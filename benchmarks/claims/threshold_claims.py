"""How often is the accuracy above a threshold below the wanted one, and what does it cover?

    python benchmarks/claims/threshold_claims.py [--networks N] [--images 270,1250,5000]

A network is simulated with validation images, whose labels are drawn from known probabilities. Its
temperature is fitted on them and its threshold is chosen on them, as convladder does. The accuracy
above the threshold is then known from 100,000 other images of the same kind.

The ways: as convladder does by default ("guaranteed"); the least confidence that reached it ("as
seen"); the guaranteed way with a Bonferroni correction of ten tenths ("Bonferroni"), or with those
tenths in a fixed order ("tenths").

Printed are, for each way: the share of networks whose accuracy above the threshold is below the
wanted one; the share of images that are answered, on average; and the share of networks that get a
threshold.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr, softmax

from convladder.evaluation import calibration, thresholds

IMAGES = (270, 1250, 5000)
WANTED = (0.9, 0.95, 0.99)
CLASSES, MANY = 5, 100_000
SPREAD = 5.0  # of the true logits: an accuracy of 84 %
ALIKE = 0.9  # correlation of what the epochs of a training find hard
HARDEST = "just below, everywhere"

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
Way = Callable[[Floats, Truths, float], float | None]


@dataclass(frozen=True)
class Scores:
    """How the scores of a network relate to the truth.

    temperature : the logits are the true ones, times this. mislabelled : share of labels that are
    drawn at random. epochs : equally good ones, of which the best on validation is taken.
    spread : of the true logits. favours : is added to the network's logits of the first class.
    """

    temperature: float = 1.0
    mislabelled: float = 0.0
    epochs: int = 1
    spread: float = SPREAD
    favours: float = 0.0

    def draw(self, draw: np.random.Generator, images: int) -> tuple[Floats, NDArray[Any]]:
        """Return the probabilities that the network gives, and the labels."""
        true = self.spread * draw.normal(size=(images, CLASSES))
        likely = -np.sort(-self._true(true), axis=1).cumsum(axis=1)
        shared, own = draw.normal(size=images), draw.normal(size=(self.epochs, images))
        share = ALIKE if self.epochs > 1 else 0.0
        chances = ndtr(np.sqrt(share) * shared + np.sqrt(1 - share) * own)
        best = chances[(chances < likely[:, 0]).mean(axis=1).argmax()]
        place = np.minimum((likely < best[:, np.newaxis]).sum(axis=1), CLASSES - 1)
        labels = np.argsort(-true, axis=1)[np.arange(images), place]
        return self._given(true), labels

    @cached_property
    def others(self) -> tuple[Floats, Floats]:
        """The probabilities that the network gives to many other images, and the true ones."""
        true = self.spread * np.random.default_rng(1).normal(size=(MANY, CLASSES))
        return self._given(true), self._true(true)

    def _given(self, logits: Floats) -> Floats:
        heated = self.temperature * logits
        heated[:, 0] += self.favours
        given: Floats = softmax(heated, axis=1)
        return given

    def _true(self, logits: Floats) -> Floats:
        known: Floats = softmax(logits, axis=1)
        return (1 - self.mislabelled) * known + self.mislabelled / CLASSES


KINDS = {
    "calibrated": Scores(),
    "overconfident": Scores(temperature=2.0),
    "underconfident": Scores(temperature=0.5),
    "5 % of labels at random": Scores(mislabelled=0.05),
    "best of 20 epochs": Scores(epochs=20),
}


def bonferroni(confidence: Floats, correct: Truths, wanted: float) -> float | None:
    """Test ten tenths of the images, each at a tenth of 5 %."""
    ordered, shown = _tenths(confidence, correct, wanted, 0.05 / 10)
    return float(ordered[np.flatnonzero(shown)[-1]]) if shown.any() else None


def tenths(confidence: Floats, correct: Truths, wanted: float) -> float | None:
    """Test those tenths that can pass at all, each at 5 %, until one fails."""
    ordered, shown = _tenths(confidence, correct, wanted, 0.05)
    sizes = np.ceil(np.arange(1, 11) * len(confidence) / 10)
    can = wanted**sizes <= 0.05
    ordered, shown = ordered[can], shown[can]
    passed = len(shown) if shown.all() else int(shown.argmin())
    return float(ordered[passed - 1]) if passed else None


def _tenths(
    confidence: Floats, correct: Truths, wanted: float, level: float
) -> tuple[Floats, Truths]:
    order = np.argsort(-confidence, kind="stable")
    sizes = np.ceil(np.arange(1, 11) * len(order) / 10).astype(int)
    wrong = np.cumsum(~correct[order])[sizes - 1]
    return confidence[order][sizes - 1], bdtr(wrong, sizes, 1 - wanted) <= level


WAYS: dict[str, Way] = {
    "guaranteed": thresholds.choose_threshold,
    "as seen": thresholds.threshold_as_seen,
    "Bonferroni": bonferroni,
    "tenths": tenths,
}


@dataclass(frozen=True)
class Row:
    """What came of a setting in one way, as shares of networks and of images."""

    kind: str
    images: int
    wanted: float
    way: str
    below: float
    covers: float
    given: float

    def as_line(self) -> str:
        """Return the row as text."""
        return (
            f"{self.kind:23} | {self.images:5,} | {self.wanted:.2f} | {self.way:10} | "
            f"{self.below:6.1%} {self.covers:6.1%} {self.given:6.1%}"
        )


def measure(kind: str, images: int, networks: int, seed: int = 0) -> Iterator[Row]:
    """Simulate networks, and yield what comes of each wanted accuracy and way."""
    draw, found = np.random.default_rng(seed), np.zeros((len(WANTED), len(WAYS), 3))
    for _ in range(networks):
        found += _hardest(draw, images) if kind == HARDEST else _judge(KINDS[kind], draw, images)
    for wanted, of_wanted in zip(WANTED, found / networks, strict=True):
        for way, shares in zip(WAYS, of_wanted, strict=True):
            yield Row(kind, images, wanted, way, *map(float, shares))


def _judge(scores: Scores, draw: np.random.Generator, images: int) -> Floats:
    """Choose thresholds for one network, and compare with many other images."""
    probabilities, labels = scores.draw(draw, images)
    temperature = calibration.fit_temperature(probabilities, labels)
    scaled = calibration.apply_temperature(probabilities, temperature)
    confidence, correct = scaled.max(axis=1), scaled.argmax(axis=1) == labels
    others, truths = scores.others
    right = truths.max(axis=1)
    sure = calibration.apply_temperature(others, temperature).max(axis=1)
    found = np.zeros((len(WANTED), len(WAYS), 3))
    for row, wanted in enumerate(WANTED):
        for column, way in enumerate(WAYS.values()):
            threshold = way(confidence, correct, wanted)
            if threshold is not None:
                kept = sure >= threshold
                below = kept.any() and right[kept].mean() < wanted
                found[row, column] = below, kept.mean(), 1
    return found


def _hardest(draw: np.random.Generator, images: int) -> Floats:
    """Choose thresholds where confidence says nothing, and every threshold is a false one."""
    confidence, chances = draw.random(images), draw.random(images)
    found = np.zeros((len(WANTED), len(WAYS), 3))
    for row, wanted in enumerate(WANTED):
        correct = chances < wanted - 1e-6
        for column, way in enumerate(WAYS.values()):
            threshold = way(confidence, correct, wanted)
            if threshold is not None:
                found[row, column] = 1, 1 - threshold, 1
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--networks", type=int, default=500, metavar="N")
    parser.add_argument("--images", default=",".join(map(str, IMAGES)), help="of validation")
    given = parser.parse_args()
    print(f"{given.networks} networks each, {CLASSES} classes")
    print("scores | validation images | wanted | way | below the wanted one, answered, given")
    for kind in (*KINDS, HARDEST):
        for images in map(int, given.images.split(",")):
            for row in measure(kind, images, given.networks):
                print(row.as_line(), flush=True)


if __name__ == "__main__":
    main()
