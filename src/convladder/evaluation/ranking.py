"""How networks rank images by one class.

An image is a *member* of the class, or one of the others. A network ranks images by the probability
that it gives the class. A threshold finds a share of the members (recall, the true positive rate)
and lets in a share of the others (the false positive rate). The ROC curve is the one over the
other.

The area under it and the average precision come as *scores* of the images (`evaluation.scores`), a
table `(seeds, images)` whose rows have the figures of the seeds as means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from convladder.evaluation import scores

Floats = NDArray[np.float64]
Members = NDArray[np.bool_]

LEAST = 2  # members, and others, for any figure of them
_ROUNDING = 1e-9  # of a rate, which is a multiple of 1 / images


@dataclass(frozen=True)
class Corners:
    """The corners of one network's ROC curve from (0, 0) to (1, 1), and their thresholds.

    Each is `(corners,)`. An image is found if its score is at least the threshold.
    """

    false: Floats
    true: Floats
    thresholds: Floats

    @cached_property
    def tops(self) -> Corners:
        """Of corners with the same false positive rate the one that finds most."""
        top = np.append(np.diff(self.false) > 0, True)
        return Corners(self.false[top], self.true[top], self.thresholds[top])

    @property
    def mirrored(self) -> Corners:
        """The corners of the same images ranked the other way round, by what is not found."""
        thresholds = np.concatenate([[np.inf], -self.thresholds[:0:-1]])
        return Corners(1 - self.true[::-1], 1 - self.false[::-1], thresholds)

    def place(self, false: float) -> tuple[int, float]:
        """Return the last corner up to a false positive rate, and the share of the way on."""
        found = int(np.searchsorted(self.false, false + _ROUNDING, side="right")) - 1
        corner = min(found, len(self.false) - 2)
        way = (false - self.false[corner]) / (self.false[corner + 1] - self.false[corner])
        return corner, max(0.0, float(way))


@dataclass(frozen=True)
class Ranking:
    """The probabilities `(seeds, images)` of a class, and which images are members, `(images,)`.

    Whatever else ranks the images as they do is as good.

    There are at least LEAST members and LEAST others.
    """

    certainties: Floats
    members: Members

    @cached_property
    def images(self) -> tuple[int, int]:
        """How many members there are, and how many others."""
        found = int(self.members.sum())
        return found, len(self.members) - found

    @property
    def fewer(self) -> int:
        """How many members or others there are, whichever is less."""
        return min(self.images)

    @cached_property
    def mirrored(self) -> Ranking:
        """The same images, ranked by how surely they are *not* of the class.

        Its true positive rate is 1 - the false positive rate, its false positive rate 1 - recall.
        """
        return _Mirrored(-self.certainties, ~self.members, self)

    @cached_property
    def corners(self) -> list[Corners]:
        """The ROC curve of each seed."""
        return [
            Corners(*roc_curve(self.members, certainty, drop_intermediate=False))
            for certainty in self.certainties
        ]

    def true_rates(self, false: Floats) -> Floats:
        """Return the ROC curve at these false positive rates, averaged over seeds.

        It is the vertical average of Fawcett 2006, "An introduction to ROC analysis", Pattern
        Recognition Letters 27.
        """
        rates = [np.interp(false, each.false, each.true) for each in self.corners]
        means: Floats = np.mean(rates, axis=0)
        return means

    def expected_rate(self, false: float) -> float:
        """Return the true positive rate that other images would have, averaged over seeds.

        At the threshold of the k-th of n others, k / (n + 1) of *all* others are let in on average,
        and not k / n (Weibull's plotting position). With few images that is a visible difference.
        """
        rates = []
        for each in self.corners:
            corner, way = each.tops.place(self._seen(false))
            rates.append((1 - way) * each.tops.true[corner] + way * each.tops.true[corner + 1])
        return float(np.mean(rates))

    def found(self, false: float) -> Floats:
        """Return which images are found at the thresholds of `expected_rate`, `(seeds, images)`.

        1 is found, 0 is not; between two thresholds it is a share.
        """
        rows = []
        for each, certainty in zip(self.corners, self.certainties, strict=True):
            corner, way = each.tops.place(self._seen(false))
            high, low = each.tops.thresholds[corner : corner + 2]
            rows.append((1 - way) * (certainty >= high) + way * (certainty >= low))
        return np.stack(rows)

    def _seen(self, false: float) -> float:
        """Return the false positive rate on these images, given that on all others."""
        others = self.images[1]
        return min(max((false * (others + 1) - 1) / others, 0.0), 1.0)

    def areas(self) -> Floats:
        """Return the scores of the areas under the ROC curves, `(seeds, images)`."""
        return np.stack([scores.area(each, self.members) for each in self.certainties])

    def precisions(self) -> Floats:
        """Return the scores of the average precisions, `(seeds, images)`.

        The share of members among the images is taken as given.
        """
        return np.stack([_precision(each, self.members) for each in self.certainties])


@dataclass(frozen=True)
class _Mirrored(Ranking):
    """A ranking whose corners are those of another."""

    origin: Ranking

    @cached_property
    def corners(self) -> list[Corners]:
        return [each.mirrored for each in self.origin.corners]


def _precision(certainty: Floats, members: Members) -> Floats:
    order = np.argsort(certainty)
    ordered = certainty[order]
    first = np.searchsorted(ordered, certainty, side="left")  # images that tie go together
    last = np.searchsorted(ordered, certainty, side="right")
    true = members.sum() - _sums(members[order])[first]
    false = (~members).sum() - _sums(~members[order])[first]
    precision = true / (true + false)
    # one member more raises the precision at all thresholds up to its own, another image lowers it
    raised = np.where(members, false / (true + false) ** 2, 0.0)[order]
    lowered = np.where(members, true / (true + false) ** 2, 0.0)[order]
    of_members = (precision + _sums(raised)[last]) / members.mean()
    of_others = -_sums(lowered)[last] / members.mean()
    found = np.where(members, of_members, of_others)
    for group in (members, ~members):
        found[group] -= found[group].mean()
    scored: Floats = found + precision[members].mean()
    return scored


def _sums(values: NDArray[np.generic]) -> Floats:
    """Return the sums of the first 0, 1, ... values, `(values + 1,)`."""
    return np.concatenate([[0.0], np.cumsum(values)])
