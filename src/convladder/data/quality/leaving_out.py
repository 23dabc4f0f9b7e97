"""What is left out or refused before a bank is split: small classes, and leaks."""

from __future__ import annotations

import numpy as np

from convladder.core.errors import DataError
from convladder.core.formatting import plural
from convladder.core.settings.data import Data
from convladder.data.bank.bank import Bank
from convladder.data.quality import grouping, remarks
from convladder.data.source import NAMED_SET

MOST_NAMED = 5  # classes in a message


def refuse_empty_classes(bank: Bank, settings: Data) -> None:
    """Raise DataError where no file of a class could be read, unless small classes are left out."""
    empty = [
        name
        for name, count in zip(bank.class_names, bank.count_classes(), strict=True)
        if not count
    ]
    if empty and settings.min_images == 1:
        raise DataError(
            f"{bank.source} has no readable image of class {empty[0]!r}: add or repair files (or "
            "raise --limit), or leave the class out with --min-images or --classes"
        )


def leave_out_small(bank: Bank, least: int) -> tuple[Bank, list[str]]:
    counts = bank.count_classes()
    small = [name for name, count in zip(bank.class_names, counts, strict=True) if count < least]
    if not small:
        return bank, []
    if len(small) == len(bank.class_names):
        raise DataError(
            f"no class in {bank.source} has {least} images: lower --min-images (or raise --limit)"
        )
    bank = bank.keep(np.flatnonzero(counts[bank.labels] >= least))
    listed = ", ".join(small[:MOST_NAMED]) + (", …" if len(small) > MOST_NAMED else "")
    return bank, [
        f"left out {plural(len(small), 'class')} with fewer than {least} images ({listed})"
    ]


# docs/decisions/024-leaks-are-refused-not-repaired.md
def settle_leaks(bank: Bank, settings: Data) -> tuple[Bank, list[str]]:
    """Do as the settings say where images that belong together lie in different splits."""
    if settings.folds or not any(record.split for record in bank.records):
        return bank, []
    leaks = grouping.find_leaks(bank, grouping.groups_of(bank))
    if not len(leaks):
        return bank, []
    found = grouping.describe(bank, leaks)
    on_leak = settings.on_leak or ("keep" if bank.kind == NAMED_SET else "refuse")
    if on_leak == "refuse":
        raise DataError(
            f"the splits of {bank.source} leak: {found}. See them with `convladder check`. To "
            "train anyway, use --on-leak drop (leaves them out of the split of lower priority) "
            f"or --on-leak keep{remarks.not_copies(bank)}"
        )
    if on_leak == "keep":
        return bank, [f"kept a leak: {found}"]
    return grouping.without(bank, leaks.positions), [f"left out a leak: {found}"]
