"""A share of images with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

LEVEL = 0.95  # of every interval
_QUANTILE = float(ndtri((1 + LEVEL) / 2))


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
    shrink = 2 * (images + _QUANTILE**2)
    centre = (2 * images * share + _QUANTILE**2) / shrink
    reach = _QUANTILE / shrink * math.sqrt(4 * images * share * (1 - share) + _QUANTILE**2)
    low, high = 0.0 if hits == 0 else centre - reach, 1.0 if hits == images else centre + reach
    return Proportion(share, low, high, images)
