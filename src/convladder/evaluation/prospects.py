"""What more seeds, or more test images, would show of a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

POWER = 0.8  # what "would be found" means: in four climbs of five


@dataclass(frozen=True)
class Variance:
    """The variance of a difference, by the numbers of seeds and of test images.

    of_images : what is left with ever more seeds. of_seed : what a single seed of each rung adds,
        with the `residual`, which is the part of it that more images would make smaller. images,
        seeds : of how many these are estimated.
    """

    of_images: float
    of_seed: float
    residual: float
    images: int
    seeds: int

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

    def seeds_for(self, difference: float, level: float) -> int | None:
        """Return with how many seeds a true difference is found in four climbs of five.

        None where no number of seeds is enough, on so many images.
        """
        room = _largest(difference, level) - self.of_images
        return math.ceil(self.of_seed / room) if room > 0 else None

    def images_for(self, difference: float, level: float) -> int | None:
        """Return with how many test images it is found, with the seeds that there are.

        None where no number of images is enough, with so many seeds.
        """
        room = _largest(difference, level) - (self.of_seed - self.residual) / self.seeds
        of_images = self.of_images + self.residual / self.seeds
        return math.ceil(of_images * self.images / room) if room > 0 else None


def _largest(difference: float, level: float) -> float:
    """Return the largest variance with which a true difference is found in four of five."""
    reach = -float(ndtri(level / 2)) + float(ndtri(POWER))
    return float(np.square(difference / reach))
