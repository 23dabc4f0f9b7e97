"""The ROC and the precision-recall curve of one class, with bands.

The networks are the seeds of a rung, or a single one. The ROC curve is the average of their true
positive rates at each false positive rate. The precision-recall curve is of all their answers
together at each recall. A point of it is a point of the ROC curve, given the share of the class
among the images, and so is its band (Davis and Goadrich 2006, "The relationship between
precision-recall and ROC curves", ICML).

**Bands are pointwise.** At each point, 95 of 100 hold the curve that networks of this kind would
have, on average, over very many images. A whole curve lies in its band less often. With two seeds
or more a band covers seeds and test images; with one, the test images alone.

**A point is uncertain in two ways.** The threshold for a false positive rate comes from the few
images that it lets in. At a given threshold the true positive rate is a share of the members, and
seeds vary it. Each has an interval; the second is that of an accuracy (`statistics`). They are put
together by MOVER (Zou and Donner 2008, "Construction of confidence limits about effect measures: a
general approach", Statistics in Medicine 27). It takes no slope of the curve for the first, and
each side is as long as it has to be.

**A band ends where fewer than DECIDING images decide.** Beyond, a curve may go anywhere.

`benchmarks/claims/curve_claims.py` compares this with the bootstrap of images, and of images and
seeds (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convladder.evaluation.components import Components, components, image_variance
from convladder.evaluation.intervals import NORMAL, wilson
from convladder.evaluation.mixture import SeedPart, of_parts
from convladder.evaluation.ranking import Floats, Ranking
from convladder.evaluation.statistics import interval_of

DECIDING = 3  # images let in, or left out
RATES = np.linspace(0, 1, 61) ** 2  # close to each other where curves are steep


@dataclass(frozen=True)
class Curve:
    """The points of a curve, each `(points,)`, with its band. low, high : NaN where there is none.

    x, y : false and true positive rate, or recall and precision.
    """

    x: Floats
    y: Floats
    low: Floats
    high: Floats


def roc(ranking: Ranking, *, banded: bool = True) -> Curve:
    """Return the true positive rate over the false positive rate."""
    low, high = _band(ranking, RATES) if banded else _no_band()
    return Curve(RATES, ranking.true_rates(RATES), low, high)


def precision_recall(ranking: Ranking, *, banded: bool = True) -> Curve:
    """Return precision over recall. Below the recall of one member, precision stays as it is."""
    recall = 1 - RATES[::-1]
    recall, mirrored = np.maximum(recall, 1 / ranking.images[0]), ranking.mirrored
    missed = 1 - recall
    low, high = _band(mirrored, missed) if banded else _no_band()
    specificities = mirrored.true_rates(missed), low, high
    return Curve(1 - RATES[::-1], *(_precision(ranking, recall, each) for each in specificities))


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Return the average of curves over the same x, without a band."""
    return Curve(curves[0].x, np.mean([each.y for each in curves], axis=0), *_no_band())


def limits(ranking: Ranking, false: float) -> tuple[float, float]:
    """Return the 95 % interval of the true positive rate at a false positive rate.

    NaN where fewer than DECIDING images decide.
    """
    let_in = false * ranking.images[1]
    if not DECIDING <= let_in <= ranking.images[1] - DECIDING:
        return math.nan, math.nan
    found = ranking.found(false)
    own, others = components(found[:, ranking.members]), components(found[:, ~ranking.members])
    rates = wilson(false, _images_behind(others), NORMAL)
    least, most = (ranking.expected_rate(rate) for rate in rates)
    # what the threshold adds to the residual is in the first part already
    slope = (most - least) / (rates[1] - rates[0])
    residual = own.residual + slope**2 * others.residual
    scatter = of_parts(image_variance(own.by_image), *seed_parts(own, residual))
    low, high = interval_of(own, scatter, own.images * own.seeds)
    mean = own.mean
    return (
        max(0.0, mean - math.hypot(mean - low, mean - least)),
        min(1.0, mean + math.hypot(high - mean, most - mean)),
    )


def seed_parts(own: Components, residual: float) -> list[SeedPart]:
    """Return the seeds' part in the variance of a mean over them; one seed has none."""
    if own.seeds == 1:
        return []
    return [SeedPart(own.between_seeds / own.seeds, own.seeds - 1, residual / own.seeds)]


def _images_behind(others: Components) -> float:
    """Return by how many images the threshold is known: not more than there are."""
    spread, variance = others.mean * (1 - others.mean), image_variance(others.by_image)
    return min(spread / variance, others.images) if variance > 0 else others.images


def _band(ranking: Ranking, false: Floats) -> tuple[Floats, Floats]:
    found = np.array([limits(ranking, rate) for rate in false])
    return found[:, 0], found[:, 1]


def _no_band() -> tuple[Floats, Floats]:
    none = np.full(len(RATES), np.nan)
    return none, none


def _precision(ranking: Ranking, recall: Floats, specificity: Floats) -> Floats:
    members, others = ranking.images
    true = members * recall
    precision: Floats = true / (true + others * (1 - specificity))
    return precision
