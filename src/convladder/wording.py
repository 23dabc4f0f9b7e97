"""Numbers as people read them."""

from __future__ import annotations


def percent(share: float) -> str:
    """Write a share in percent.

    >>> percent(0.9701)
    '97.0 %'
    """
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """Write a difference of two shares in points, with its sign.

    >>> points(-0.021)
    '−2.1'
    """
    return f"{100 * difference:+.1f}".replace("-", "−")
