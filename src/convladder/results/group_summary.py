"""What is said of one group of runs, and of one group against another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median_low
from typing import Any

from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation.differences import Difference
from convladder.evaluation.next_run import Chance, Range
from convladder.evaluation.statistics import Estimate
from convladder.results.saved_run import SavedRun


@dataclass(frozen=True)
class Price:
    """What a group costs, the median over seeds.

    The time is None where one epoch was all, since that compiles too.
    """

    parameters: int
    macs: int
    flops: int
    bytes: int
    train_milliseconds_per_image: float | None


PRICES = tuple(field.name for field in fields(Price))


@dataclass(frozen=True)
class GroupSummary:
    """One group: runs by seed, its metric on test with an interval, on validation, and cost.

    metric : what it is judged by: accuracy, if nothing else was asked for. run_values : of each run
        on its own test images: a seed, or a fold of one. seed_values : of each seed. next_network :
        where one more network would land on these test images, in 95 of 100 trainings; None with
        one seed, or with folds. accuracy : the mean on test, whatever the metric. tested : on what,
        such as `120 test images`.
    """

    name: str
    runs: tuple[SavedRun, ...]
    metric: Metric
    estimate: Estimate
    run_values: tuple[float, ...]
    seed_values: tuple[float, ...]
    validation: float
    price: Price
    accuracy: float
    tested: str
    next_network: Range | None = None

    @property
    def folds(self) -> int | None:
        """Into how many folds its images were parted; None where there is one test split."""
        return self.runs[0].experiment.data.folds

    def figures(self) -> dict[str, Any]:
        """Return all figures under the names of their columns in `summary.csv`."""
        return {
            "seeds": self.estimate.seeds,
            "test_images": self.estimate.images,
            self.metric.column: self.estimate.mean,
            f"{self.metric.column}_low": self.estimate.low,
            f"{self.metric.column}_high": self.estimate.high,
            f"validation_{self.metric.column}": self.validation,
            "next_low": self.next_network.low if self.next_network else None,
            "next_high": self.next_network.high if self.next_network else None,
            **vars(self.price),
        }


@dataclass(frozen=True)
class Claim:
    """One group against another: the difference in a metric, and in each price.

    extra : 0 where the prices of their seeds overlap, which only times do; None where one is not
        known. beats : how often one network of the group is better than one of the other; None
        where either has one seed, with folds, and on degraded images.
    """

    name: str
    reference: str
    difference: Difference
    extra: dict[str, float | None]
    metric: Metric = ACCURACY
    beats: Chance | None = None

    def per(self, price: str, unit: float) -> float | None:
        """Return the gain in the metric for each `unit` of a price; None where it costs no more."""
        extra, gain = self.extra[price], self.metric.as_score(self.difference.difference)
        return gain / (extra / unit) if extra and extra > 0 else None


def prices_of(runs: Sequence[SavedRun], price: str) -> list[float]:
    """Return the price of each seed that knows it."""
    prices = [run.metrics["price"][price] for run in runs]
    return [price for price in prices if price is not None]


def median_price(values: Sequence[float]) -> Any:
    return median_low(values) if values else None


def extra_price(own: Sequence[float], reference: Sequence[float]) -> float | None:
    if not own or not reference:
        return None
    if min(own) <= max(reference) and min(reference) <= max(own):
        return 0.0
    return median_low(own) - median_low(reference)
