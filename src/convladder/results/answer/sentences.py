"""Sentences whose figures say what they are."""

from __future__ import annotations

from dataclasses import dataclass

from convladder.core.formatting import percent
from convladder.core.metrics import Metric
from convladder.evaluation.intervals import Proportion
from convladder.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Explained:
    """A figure as it is written, and a sentence that says what it is."""

    text: str
    meaning: str


Sentence = tuple[str | Explained, ...]


def plain(*sentences: Sentence) -> str:
    """Return sentences without what their figures mean."""
    return " ".join(
        "".join(part if isinstance(part, str) else part.text for part in sentence)
        for sentence in sentences
    )


def value(found: Estimate, metric: Metric, tested: str) -> Explained:
    """Return a metric on test."""
    return Explained(
        metric.write(found.mean),
        f"The {metric.title} on {tested}, averaged over the networks that were trained.",
    )


def interval(found: Estimate, metric: Metric, *, in_folds: bool = False) -> Explained:
    """Return the interval of a metric on test."""
    covers = "seeds and test images" if found.covers_seeds else "test images only"
    if in_folds:
        covers = "training images, initial weights and test images"
    return Explained(
        f"95 % interval {metric.write_range(found.low, found.high).removesuffix(' %')}",
        f"The true {metric.title} is in such an interval 95 times out of 100. It covers the choice "
        f"of {covers}.",
    )


def share(found: Proportion, of_what: str) -> Explained:
    """Return a share of images, with its interval as what it means."""
    return Explained(
        percent(found.share or 0.0),
        f"{of_what}. The 95 % interval is {percent(found.low)} to {percent(found.high)}.",
    )
