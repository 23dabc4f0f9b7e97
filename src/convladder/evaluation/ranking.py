"""How networks rank images by one class.

An image is a *member* of the class, or one of the others. A network ranks images by the probability
that it gives the class. A threshold finds a share of the members (recall, the true positive rate)
and lets in a share of the others (the false positive rate). The ROC curve is the one over the
other.

The area under it, and the average precision, come as tables `(seeds, images)` of what each image
adds, whose rows have the figures of the seeds as means (the empirical influence function: Hampel
1974, "The influence curve and its role in robust estimation", JASA 69). So `components` parts their
variance as it does that of an accuracy. For the area these are the placements of DeLong, DeLong and
Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
characteristic curves", Biometrics 44.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

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
    """The scores `(seeds, images)` that networks give, and which images are members, `(images,)`.

    There are at least LEAST members and LEAST others.
    """

    scores: Floats
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
        return _Mirrored(-self.scores, ~self.members, self)

    @cached_property
    def corners(self) -> list[Corners]:
        """The ROC curve of each seed."""
        return [
            Corners(*roc_curve(self.members, scores, drop_intermediate=False))
            for scores in self.scores
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
        for each, scores in zip(self.corners, self.scores, strict=True):
            corner, way = each.tops.place(self._seen(false))
            high, low = each.tops.thresholds[corner : corner + 2]
            rows.append((1 - way) * (scores >= high) + way * (scores >= low))
        return np.stack(rows)

    def _seen(self, false: float) -> float:
        """Return the false positive rate on these images, given that on all others."""
        others = self.images[1]
        return min(max((false * (others + 1) - 1) / others, 0.0), 1.0)

    def areas(self) -> Floats:
        """Return what each image adds to the areas under the ROC curves, `(seeds, images)`."""
        members, others = self.images
        placed = np.empty_like(self.scores)
        for row, scores in zip(placed, self.scores, strict=True):
            ranks = rankdata(scores)
            own, other = scores[self.members], scores[~self.members]
            row[self.members] = (ranks[self.members] - rankdata(own)) / others
            row[~self.members] = 1 - (ranks[~self.members] - rankdata(other)) / members
        return self._as_table(placed, placed[:, self.members].mean(axis=1))

    def precisions(self) -> Floats:
        """Return what each image adds to the average precisions, `(seeds, images)`.

        The share of members among the images is taken as given.
        """
        added, means = np.empty_like(self.scores), np.empty(len(self.scores))
        for row, scores in enumerate(self.scores):
            added[row], means[row] = self._precision(scores)
        return self._as_table(added, means)

    def _precision(self, scores: Floats) -> tuple[Floats, float]:
        """Return what each image adds to the average precision, up to a constant, and that."""
        members, others = self.images
        order = np.argsort(scores)
        ordered, own = scores[order], self.members[order]
        first = np.searchsorted(ordered, scores, side="left")  # images that tie go together
        last = np.searchsorted(ordered, scores, side="right")
        true = members - _sums(own)[first]
        false = others - _sums(~own)[first]
        precision = true / (true + false)
        # one member more raises the precision at all thresholds up to its score, another lowers it
        raised = np.where(self.members, false / (true + false) ** 2, 0.0)[order]
        lowered = np.where(self.members, true / (true + false) ** 2, 0.0)[order]
        added = np.where(
            self.members,
            precision + _sums(raised)[last],
            -others / members * _sums(lowered)[last],
        )
        return added, float(precision[self.members].mean())

    def _as_table(self, added: Floats, means: Floats) -> Floats:
        """Return a table whose rows have these means, `(seeds,)`.

        Members and others are two samples: each is centred, and counts the more the smaller it is.
        """
        table = np.empty_like(added)
        for group, size in zip((self.members, ~self.members), self.images, strict=True):
            centred = added[:, group] - added[:, group].mean(axis=1, keepdims=True)
            weight = len(self.members) / size * np.sqrt(size / (size - 1))
            table[:, group] = means[:, np.newaxis] + weight * centred
        return table


@dataclass(frozen=True)
class _Mirrored(Ranking):
    """A ranking whose corners are those of another."""

    origin: Ranking

    @cached_property
    def corners(self) -> list[Corners]:
        return [each.mirrored for each in self.origin.corners]


def _sums(values: NDArray[np.generic]) -> Floats:
    """Return the sums of the first 0, 1, ... values, `(values + 1,)`."""
    return np.concatenate([[0.0], np.cumsum(values)])
