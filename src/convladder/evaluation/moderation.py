"""What the rungs of a climb say about each other's seeds.

Three seeds say little of how much seeds differ. Nine rungs of three seeds say more: their spreads
are alike on the scale of phi, the variance between seeds over what the finite test set alone makes
of it. So a rung's variance is drawn towards those of the others, as far as they agree (Smyth 2004,
"Linear models and empirical Bayes methods for assessing differential expression", Statistical
Applications in Genetics and Molecular Biology 3).

Three things keep this honest where spreads are not alike. A small variance is raised, but a large
one is never lowered. With few seeds the spread of the spreads is taken to be larger than it looks.
A rung whose spread the others cannot explain is left out: it neither takes nor gives.
`benchmarks/claims/false_claims.py` has ladders of all these kinds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, fdtrc, polygamma

from convladder.evaluation.components import Components
from convladder.evaluation.mixture import STEADY, TINY, SeedPart

LEAST_RUNGS = 5  # fewer say too little of how spreads differ
FEW_SEEDS = 5  # below, the spread of spreads is taken larger by so many standard errors:
CAUTION = 0.5
UNSTEADY = 0.001  # a rung is left out whose spread has less than this chance, over the rungs


@dataclass(frozen=True)
class Spread:
    """The variance of one seed's accuracy in a rung, and its degrees of freedom."""

    variance: float
    degrees: float
    moderated: bool


@dataclass(frozen=True)
class _Prior:
    """Where the variances of rungs lie on the scale of phi, and how surely, in degrees."""

    phi: float
    degrees: float


def spreads(rungs: Mapping[str, Components]) -> dict[str, Spread]:
    """Return the spread of each rung of two seeds or more."""
    several = {name: each for name, each in rungs.items() if each.seeds > 1}
    if len(several) < LEAST_RUNGS:
        return {
            name: Spread(each.between_seeds, each.seeds - 1, moderated=False)
            for name, each in several.items()
        }
    return dict(zip(several, _moderate(list(several.values())), strict=True))


def seed_part(rung: Components, spread: Spread) -> SeedPart:
    """Return the part of the seeds in the variance of a rung's mean."""
    return SeedPart(spread.variance / rung.seeds, spread.degrees, rung.residual / rung.seeds)


def _moderate(rungs: Sequence[Components]) -> list[Spread]:
    residual = np.array([max(each.residual, _step(each)) for each in rungs])
    degrees = np.array([each.seeds - 1.0 for each in rungs])
    # accuracies are multiples of a step: a spread of zero is one that this has rounded away
    phi = np.array([max(each.between_seeds, _step(each)) for each in rungs]) / residual
    largest = int(phi.argmax())
    others = np.arange(len(rungs)) != largest
    prior, of_others = _fit(phi, degrees), _fit(phi[others], degrees[others])
    alone = fdtrc(degrees[largest], of_others.degrees, phi[largest] / of_others.phi)
    unsteady = largest if alone < UNSTEADY / len(rungs) else None
    prior = prior if unsteady is None else of_others
    return [
        Spread(each.between_seeds, own_degrees, moderated=True)
        if number == unsteady
        else _towards(prior, own, own_degrees, scale)
        for number, (each, own, own_degrees, scale) in enumerate(
            zip(rungs, phi, degrees, residual, strict=True)
        )
    ]


def _towards(prior: _Prior, phi: float, degrees: float, residual: float) -> Spread:
    both = prior.degrees + degrees
    drawn = (prior.degrees * prior.phi + degrees * phi) / both
    return Spread(float(max(drawn, phi) * residual), float(min(both, STEADY)), moderated=True)


def _step(rung: Components) -> float:
    """Return the variance of rounding to whole images, or next to none where there are no steps."""
    return rung.step**2 / 12 if rung.scale.stepped else TINY


def _fit(phi: NDArray[np.float64], degrees: NDArray[np.float64]) -> _Prior:
    """Fit the distribution of the rungs' true variances to the logarithms of the estimates."""
    logs = np.log(phi) - digamma(degrees / 2) + np.log(degrees / 2)
    by_chance = float(polygamma(1, degrees / 2).mean())
    found = float(logs.var(ddof=1))
    excess = max(found - by_chance, 0.0)
    if degrees.min() < FEW_SEEDS - 1:
        kurtosis = float(polygamma(3, degrees / 2).mean()) / by_chance**2
        error = math.sqrt(kurtosis / len(phi) + 2 / (len(phi) - 1))
        excess += CAUTION * max(found, by_chance) * error
    own = min(2 * _trigamma_inverse(excess), STEADY) if excess > 0 else STEADY
    return _Prior(float(np.exp(logs.mean() + digamma(own / 2) - np.log(own / 2))), own)


def _trigamma_inverse(value: float) -> float:
    """Return the x whose trigamma is the value, by Newton's method as in Smyth 2004."""
    if value < 1e-6:
        return 1 / value
    found = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, found))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, found))
        found += step
        if -step / found < 1e-9:
            break
    return found
