"""A share of images with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

LEVEL = 0.95  # of every interval
NORMAL = float(ndtri((1 + LEVEL) / 2))  # 1.96


@dataclass(frozen=True)
class Proportion:
    """A share of images, and its 95 % interval (Wilson 1927). Without images the share is None."""

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
    share = hits / images
    low, high = wilson(share, images, NORMAL)
    return Proportion(share, 0.0 if hits == 0 else low, 1.0 if hits == images else high, images)


def wilson(mean: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson 1927, "Probable inference, the law of succession, ...", JASA 22."""
    shrink = 1 + quantile**2 / size
    centre = (mean + quantile**2 / (2 * size)) / shrink
    reach = quantile / shrink * math.sqrt(mean * (1 - mean) / size + quantile**2 / (4 * size**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)
