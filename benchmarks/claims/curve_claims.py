"""How often do bands of ROC and precision-recall curves hold the truth, and intervals of areas?

    python benchmarks/claims/curve_claims.py [--rungs N] [--bootstrap DRAWS]

The rungs are simulated. A network's score of an image is normal: an effect of the image that all
seeds share, plus one of its own. Members of the class are higher, by as much as the seed is good.
Of the other images a share is hard. So the curve of the average network is known exactly, and so
are its areas. With one seed, it is the curve of that network.

Points are at 1 to 50 % of false positives, and at 10 to 90 % recall, where there is a band at all.

The ways: as convladder does ("ours"); the percentile bootstrap of images, drawn by class
("images"); and that of images and seeds ("both", Owen 2007), with --bootstrap draws of each. The
bootstrap is of ROC curves alone.

Printed are, for each setting: shares of rungs whose interval holds the truth, for the worst and for
the mean point of each curve, and for the areas.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from convladder.evaluation import curve_bands, curves
from convladder.evaluation.ranking import Ranking

FALSE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
RECALL = (0.1, 0.25, 0.5, 0.75, 0.85, 0.9)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rung:
    """Networks of one kind, and the class that they tell from the rest.

    distance : of the class from the rest, for the mean seed, in deviations of the rest. unsteady :
    the deviation of that distance over seeds. alike : share of the images' variance that all seeds
    share. width : deviation of the class. hard : share of the others that lie halfway.
    """

    distance: float
    unsteady: float = 0.2
    alike: float = 0.6
    width: float = 1.2
    hard: float = 0.0

    def draw(self, draw: np.random.Generator, seeds: int, members: int, others: int) -> Ranking:
        """Draw a ranking; a single seed is the mean one."""
        images = members + others
        own = np.arange(images) < members
        luck = draw.normal(size=(seeds, 1)) if seeds > 1 else np.zeros((1, 1))
        shared, apart = draw.normal(size=images), draw.normal(size=(seeds, images))
        scatter = np.sqrt(self.alike) * shared + np.sqrt(1 - self.alike) * apart
        halfway = self.distance / 2 * (draw.random(images) < self.hard)
        centre = np.where(own, self.distance + self.unsteady * luck, halfway)
        return Ranking(centre + np.where(own, self.width, 1.0) * scatter, own)

    def let_in(self, threshold: Floats | float) -> Floats:
        """Return the false positive rate at a threshold."""
        easy = (1 - self.hard) * ndtr(-np.asarray(threshold))
        found: Floats = easy + self.hard * ndtr(self.distance / 2 - threshold)
        return found

    def true_rate(self, false: float, seeds: int) -> float:
        threshold = brentq(lambda each: float(self.let_in(each)) - false, -10, 10 + self.distance)
        places, weights = self._distances(seeds)
        return float(weights @ ndtr((places - threshold) / self.width))

    def specificity(self, recall: float, seeds: int) -> float:
        places, weights = self._distances(seeds)
        return float(1 - weights @ self.let_in(places + self.width * ndtri(1 - recall)))

    def areas(self, share: float, seeds: int) -> tuple[float, float]:
        """Return the area under the ROC curve, and the average precision."""
        places, weights = self._distances(seeds)
        chances = (np.arange(20_000) + 0.5) / 20_000  # that a member is ranked higher
        false = self.let_in(places[:, None] - self.width * ndtri(chances))
        precision = share * chances / (share * chances + (1 - share) * false)
        return float(weights @ (1 - false).mean(axis=1)), float(weights @ precision.mean(axis=1))

    def _distances(self, seeds: int) -> tuple[Floats, Floats]:
        """Return distances of seeds, and how likely they are."""
        if seeds == 1:
            return np.array([self.distance]), np.ones(1)
        nodes, weights = np.polynomial.hermite_e.hermegauss(21)
        return self.distance + self.unsteady * nodes, weights / weights.sum()


RUNGS = {
    "area 0.83": Rung(1.5),
    "area 0.97": Rung(3.0),
    "area 0.999": Rung(5.0),
    "seeds alike": Rung(2.0, unsteady=0.02),
    "seeds differ much": Rung(2.0, unsteady=0.8),
    "seeds err apart": Rung(4.0, alike=0.1),
    "some others are hard": Rung(3.0, width=1.0, hard=0.1),
}


@dataclass(frozen=True)
class Size:
    """How many seeds a rung has, and how many images of the class and others test them."""

    seeds: int
    members: int
    others: int


SIZES = (
    Size(1, 20, 250),
    Size(1, 135, 135),
    Size(3, 20, 250),
    Size(3, 27, 243),
    Size(3, 135, 135),
    Size(3, 500, 4500),
    Size(5, 40, 1960),
    Size(12, 27, 243),
    Size(12, 500, 500),
    Size(12, 100, 4900),
)


@dataclass(frozen=True)
class Case:
    """A kind of rung, and its size: what the truth is, and how often it was covered."""

    rung: Rung
    size: Size

    def draw(self, draw: np.random.Generator) -> Ranking:
        return self.rung.draw(draw, self.size.seeds, self.size.members, self.size.others)

    @cached_property
    def true_rates(self) -> Floats:
        return np.array([self.rung.true_rate(false, self.size.seeds) for false in FALSE])

    @cached_property
    def specificities(self) -> Floats:
        return np.array([self.rung.specificity(recall, self.size.seeds) for recall in RECALL])

    @cached_property
    def areas(self) -> Floats:
        share = self.size.members / (self.size.members + self.size.others)
        return np.array(self.rung.areas(share, self.size.seeds))


def bootstrap(
    ranking: Ranking, draws: int, draw: np.random.Generator, *, seeds: bool
) -> tuple[Floats, Floats]:
    """Return the percentile bootstrap's intervals of the true positive rates at FALSE."""
    own, others = ranking.certainties[:, ranking.members], ranking.certainties[:, ~ranking.members]
    every, rates = np.arange(len(own)), []
    for _ in range(draws):
        taken = draw.choice(every, len(every)) if seeds else every
        images = draw.integers(0, own.shape[1], own.shape[1])
        rest = draw.integers(0, others.shape[1], others.shape[1])
        again = Ranking(
            np.hstack([own[np.ix_(taken, images)], others[np.ix_(taken, rest)]]),
            np.arange(own.shape[1] + others.shape[1]) < own.shape[1],
        )
        rates.append(again.true_rates(np.array(FALSE)))
    low, high = np.percentile(rates, [2.5, 97.5], axis=0)
    return low, high


