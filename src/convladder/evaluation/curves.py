"""ROC and precision-recall curves of each class against the rest, and the areas under them.

**An area's interval** covers seeds and test images as that of an accuracy does (`statistics`), from
what each image adds to it (`ranking`). Where nearly all images are ranked rightly, a small class
shows too little of how the rest may vary. So an area is known no better than the share of SURENESS
times as many images as the class has (or the rest, where that is smaller).

**Folds.** The test images of all folds are ranked together, as if the probabilities of their
networks meant the same. That can make a curve worse than that of each network (Forman and Scholz
2010, "Apples-to-apples in cross-validation studies", SIGKDD Explorations 12). Folds share training
images, too. No interval here is known to hold for both, and none is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from convladder.core.errors import ExperimentError
from convladder.evaluation import curve_bands, predictions
from convladder.evaluation.components import components, image_variance
from convladder.evaluation.curve_bands import Curve, seed_parts
from convladder.evaluation.mixture import of_parts
from convladder.evaluation.ranking import LEAST, Floats, Ranking
from convladder.evaluation.statistics import interval_of

MOST_SHOWN = 3  # classes, if none are named
SURENESS = 4.0


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve, or an average precision: the mean over seeds.

    low, high : its 95 % interval; None with folds.
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

    tables : the predictions of the test images, one table per seed. folded : whether the images are
    those of the folds of a cross-validation.

    Raises
    ------
    ValueError
        The tables are not about the same images in the same order.
    """

    def __init__(self, tables: Sequence[pd.DataFrame], *, folded: bool = False) -> None:
        if any(each["path"].tolist() != tables[0]["path"].tolist() for each in tables):
            raise ValueError("the tables of predictions are not about the same images")
        self.seeds, self.images, self.folded = len(tables), len(tables[0]), folded
        self.classes = predictions.class_names(tables[0])
        self._chances = np.stack([predictions.probabilities(each) for each in tables])
        self._labels = predictions.positions(tables[0], "label")

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
        """The average over classes, each counting alike; None of fewer than three."""
        if len(self.areas) < 3:
            return None
        numbers = [self.classes.index(name) for name in self.areas]
        rocs = [curve_bands.roc(self._ranking(each), banded=False) for each in numbers]
        recalls = [
            curve_bands.precision_recall(self._ranking(each), banded=False) for each in numbers
        ]
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
            raise ExperimentError(
                f"there is no class {name!r}: the classes are {', '.join(self.classes)}"
            )
        if name not in self.areas:
            raise ExperimentError(
                f"the class {name!r} has no curve: that takes at least {LEAST} test images of it, "
                f"and {LEAST} of other classes"
            )
        ranking = self._ranking(self.classes.index(name))
        roc_area, average_precision = self.areas[name]
        return ClassCurves(
            name,
            ranking.images[0] / self.images,
            curve_bands.roc(ranking, banded=not self.folded),
            roc_area,
            curve_bands.precision_recall(ranking, banded=not self.folded),
            average_precision,
        )

    def _ranking(self, number: int) -> Ranking:
        return Ranking(self._chances[..., number], self._labels == number)

    @cached_property
    def _areas(self) -> tuple[dict[str, tuple[Area, Area]], Area, Area]:
        """The areas of each class, and their averages over classes."""
        found, over_fewer = {}, 0.0
        sums = np.zeros((2, self.seeds, self.images))
        for number, name in enumerate(self.classes):
            ranking = self._ranking(number)
            if ranking.fewer >= LEAST:
                added = ranking.areas(), ranking.precisions()
                found[name] = (
                    self._area(added[0], ranking.fewer),
                    self._area(added[1], ranking.fewer),
                )
                sums += added
                over_fewer += 1 / ranking.fewer
        count = max(len(found), 1)
        fewer = count**2 / over_fewer if found else LEAST
        roc_area, precision = (self._area(each / count, fewer) for each in sums)
        return found, roc_area, precision

    def _area(self, added: Floats, fewer: float) -> Area:
        if self.folded:
            return Area(float(added.mean()), None, None)
        return interval_of_area(added, fewer)


def interval_of_area(added: Floats, fewer: float) -> Area:
    """Return the area to which images add this, `(seeds, images)`, with its interval.

    fewer : images of the class or of the rest, whichever are fewer.
    """
    own, most = components(added), round(SURENESS * fewer)
    scatter = of_parts(image_variance(own.by_image), *seed_parts(own, own.residual))
    return Area(own.mean, *interval_of(replace(own, images=most), scatter, most))
