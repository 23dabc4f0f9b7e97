"""What is taken where a person says nothing, named where no other setting holds it."""

from __future__ import annotations

LADDER = "classic"
PRETRAINED_LADDER = "transfer"  # with a backbone
SEEDS = 5  # where their number is fixed: fewer hardly show what is there
LOOKS = (3, 5, 8, 12)  # seeds at which a climb looks whether more would decide anything
LOOKS_IN_TIME = (*LOOKS, 20)  # where a time is given, as far as that lasts
FOLDS = 5  # that are advised: with more, luck that all folds share hides between them
SEEDS_OF_FOLDS = 1  # folds vary the images as well


def ladder(*, pretrained: bool) -> str:
    """Return the name of the ladder to climb, with a backbone or without."""
    return PRETRAINED_LADDER if pretrained else LADDER


def looks(*, folds: bool, single: bool) -> tuple[int, ...]:
    """Return at how many seeds a climb looks at its results, in cross-validation or without.

    single : whether it is of one rung, which there is nothing to decide about.
    """
    if folds:
        return (SEEDS_OF_FOLDS,)
    return (SEEDS,) if single else LOOKS
