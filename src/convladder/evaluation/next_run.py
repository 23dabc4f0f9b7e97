"""What to expect of one more training, tested on the same images.

The interval of a mean accuracy says where the mean of many networks lies. Whoever trains one more
network wants to know where *that* one will land, which is less certain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from convladder.evaluation.components import Components
from convladder.evaluation.intervals import LEVEL
from convladder.evaluation.mixture import SeedPart, of_parts
from convladder.evaluation.moderation import Spread

DRAWS = 10_000


@dataclass(frozen=True)
class Range:
    """From where to where, in 95 of 100 cases."""

    low: float
    high: float

    def turned(self) -> Range:
        """Return it for a metric of which less is better, which is never less than zero."""
        return Range(max(0.0, -self.high), max(0.0, -self.low))


@dataclass(frozen=True)
class Chance:
    """A probability with its 95 % interval."""

    value: float
    low: float
    high: float


def predict_value(rung: Components, spread: Spread) -> Range:
    """Return where the accuracy, or score, of one more network lies, on the same test images.

    The prediction interval of a normal sample, mean ± t s √(1 + 1/k) (Hahn and Meeker 1991,
    "Statistical intervals: a guide for practitioners").
    """
    variance = spread.variance * (1 + 1 / rung.seeds)
    reach = of_parts(0.0, SeedPart(variance, spread.degrees, 0.0)).reach((1 - LEVEL) / 2)
    if rung.scale.stepped:  # seeds that are all alike may still differ by an image
        reach = max(reach, rung.step)
    low, high = rung.mean - reach, rung.mean + reach
    return Range(max(0.0, low), min(1.0, high)) if rung.scale.bounded else Range(low, high)


def chance_of_beating(
    left: Components, right: Components, of_left: Spread, of_right: Spread
) -> Chance:
    """Return the probability that one network of the first is better than one of the second.

    On the same test images (Bouthillier et al. 2021, "Accounting for variance in machine learning
    benchmarks", MLSys, who call more than 0.75 meaningful). The interval is over what the seeds'
    variances and means may be, given the estimates. A fixed seed draws them.
    """
    draw = np.random.default_rng(0)
    variances = [
        each.variance * each.degrees / draw.chisquare(each.degrees, DRAWS)
        for each in (of_left, of_right)
    ]
    error = np.sqrt(variances[0] / left.seeds + variances[1] / right.seeds)
    difference = left.mean - right.mean
    scatter = np.sqrt(np.maximum(variances[0] + variances[1], np.finfo(float).tiny))
    drawn = ndtr((difference + error * draw.standard_normal(DRAWS)) / scatter)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    spread = of_left.variance + of_right.variance
    value = float(ndtr(difference / math.sqrt(spread))) if spread else 0.5 + np.sign(difference) / 2
    return Chance(float(value), float(low), float(high))
