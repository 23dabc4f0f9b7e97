"""Two single networks on the same test images.

This tells whether *these two networks* differ, on images like these. It says nothing about the
techniques that made them: with other seeds both would be other networks (for that,
`statistics.compare` needs several seeds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from convladder.evaluation.statistics import ALPHA, Correct, Difference, judge, quantile


def compare(
    networks: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]] | None = None,
    family: int | None = None,
) -> list[Difference]:
    """Compare the first network with the second of each question; the questions are one family.

    `networks` has for each `(1, images)`: was this image right? The test is McNemar's, exact
    (McNemar 1947, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12). The interval is Bonett and Price's (2012, Journal of
    Educational and Behavioral Statistics 37), the correction Holm's. `seeds` is not used: it is
    there so that this can stand in for `statistics.compare`.
    """
    del seeds
    found = [_difference(networks[left][0], networks[right][0]) for left, right in questions]
    return judge(found, family or len(questions))


def _difference(left: Correct, right: Correct) -> Difference:
    from scipy.stats import binomtest  # which takes longer to import than most pages to make

    images = len(left)
    gained, lost = int(np.sum(left > right)), int(np.sum(left < right))
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    up, down = (gained + 1) / (images + 2), (lost + 1) / (images + 2)
    reach = quantile(1 - ALPHA / 2, math.inf) * math.sqrt(
        (up + down - (up - down) ** 2) / (images + 2)
    )
    low, high = max(-1.0, up - down - reach), min(1.0, up - down + reach)
    return Difference((gained - lost) / images, low, high, p_value=p_value)
