"""Ladders whose rungs are simulated, of accuracies that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from convladder.evaluation.statistics import Correct

SPREADS = {
    "equal": [0.1] * 10,
    "unequal": [0.03, 0.3, 0.05, 0.2, 0.03, 0.1, 0.3, 0.03, 0.05, 0.2],
    "one unsteady": [0.05] * 9 + [0.6],
}


def simulate(
    draw: np.random.Generator,
    seeds: int,
    accuracy: float,
    *,
    spread: float,
    difficulty: NDArray[np.float64],
) -> Correct:
    """Simulate a rung, `(seeds, images)`: images differ in difficulty, seeds in skill, the rest is
    chance.
    """
    level = stats.norm.ppf(accuracy) * math.sqrt(1 + difficulty.var())
    skill = draw.normal(0, spread, (seeds, 1))
    correct: Correct = level + difficulty + skill + draw.normal(0, 1, (seeds, len(difficulty))) > 0
    return correct


def simulate_ladder(
    draw: np.random.Generator, seeds: int, images: int, accuracy: float, spreads: Sequence[float]
) -> list[Correct]:
    """Simulate rungs of equal accuracy on the same images."""
    difficulty = draw.normal(0, 1.5, images)
    return [
        simulate(draw, seeds, accuracy, spread=spread, difficulty=difficulty) for spread in spreads
    ]
