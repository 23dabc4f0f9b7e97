"""The metrics that networks are judged by: their names, and how their values are written.

How they are measured is in `evaluation.scores`.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass

from convladder.core.errors import ExperimentError
from convladder.core.formatting import percent, points, signed, unknown_name


@dataclass(frozen=True)
class Metric:
    """A figure of all answers to test images.

    name : as `--metric` takes it. title : for people. is_share : it is written in percent, and
    differences of it in points. of_class : the class that it is about, if it is about one.
    """

    name: str
    title: str
    is_share: bool = True
    lower_is_better: bool = False
    of_class: str | None = None

    @property
    def kind(self) -> str:
        """Its name without the class."""
        return self.name.partition("@")[0]

    @property
    def column(self) -> str:
        """Its name in tables and files, such as `macro_f1`."""
        return self.kind.replace("-", "_") + self.name.removeprefix(self.kind)

    @property
    def unit(self) -> str:
        """What differences are counted in, after a space: points, or nothing."""
        return " points" if self.is_share else ""

    @property
    def axis_unit(self) -> str:
        """What follows its title along an axis: percent, or nothing."""
        return ", %" if self.is_share else ""

    @property
    def largest(self) -> float:
        """The largest difference that there can be."""
        return {LOG_LOSS.name: math.inf, BRIER.name: 2.0}.get(self.name, 1.0)

    @property
    def per_unit(self) -> float:
        """By what a difference as people give it is larger than one of values: 100 for points."""
        return 100.0 if self.is_share else 1.0

    def as_score(self, value: float) -> float:
        """Return a number that is the higher, the better the value is."""
        return -value if self.lower_is_better else value

    def write(self, value: float) -> str:
        """Write a value.

        >>> ACCURACY.write(0.9701), metric_named("log-loss").write(0.2345)
        ('97.0 %', '0.234')
        """
        return percent(value) if self.is_share else f"{value:.3f}"

    def write_range(self, low: float, high: float) -> str:
        """Write an interval of values.

        >>> ACCURACY.write_range(0.96, 0.981)
        '96.0 to 98.1 %'
        """
        return f"{self.write(low).removesuffix(' %')} to {self.write(high)}"

    def write_difference(self, difference: float) -> str:
        """Write a difference without its unit, with its sign if it has one.

        >>> ACCURACY.write_difference(0.012), metric_named("brier").write_difference(-0.0312)
        ('+1.2', '−0.031')
        """
        return points(difference) if self.is_share else signed(difference, 3)

    def write_size(self, difference: float) -> str:
        """Write a difference with its unit and without a sign.

        >>> ACCURACY.write_size(0.025), metric_named("auroc").write_size(0.025)
        ('2.5 points', '0.025')
        """
        if not self.is_share:
            return f"{abs(difference):.3f}".rstrip("0").rstrip(".")
        number = f"{100 * abs(difference):.1f}".removesuffix(".0")
        return f"{number} point{'' if number == '1' else 's'}"

    def write_sizes(self, low: float, high: float) -> str:
        """Write a range of differences without signs.

        >>> ACCURACY.write_sizes(0.02, 0.045), metric_named("auroc").write_sizes(0.02, 0.045)
        ('2.0 to 4.5 points', '0.02 to 0.045')
        """
        if not self.is_share:
            return f"{self.write_size(low)} to {self.write_size(high)}"
        return f"{100 * low:.1f} to {100 * high:.1f} points"

    def write_bounds(self, low: float, high: float, *, called: bool = False) -> str:
        """Write an interval of differences without its unit.

        called : the difference is shown not to be zero, so that no end reads as if it were.

        >>> ACCURACY.write_bounds(-0.01, 0.022), ACCURACY.write_bounds(0.0002, 0.34, called=True)
        ('−1.0 to +2.2', 'over 0 to +34.0')
        """
        first, last = self.write_difference(low), self.write_difference(high)
        nothing = self.write_difference(0.0)
        if called and first == nothing != last:
            first = "over 0"
        elif called and last == nothing != first:
            last = "under 0"
        return f"{first} to {last}"


ACCURACY = Metric("accuracy", "accuracy")
BRIER = Metric("brier", "Brier score", is_share=False, lower_is_better=True)
LOG_LOSS = Metric("log-loss", "log loss", is_share=False, lower_is_better=True)

OVERALL = {
    metric.name: metric
    for metric in (
        ACCURACY,
        Metric("balanced-accuracy", "balanced accuracy"),
        Metric("macro-f1", "macro F1"),
        Metric("auroc", "AUROC", is_share=False),
        LOG_LOSS,
        BRIER,
    )
}
OF_CLASS = {"recall": "recall", "precision": "precision", "f1": "F1"}  # by name, the title

SYNONYMS = {"sensitivity": "recall", "tpr": "recall", "ppv": "precision", "dice": "f1"}

KNOWN = (*OVERALL, *(f"{kind}@CLASS" for kind in OF_CLASS))


def find_metric(name: str) -> Metric | None:
    """Return the metric of this name, if there is one."""
    kind, _, class_name = name.partition("@")
    if kind in OF_CLASS and class_name:
        return of_class(kind, class_name)
    return OVERALL.get(name)


def of_class(kind: str, class_name: str) -> Metric:
    """Return recall, precision or f1 of a class."""
    title = f"{OF_CLASS[kind]} of {class_name}"
    return Metric(f"{kind}@{class_name}", title, of_class=class_name)


def metric_named(name: str) -> Metric:
    """Return a metric. Raises ExperimentError where there is none of this name.

    >>> metric_named("recall@cat").title
    'recall of cat'
    """
    if found := find_metric(name):
        return found
    kind, at, class_name = name.partition("@")
    near = SYNONYMS.get(kind.lower()) or next(
        iter(difflib.get_close_matches(kind.lower(), OF_CLASS, n=1)), None
    )
    if at and near:
        raise ExperimentError(f"unknown metric {name!r}: did you mean {f'{near}@{class_name}'!r}?")
    if name in OF_CLASS:
        raise ExperimentError(f"{name} is of one class: name it, such as {name}@cat")
    raise ExperimentError(unknown_name(name, KNOWN, "metric"))
