"""What more seeds, or more test images, would show of a difference."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scipy.special import ndtr, ndtri

from convladder.evaluation.mixture import SeedPart, of_parts, welch

POWER = 0.8  # what "would be found" means: in four climbs of five
MOST_SEEDS = 50  # that are told of as needed; and so many times the test images:
MOST_IMAGES = 50


@dataclass(frozen=True)
class Variance:
    """The variance of a difference, by the numbers of seeds and of test images.

    of_images : what is left with ever more seeds. of_seed : what a single seed of each rung adds,
        with the `residual`, which is the part of it that more images would make smaller. images,
        seeds : of how many these are estimated. shared : degrees of freedom that other rungs add to
        what a rung's seeds say of their spread; None where there are too few to add any.
    """

    of_images: float
    of_seed: float
    residual: float
    images: int
    seeds: int
    shared: float | None = None
    most: float = 1.0

    def at(self, seeds: float) -> float:
        """Return it with so many seeds of each rung; infinity is a number, too."""
        return self.of_images + self.of_seed / seeds

    def chance(self, p_value: float, seeds: float, level: float) -> float:
        """Return how likely a p-value falls below the level with so many seeds.

        It is taken that the true difference is the one that was seen (conditional power at the
        current trend; Lan and Wittes 1988, "The B-value: a tool for monitoring data", Biometrics
        44).
        """
        ratio = self.at(seeds) / self.at(self.seeds) if self.at(self.seeds) > 0 else 1.0
        now, bound = -float(ndtri(p_value / 2)), -float(ndtri(level / 2))
        if ratio >= 1:
            return float(now > bound)
        if ratio <= 0:  # no variance would be left: what is seen then is the truth
            return float(now > 0)
        return float(ndtr((now / math.sqrt(ratio) - bound) / math.sqrt(1 - ratio)))

    def detectable(self, seeds: int, images: int, level: float) -> float:
        """Return the smallest true difference that is called in four climbs of five.

        With so many seeds, two or more, and test images, where p-values below the level are called.
        """
        return _detectable(self, seeds, images, level)

    def seeds_for(self, difference: float, level: float) -> int | None:
        """Return with how many seeds, more than there are, a true difference is found.

        In four climbs of five. None where no number that anyone would train is enough.
        """
        return _first(
            range(self.seeds + 1, MOST_SEEDS + 1),
            lambda seeds: self.detectable(seeds, self.images, level) <= abs(difference),
        )

    def images_for(self, difference: float, level: float) -> int | None:
        """Return with how many test images, more than there are, it is found: to two digits.

        In four climbs of five. None where no number that anyone would collect is enough.
        """
        return _first(
            _two_digits(self.images, MOST_IMAGES * self.images),
            lambda images: self.detectable(self.seeds, images, level) <= abs(difference),
        )


def _first(numbers: Sequence[int], is_enough: Callable[[int], bool]) -> int | None:
    """Return the first number that is enough, where all larger ones are too."""
    if not numbers or not is_enough(numbers[-1]):
        return None
    return numbers[bisect_left(numbers, True, key=is_enough)]


@lru_cache(maxsize=64)
def _two_digits(above: int, most: int) -> tuple[int, ...]:
    """Return the numbers of two digits, and noughts after them, above one and up to another.

    >>> _two_digits(96, 130), _two_digits(995, 1300)
    ((97, 98, 99, 100, 110, 120, 130), (1000, 1100, 1200, 1300))
    """
    scales = [10**power for power in range(len(str(most)))]
    found = {digits * scale for scale in scales for digits in range(10, 100)} | {*range(1, 10)}
    return tuple(sorted(number for number in found if above < number <= most))


@lru_cache(maxsize=4096)
def _detectable(variance: Variance, seeds: int, images: int, level: float) -> float:
    smaller = variance.images / images
    residual = variance.residual * smaller
    of_seed = variance.of_seed - variance.residual + residual
    degrees = seeds - 1 + (variance.shared or 0.0)
    parts = 2 * [SeedPart(of_seed / 2 / seeds, degrees, residual / 2 / seeds)]
    of_images = variance.of_images * smaller + residual / seeds
    scatter = of_parts(of_images, *([welch(parts)] if variance.shared is None else parts))
    return min(variance.most, scatter.reach(level / 2) + scatter.reach(1 - POWER))
