"""ROC and precision-recall curves of each class against the rest, and the areas under them.

**An area's interval** covers seeds and test images as that of an accuracy does (`statistics`), by
the scores of the images (`evaluation.scores`). Where nearly all images are ranked rightly, a small
class shows too little of how others would vary. So an area is known no better than the share of
SURENESS times as many images as the class has, or the rest if that is smaller.

**Folds.** Each network ranks the test images of its own fold. Curves and areas are averages over
folds. So is the metric `auroc`, which also counts a class with a single image. Probabilities of
several networks are not ranked among each other (Forman and Scholz 2010, "Apples-to-apples in
cross-validation studies: pitfalls in classifier performance measurement", SIGKDD Explorations 12).
There are no bands and intervals: folds share training images, and how that widens a band is not
known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from convladder.core.errors import ExperimentError
from convladder.core.formatting import unknown_name
from convladder.evaluation import curve_bands, predictions
from convladder.evaluation.components import components, image_variance
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.curve_bands import Curve, seed_parts
from convladder.evaluation.mixture import of_parts
from convladder.evaluation.ranking import LEAST, Floats, Ranking
from convladder.evaluation.statistics import interval_of

MOST_SHOWN = 3  # classes, if none are named
SURENESS = 4.0


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve, or an average precision: the mean over seeds.

    low, high : its 95 % interval; None of folds.
    """

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ClassCurves:
    """The curves of one class against the rest, or the average of those of all classes.

    share : of the class among the test images; of an average there is none.
    """

    name: str
    share: float | None
    roc: Curve
    roc_area: Area
    precision_recall: Curve
    average_precision: Area


