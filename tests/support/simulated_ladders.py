"""Ladders whose rungs are simulated, of accuracies that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from convladder.evaluation.components import Correct

DIFFICULTY = 1.5  # how much images differ, in standard deviations of a single answer
OWN = 0.75  # how much a rung differs from others in which images it finds hard

# how much the seeds of a rung differ, as a share of the largest
SPREADS = {
    "equal": [1.0] * 10,
    "tenfold": [0.1, 1.0, 0.15, 0.67, 0.1, 0.33, 1.0, 0.1, 0.15, 0.67],
    "two levels": [1.0, 0.2, 1.0, 0.2, 0.2, 1.0, 1.0, 0.2, 0.2, 1.0],
    "one unsteady": [0.1] * 4 + [1.0] + [0.1] * 5,
}


@dataclass(frozen=True)
class Population:
    """Test images as they could be drawn, and how well a rung does on them.

    accuracy : the expected share of right answers. images : drawn for each ladder.
    """

    accuracy: float
    images: int
    difficulty: float = DIFFICULTY
    own: float = OWN

    def spread_for(self, points: float) -> float:
        """Return how much seeds must differ in skill for their accuracies to differ so."""
        width = math.sqrt(1 + self.difficulty**2 + self.own**2)
        return points / 100 * width / float(stats.norm.pdf(stats.norm.ppf(self.accuracy)))

    def draw_ladder(
        self,
        draw: np.random.Generator,
        seeds: int,
        points: Sequence[float],
        *,
        heavy_tails: bool = False,
    ) -> list[Correct]:
        """Simulate rungs of equal accuracy on the same images.

        points : for each rung, the standard deviation of its seeds' accuracies.
        """
        difficulty = draw.normal(0, self.difficulty, self.images)
        return [
            simulate(
                draw,
                seeds,
                self.accuracy,
                spread=self.spread_for(each),
                difficulty=difficulty,
                own=self.own,
                heavy_tails=heavy_tails,
            )
            for each in points
        ]


def simulate(
    draw: np.random.Generator,
    seeds: int,
    accuracy: float,
    *,
    spread: float,
    difficulty: NDArray[np.float64],
    own: float = OWN,
    heavy_tails: bool = False,
) -> Correct:
    """Simulate a rung, `(seeds, images)`.

    Images differ in difficulty, for all rungs and for this one; seeds in skill; the rest is chance.
    """
    width = math.sqrt(1 + DIFFICULTY**2 + own**2 + spread**2)
    level = float(stats.norm.ppf(accuracy)) * width
    hard = difficulty + draw.normal(0, own, len(difficulty))
    size = (seeds, 1)
    drawn = draw.standard_t(3, size) / math.sqrt(3) if heavy_tails else draw.normal(0, 1, size)
    correct: Correct = level + hard + spread * drawn + draw.normal(0, 1, (seeds, len(hard))) > 0
    return correct
