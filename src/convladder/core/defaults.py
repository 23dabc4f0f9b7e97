"""What is taken where a person says nothing, named where no other setting holds it."""

from __future__ import annotations

LADDER = "classic"
PRETRAINED_LADDER = "transfer"  # with a backbone
SEEDS = 5  # fewer hardly show what is there
SEEDS_OF_FOLDS = 1  # folds vary the images as well


def ladder(*, pretrained: bool) -> str:
    """Return the name of the ladder to climb, with a backbone or without."""
    return PRETRAINED_LADDER if pretrained else LADDER


def seeds(*, folds: bool) -> int:
    """Return how many seeds a rung is trained with, in cross-validation or without."""
    return SEEDS_OF_FOLDS if folds else SEEDS
