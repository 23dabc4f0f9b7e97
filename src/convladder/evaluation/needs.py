"""What would decide a difference that is undecided: more seeds, folds, or more test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convladder.core.defaults import FOLDS
from convladder.evaluation import fold_prospects, planning
from convladder.evaluation.differences import Difference, Finding
from convladder.evaluation.prospects import Variance


def with_needs(
    judged: Sequence[Difference],
    found: Sequence[Finding | Difference],
    family: int,
    images_in_folds: int | None = None,
) -> list[Difference]:
    """Return the differences with how many seeds or images the undecided ones would need.

    images_in_folds : how many images folds would test; None where folds are not possible.
    """
    level = planning.level(family)
    return [
        _with_needs(difference, finding.variance, level, images_in_folds)
        if difference.verdict == "undecided" and isinstance(finding, Finding) and finding.variance
        else difference
        for difference, finding in zip(judged, found, strict=True)
    ]


def _with_needs(
    found: Difference, variance: Variance, level: float, images_in_folds: int | None
) -> Difference:
    """Return it with what it needs: of seeds and folds what takes fewer trainings."""
    seeds, in_folds = variance.seeds_for(found.difference, level), None
    if images_in_folds:
        in_folds = fold_prospects.seeds_for(variance, images_in_folds, found.difference, level)
    if in_folds and seeds and FOLDS * in_folds > seeds - variance.seeds:
        in_folds = None
    return replace(
        found,
        seeds_needed=None if in_folds else seeds,
        fold_seeds_needed=in_folds,
        images_needed=variance.images_for(found.difference, level),
    )