class Curves:
    """The curves of networks that were tested on the same images.

    tables : the predictions of the test images, one table per seed. folds : in which fold each
    image was tested, `(images,)`; None without a cross-validation.

    Raises
    ------
    ValueError
        The tables are not about the same images in the same order.
    """

    def __init__(self, tables: Sequence[pd.DataFrame], folds: Folds | None = None) -> None:
        if any(each["path"].tolist() != tables[0]["path"].tolist() for each in tables):
            raise ValueError("the tables of predictions are not about the same images")
        self.seeds, self.images, self.folded = len(tables), len(tables[0]), folds is not None
        self.classes = predictions.class_names(tables[0])
        self._chances = np.stack([predictions.probabilities(each) for each in tables])
        self._labels = predictions.positions(tables[0], "label")
        self._tested = (
            [slice(None)] if folds is None else [folds == each for each in np.unique(folds)]
        )

    @property
    def areas(self) -> dict[str, tuple[Area, Area]]:
        """For each class the area under the ROC curve, and the average precision.

        A class is left out that has fewer than two test images, or all but one.
        """
        return self._areas[0]

    @property
    def shown(self) -> list[str]:
        """The classes that are shown if none are named.

        Of two, the second. Of more, those with the least area under the ROC curve.
        """
        if len(self.classes) == 2:
            return list(self.areas)[-1:]
        worst = sorted(self.areas, key=lambda name: self.areas[name][0].mean)[:MOST_SHOWN]
        return [name for name in self.classes if name in worst]

    def of_classes(self, names: Sequence[str] | None = None) -> list[ClassCurves]:
        """Return the curves of these classes; of those in `shown` if none are named.

        Raises
        ------
        ExperimentError
            There is no such class, or it has too few test images.
        """
        if isinstance(names, str):
            raise ExperimentError(
                f"classes must be a list of names, such as [{names!r}]; got the string {names!r}"
            )
        names = (self.shown or self.classes[-1:]) if names is None else names
        return [self._of_class(name) for name in names]

    @cached_property
    def macro_average(self) -> ClassCurves | None:
        """The average over classes, each counting alike; None of fewer than three. No bands."""
        if len(self.areas) < 3:
            return None
        drawn = [self._without_bands(self._rankings(name)) for name in self.areas]
        rocs, recalls = zip(*drawn, strict=True)
        _, roc_area, average_precision = self._areas
        return ClassCurves(
            "macro average",
            None,
            curve_bands.mean_curve(rocs),
            roc_area,
            curve_bands.mean_curve(recalls),
            average_precision,
        )

    def _of_class(self, name: str) -> ClassCurves:
        if name not in self.classes:
            raise ExperimentError(unknown_name(name, self.classes, "class"))
        if name not in self.areas:
            raise ExperimentError(
                f"the class {name!r} has no curve: that takes at least {LEAST} test images of it, "
                f"and {LEAST} of other classes"
            )
        rankings = self._rankings(name)
        if self.folded:
            roc, precision_recall = self._without_bands(rankings)
        else:
            roc = curve_bands.roc(rankings[0])
            precision_recall = curve_bands.precision_recall(rankings[0])
        share = float((self._labels == self.classes.index(name)).mean())
        roc_area, average_precision = self.areas[name]
        return ClassCurves(name, share, roc, roc_area, precision_recall, average_precision)

    def _rankings(self, name: str) -> list[Ranking]:
        """Return how the images are ranked: those of each fold, if it has enough of the class."""
        place = self.classes.index(name)
        found = [
            Ranking(self._chances[:, tested, place], self._labels[tested] == place)
            for tested in self._tested
        ]
        return [each for each in found if each.fewer >= LEAST]

    def _without_bands(self, rankings: Sequence[Ranking]) -> tuple[Curve, Curve]:
        """Return the ROC and the precision-recall curve, averaged over folds."""
        return (
            curve_bands.mean_curve([curve_bands.roc(each, banded=False) for each in rankings]),
            curve_bands.mean_curve(
                [curve_bands.precision_recall(each, banded=False) for each in rankings]
            ),
        )

    @cached_property
    def _areas(self) -> tuple[dict[str, tuple[Area, Area]], Area, Area]:
        """The areas of each class, and their averages over classes."""
        return self._areas_over_folds() if self.folded else self._areas_of_all()

    def _areas_of_all(self) -> tuple[dict[str, tuple[Area, Area]], Area, Area]:
        found, over_fewer = {}, 0.0
        sums = np.zeros((2, self.seeds, self.images))
        for name in self.classes:
            for ranking in self._rankings(name):
                scores = ranking.areas(), ranking.precisions()
                roc, precision = (interval_of_area(each, ranking.fewer) for each in scores)
                found[name] = roc, precision
                sums += scores
                over_fewer += 1 / ranking.fewer
        count = max(len(found), 1)
        fewer = count**2 / over_fewer if found else LEAST
        roc, precision = (interval_of_area(each / count, fewer) for each in sums)
        return found, roc, precision

    def _areas_over_folds(self) -> tuple[dict[str, tuple[Area, Area]], Area, Area]:
        means = {}
        for name in self.classes:
            if rankings := self._rankings(name):
                each = [
                    (ranking.areas().mean(), ranking.precisions().mean()) for ranking in rankings
                ]
                sizes = [ranking.members.size for ranking in rankings]
                means[name] = np.average(each, axis=0, weights=sizes)
        found = {name: (_known(roc), _known(precision)) for name, (roc, precision) in means.items()}
        roc, precision = np.mean(list(means.values()), axis=0) if means else (np.nan, np.nan)
        return found, _known(roc), _known(precision)


def _known(mean: float) -> Area:
    return Area(float(mean), None, None)


def interval_of_area(scores: Floats, fewer: float) -> Area:
    """Return the area whose scores are these, `(seeds, images)`, with its interval.

    fewer : images of the class or of the rest, whichever are fewer.
    """
    own, most = components(scores), round(SURENESS * fewer)
    scatter = of_parts(image_variance(own.by_image), *seed_parts(own, own.residual))
    return Area(own.mean, *interval_of(replace(own, images=most), scatter, most))
