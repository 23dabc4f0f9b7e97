"""Two single networks on the same test images.

This tells whether *these two networks* differ, on images like these. It says nothing about the
techniques that made them: with other seeds both would be other networks (for that,
`statistics.compare` needs several seeds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from scipy.special import bdtr, ndtr, ndtri

from convladder.evaluation.components import Correct
from convladder.evaluation.differences import Difference, Finding, judge


def compare(
    networks: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]] | None = None,
    family: int | None = None,
    margin: float | None = None,
) -> list[Difference]:
    """Compare the first network with the second of each question; the questions are one family.

    `networks` has for each `(1, images)`: was this image right? The test is McNemar's with the
    mid-p value, which wastes less than the exact one and claims as rarely (Fagerland, Lydersen and
    Laake 2013, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better
    than exact conditional", BMC Medical Research Methodology 13). The interval is Bonett and
    Price's (2012, Journal of Educational and Behavioral Statistics 37), the correction Holm's.
    `seeds` is not used: it is there so that this can stand in for `statistics.compare`.
    """
    del seeds
    found = [_find(networks[left][0], networks[right][0]) for left, right in questions]
    return judge(found, family or len(questions), margin)


def _find(left: Correct, right: Correct) -> Finding:
    images = len(left)
    gained, lost = int(np.sum(left > right)), int(np.sum(left < right))
    centre, error = _bonett_price(gained, lost, images)
    return Finding(
        (gained - lost) / images,
        _mid_p(gained, lost),
        partial(_interval, centre, error),
        lambda margin: float(ndtr((abs(centre) - margin) / error)),
    )


def _mid_p(gained: int, lost: int) -> float:
    """Return the two-sided p-value that counts half of what was observed itself."""
    if gained == lost:
        return 1.0
    fewer, both = min(gained, lost), gained + lost
    less_likely = bdtr(fewer - 1, both, 0.5) if fewer else 0.0
    return float(bdtr(fewer, both, 0.5) + less_likely)


def _bonett_price(gained: int, lost: int, images: int) -> tuple[float, float]:
    """Return the difference and its standard error, with two more images that differ."""
    up, down = (gained + 1) / (images + 2), (lost + 1) / (images + 2)
    return up - down, math.sqrt((up + down - (up - down) ** 2) / (images + 2))


def _interval(centre: float, error: float, misses: float) -> tuple[float, float]:
    reach = float(ndtri(1 - misses / 2)) * error
    return max(-1.0, centre - reach), min(1.0, centre + reach)
