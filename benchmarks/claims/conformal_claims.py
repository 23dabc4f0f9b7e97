"""How often does a prediction set hold the true class, and how large is it?

    python benchmarks/claims/conformal_claims.py [--networks N] [--images 270,1250,5000]

Networks are simulated as in `threshold_claims`: labels of validation images are drawn from known
probabilities, and the temperature is fitted on them. The sets are then chosen on them, too. The
share of sets that hold the true class is known to 0.1 points, from 25,000 other images.

The ways: as convladder does ("ours"); the same where a set may be empty ("may be empty"); the
likeliest classes whose probabilities together reach the coverage ("summed"), which promises nothing
if the probabilities are wrong.

Printed are, for each way: the coverage, averaged over networks; the share of networks whose
coverage is more than two points short; and the mean size of sets. In theory the coverage of a
network varies by chance as a beta distribution (Vovk 2012, "Conditional validity of inductive
conformal predictors", ACML): "in theory" is the share of networks that it puts two points short.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

sys.path.insert(0, str(Path(__file__).parents[1]))

from claims.threshold_claims import CLASSES, IMAGES, Scores
from claims.threshold_claims import KINDS as OF_THRESHOLDS
from convladder.evaluation import calibration, conformal

WANTED = (0.9, 0.95, 0.99)
SHORT = 0.02  # by which the coverage of a network may be short
EVERY = 4  # of the other images is taken
KINDS = OF_THRESHOLDS | {
    "favours one class": Scores(favours=4.0),
    "97 % accurate": Scores(spread=30.0),
}

Floats = NDArray[np.float64]
Members = NDArray[np.bool_]
Labels = NDArray[np.integer[Any]]
Way = Callable[[Floats, Labels, float, Floats], Members]


def ours(seen: Floats, labels: Labels, wanted: float, others: Floats) -> Members:
    """Return the sets of other images as convladder does."""
    return conformal.members(others, _least(seen, labels, wanted))


def may_be_empty(seen: Floats, labels: Labels, wanted: float, others: Floats) -> Members:
    """Return the same sets, without the likeliest class where its probability is too low."""
    return others >= _least(seen, labels, wanted)


def summed(seen: Floats, labels: Labels, wanted: float, others: Floats) -> Members:
    """Return the likeliest classes, as many as it takes for their sum to reach the coverage."""
    del seen, labels
    order = np.argsort(-others, axis=1)
    ordered = np.take_along_axis(others, order, axis=1)
    found = np.empty(others.shape, bool)
    np.put_along_axis(found, order, ordered.cumsum(axis=1) - ordered < wanted, axis=1)
    return found


def _least(seen: Floats, labels: Labels, wanted: float) -> float:
    least = conformal.least_probability(seen[np.arange(len(seen)), labels], wanted)
    if least is None:
        raise SystemExit(
            f"a coverage of {wanted:g} takes at least {conformal.fewest_images(wanted)} images"
        )
    return least


WAYS: dict[str, Way] = {"ours": ours, "may be empty": may_be_empty, "summed": summed}


@dataclass(frozen=True)
class Row:
    """What came of a setting in one way: shares of images and of networks, and classes."""

    kind: str
    images: int
    wanted: float
    way: str
    covers: float
    short: float
    size: float

    def as_line(self) -> str:
        """Return the row as text."""
        return (
            f"{self.kind:23} | {self.images:5,} | {self.wanted:.2f} | {self.way:12} | "
            f"{self.covers:6.2%} {self.short:6.1%} {in_theory(self.images, self.wanted):6.1%} "
            f"{self.size:5.2f}"
        )


def in_theory(images: int, wanted: float) -> float:
    """Return the share of networks whose coverage is short by chance alone.

    It is that of sets that may be empty, on images that nothing else was chosen by.
    """
    left_out = int(np.floor(round((images + 1) * (1 - wanted), 9)))
    return float(betainc(images + 1 - left_out, left_out, wanted - SHORT))


def measure(kind: str, images: int, networks: int, seed: int = 0) -> Iterator[Row]:
    """Simulate networks, and yield what comes of each wanted coverage and way."""
    draw = np.random.default_rng(seed)
    found = sum(_judge(KINDS[kind], draw, images) for _ in range(networks)) / networks
    for wanted, of_wanted in zip(WANTED, found, strict=True):
        for way, figures in zip(WAYS, of_wanted, strict=True):
            yield Row(kind, images, wanted, way, *map(float, figures))


def _judge(scores: Scores, draw: np.random.Generator, images: int) -> Floats:
    """Choose the sets of one network, and compare with many other images."""
    probabilities, labels = scores.draw(draw, images)
    temperature = calibration.fit_temperature(probabilities, labels)
    seen = calibration.apply_temperature(probabilities, temperature)
    others, truths = (each[::EVERY] for each in scores.others)
    heated = calibration.apply_temperature(others, temperature)
    found = np.zeros((len(WANTED), len(WAYS), 3))
    for row, wanted in enumerate(WANTED):
        for column, way in enumerate(WAYS.values()):
            held = way(seen, labels, wanted, heated)
            covers = (truths * held).sum(axis=1).mean()
            found[row, column] = covers, covers < wanted - SHORT, held.sum(axis=1).mean()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--networks", type=int, default=500, metavar="N")
    parser.add_argument("--images", default=",".join(map(str, IMAGES)), help="of validation")
    given = parser.parse_args()
    print(f"{given.networks} networks each, {CLASSES} classes")
    print("scores | validation images | wanted | way | coverage, two points short, in theory, size")
    for kind in KINDS:
        for images in map(int, given.images.split(",")):
            for row in measure(kind, images, given.networks):
                print(row.as_line(), flush=True)


if __name__ == "__main__":
    main()
