"""How far the seeds of a rung lie apart, steadied by the other rungs of the climb.

Three seeds say little about their own spread. Simulated ladders of ten rungs without any effect (two to five
seeds, 2,000 test images) showed a false "better" in so many of the climbs:

- each rung's own variance, Welch's test: up to 19 %;
- own variance with 2 (seeds - 1) degrees of freedom: under 4 %, but only huge effects can be found;
- one variance for all rungs, their mean: 5 %, but one unsteady rung hides every effect of the others;
- moderated variances, as below: 1 % where the rungs are equally steady, 5.5 % where their spreads differ
  tenfold (7.7 % with a false "worse" counted too), and with three seeds effects of two thirds the size
  are found.

A rung's variance is drawn towards that of all rungs, the more so the less the rungs differ in it: Smyth 2004,
"Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", Statistical Applications in Genetics and Molecular Biology 3. Two cautions are added, since the rungs
are few: how much the rungs differ is taken two standard errors above its estimate, and no variance is
taken below what the rung shows itself. tests/test_statistics.py holds the rate of false claims.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import digamma, polygamma

Correct = NDArray[np.bool_]

_LEAST_SHARE = 1e-5  # of the median variance: seeds that agree exactly are taken to differ so little
_MOST_DEGREES = 1e6
_CAUTION = 2.0  # standard errors


@dataclass(frozen=True)
class SeedVariance:
    """The part of a variance that the choice of seeds makes up, with its degrees of freedom."""

    value: float
    degrees: float


@dataclass(frozen=True)
class SeedSpread:
    """What all rungs of a climb say of the variance between seeds.

    variance, degrees : the prior's, estimated from the rungs; no degrees where there is but one rung.
    observed : the degrees of freedom of all rungs together.
    """

    variance: float
    degrees: float
    observed: float

    @classmethod
    def of(cls, rungs: Iterable[Correct]) -> SeedSpread:
        """Estimate the prior by the moments of the logarithms of the rungs' variances (Smyth's section 6.2)."""
        several = [rung for rung in rungs if len(rung) > 1]
        variances = np.array([between_seeds(rung) for rung in several])
        degrees = np.array([len(rung) - 1.0 for rung in several])
        positive = variances[variances > 0]
        if len(several) < 2 or not len(positive):
            return cls(0.0, 0.0, float(degrees.sum()))
        logs = np.log(np.maximum(variances, _LEAST_SHARE * np.median(positive)))
        centred = logs - digamma(degrees / 2) + np.log(degrees / 2)
        differing = float(centred.var(ddof=1)) * (1 + _CAUTION * math.sqrt(2 / (len(several) - 1)))
        excess = differing - float(polygamma(1, degrees / 2).mean())
        prior = 2 * _inverse_trigamma(excess)
        if math.isinf(prior):
            return cls(float(np.average(variances, weights=degrees)), math.inf, float(degrees.sum()))
        variance = math.exp(float(centred.mean()) + digamma(prior / 2) - math.log(prior / 2))
        return cls(variance, prior, float(degrees.sum()))

    def of_mean(self, *rungs: Correct) -> SeedVariance:
        """Return the part of the seeds in the variance of a mean, or of a difference of two means.

        Its degrees of freedom are Satterthwaite's, and never more than those of all rungs together.
        """
        parts = [max(between_seeds(rung), self._moderate(rung)) / len(rung) for rung in rungs]
        value = sum(parts)
        weight = sum(part**2 / (self.degrees + len(rung) - 1) for part, rung in zip(parts, rungs, strict=True))
        return SeedVariance(value, min(self.observed, value**2 / weight) if weight > 0 else self.observed)

    def _moderate(self, rung: Correct) -> float:
        if math.isinf(self.degrees):
            return self.variance
        degrees = len(rung) - 1
        return (self.degrees * self.variance + degrees * between_seeds(rung)) / (self.degrees + degrees)


def between_seeds(rung: Correct) -> float:
    """Return the variance of the accuracies of the seeds of a rung, `(seeds, images)`."""
    return float(rung.mean(axis=1).var(ddof=1))


def seed_correlation(left: Correct, right: Correct) -> float | None:
    """Return the correlation of two rungs' accuracies over equal seeds; None where it cannot be told."""
    first, second = left.mean(axis=1), right.mean(axis=1)
    if len(left) < 3 or min(first.std(), second.std()) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _inverse_trigamma(value: float) -> float:
    if value <= polygamma(1, _MOST_DEGREES):
        return math.inf
    return float(optimize.brentq(lambda x: float(polygamma(1, x)) - value, 1e-6, _MOST_DEGREES))