def _holds(found: Sequence[tuple[float, float]], truth: Floats) -> Floats:
    """Return 1 where an interval holds the truth, 0 where not, NaN where there is none."""
    low, high = np.array(found).T
    return np.where(np.isnan(low), np.nan, (low <= truth) & (truth <= high))


def measure(case: Case, rungs: int, draws: int = 0, seed: int = 0) -> dict[str, Floats]:
    """Return for each figure and way the share of rungs that were covered, point by point."""
    draw, held = np.random.default_rng(seed), []
    for _ in range(rungs):
        ranking = case.draw(draw)
        areas = curves.interval_of_area(ranking.areas(), ranking.fewer)
        precisions = curves.interval_of_area(ranking.precisions(), ranking.fewer)
        row = {
            "ROC": _holds([curve_bands.limits(ranking, each) for each in FALSE], case.true_rates),
            "precision-recall": _holds(
                [curve_bands.limits(ranking.mirrored, 1 - each) for each in RECALL],
                case.specificities,
            ),
            "areas": _holds([(each.low, each.high) for each in (areas, precisions)], case.areas),
        }
        if draws:
            for name, seeds in (("images", False), ("both", True)):
                low, high = bootstrap(ranking, draws, draw, seeds=seeds)
                held_in = _holds(list(zip(low, high, strict=True)), case.true_rates)
                row[name] = np.where(np.isnan(row["ROC"]), np.nan, held_in)  # on the same points
        held.append(row)
    return {name: np.mean([row[name] for row in held], axis=0) for name in held[0]}


def lines(rungs: int, draws: int) -> Iterator[str]:
    """Yield the table, line by line."""
    yield (
        "rung | seeds | of the class | others | ROC: worst, mean | PR: worst, mean | "
        "area under ROC, average precision | bootstrap: images, both (worst, mean)"
    )
    for name, rung in RUNGS.items():
        for size in SIZES:
            found = measure(Case(rung, size), rungs, draws)
            areas = found.pop("areas")
            parts = [f"{np.nanmin(each):6.1%} {np.nanmean(each):6.1%}" for each in found.values()]
            parts.insert(2, f"{areas[0]:6.1%} {areas[1]:6.1%}")
            yield (
                f"{name:20} | {size.seeds:2} | {size.members:3} | {size.others:4} | "
                + " | ".join(parts)
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rungs", type=int, default=400, metavar="N")
    parser.add_argument("--bootstrap", type=int, default=0, metavar="DRAWS")
    given = parser.parse_args()
    print(f"{given.rungs} rungs each; shares of 95 % meant")
    for line in lines(given.rungs, given.bootstrap):
        print(line, flush=True)


if __name__ == "__main__":
    main()
