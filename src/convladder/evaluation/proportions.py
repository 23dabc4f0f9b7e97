"""A share of images with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest

LEVEL = 0.95  # of every interval


@dataclass(frozen=True)
class Proportion:
    """A share of images, and its 95 % interval (Wilson 1927, by SciPy). Without images the share is None."""

    share: float | None
    low: float
    high: float
    images: int


def proportion(hits: int, images: int) -> Proportion:
    """Estimate a share from `hits` among so many `images`.

    >>> share = proportion(9, 10)
    >>> share.share, round(share.low, 3), round(share.high, 3)
    (0.9, 0.596, 0.982)
    """
    if images == 0:
        return Proportion(None, 0.0, 1.0, 0)
    interval = binomtest(hits, images).proportion_ci(LEVEL, method="wilson")
    return Proportion(hits / images, float(interval.low), float(interval.high), images)
