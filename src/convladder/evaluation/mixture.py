"""A normal distribution whose variance is known in part only.

The images' part of a variance comes from hundreds of images and is taken as known. The seeds' part
comes from a few seeds. Its true value is integrated over, given the estimate: s² / x, where x is
chi-square distributed over its degrees of freedom. So the distribution is Student's where seeds are
all that counts and normal where images are, and nothing between has to guess degrees of freedom
(Behrens 1929, Fisher 1935; Barnard 1984, "Comparing the means of two independent samples", Applied
Statistics 33).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr, ndtri

NODES = 28  # of the integral over each variance
WIDEST = 4.5  # standard deviations on the probit scale that the nodes reach out to
TINY = float(np.finfo(float).tiny)
PRECISION = 1e-9  # of a probability whose distance is looked for
STEADY = 1e5  # degrees of freedom from which on a variance counts as known


@dataclass(frozen=True)
class SeedPart:
    """The seeds' part of a variance: its estimate and how surely that is known.

    variance : the estimate, with the residual in it.
    degrees : its degrees of freedom.
    residual : what of it the images' part holds already.
    """

    variance: float
    degrees: float
    residual: float


@dataclass(frozen=True)
class Mixture:
    """Normal distributions about zero with deviations `(nodes,)`, weighted by `(nodes,)`."""

    deviations: NDArray[np.float64]
    weights: NDArray[np.float64]

    def tail(self, distance: float) -> float:
        """Return the probability of more than this distance, on one side."""
        return float(ndtr(-distance / self.deviations) @ self.weights)

    def p_value(self, difference: float) -> float:
        """Return the two-sided p-value of a difference."""
        return 2 * self.tail(abs(difference))

    def reach(self, tail: float) -> float:
        """Return the distance that is exceeded with this probability, on one side.

        >>> of_parts(1.0).reach(0.025).__round__(3)
        1.96
        """
        if tail >= 0.5:
            return 0.0
        high = float(self.deviations.max()) * max(1.0, -float(ndtri(tail)))
        while self.tail(high / 2) <= tail:
            high /= 2
        return _root(lambda distance: math.log(max(self.tail(distance), TINY) / tail), high)


def _root(excess: Callable[[float], float], high: float) -> float:
    """Return where a falling function is zero between half of `high` and there.

    It is the Illinois algorithm (Dowell and Jarratt 1971, "A modified regula falsi method for
    computing the root of an equation", BIT 11).
    """
    low = high / 2
    at_low, at_high = excess(low), excess(high)
    found, at_found = high, at_high
    for _ in range(100):
        if abs(at_found) < PRECISION or at_low <= at_high:
            break
        found = high + at_high * (high - low) / (at_low - at_high)
        at_found, before = excess(found), at_found
        again = at_found * before > 0  # on the same side as the last
        if at_found > 0:
            low, at_low, at_high = found, at_found, at_high / 2 if again else at_high
        else:
            high, at_high, at_low = found, at_found, at_low / 2 if again else at_low
    return found


def of_parts(images: float, *seeds: SeedPart) -> Mixture:
    """Return the distribution of an estimate about its truth.

    images : the images' part of its variance. seeds : independent parts of the seeds.
    """
    variances, weights = np.array([images]), np.ones(1)
    for part in seeds:
        nodes, own = chi_square_nodes(min(part.degrees, STEADY))
        more = np.maximum(part.variance / nodes - part.residual, 0.0)
        variances = np.add.outer(variances, more).ravel()
        weights = np.multiply.outer(weights, own).ravel()
    return Mixture(np.sqrt(np.maximum(variances, TINY)), weights)


def welch(parts: Sequence[SeedPart]) -> SeedPart:
    """Return independent parts as one, with Welch's degrees of freedom.

    Source: Welch 1947, "The generalization of Student's problem when several different population
    variances are involved", Biometrika 34.
    """
    variance, residual = sum(part.variance for part in parts), sum(part.residual for part in parts)
    weight = sum(part.variance**2 / part.degrees for part in parts)
    degrees = variance**2 / weight if weight > 0 else sum(part.degrees for part in parts)
    return SeedPart(variance, degrees, residual)


@lru_cache(maxsize=1024)
def chi_square_nodes(degrees: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of the mean of a function of chi-square / degrees.

    They are Gauss and Legendre's on the probit scale, so that small values are seen, which stand
    for large variances.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    probits = WIDEST * nodes
    weights = weights * np.exp(-(probits**2) / 2)
    values = gammaincinv(degrees / 2, ndtr(probits)) * 2 / degrees
    return np.maximum(values, TINY), weights / weights.sum()
