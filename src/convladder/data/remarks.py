"""What a person should know of the images before they are trained on, in sentences."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from convladder.data import deep, intensity, oddities
from convladder.data.bank import Bank
from convladder.data.images import ImageForm
from convladder.data.splits import Indices, Splits
from convladder.data.together import pair_up
from convladder.errors import DataError
from convladder.wording import plural

MOST_REJECTED = 0.01
FEW_LEVELS, FLAT = 16, 4  # grey levels; times fewer than the usual deep image has
MOST_OUTSIDE = 0.5  # of an image's values may be cut before that is told
MOST_NAMED = 5  # files or classes in a message


def of_oddities(bank: Bank) -> list[str]:
    """Say which files were read otherwise than their names or frames suggest."""
    misnamed = len(oddities.find_misnamed(bank.records, bank.facts))
    animated = len(oddities.find_animated(bank.facts))
    notes = []
    if misnamed:
        whose = "file whose name says" if misnamed == 1 else "files whose names say"
        notes.append(f"{misnamed} {whose} another format: read by content")
    if animated:
        notes.append(f"of {animated} images of several frames the first is taken")
    return notes


def of_depth(bank: Bank) -> list[str]:
    """Say what range the images of more than 8 bits were stretched from, and which do not go with the others."""
    modes = [mode.decode() for mode in bank.facts["mode"].tolist()]
    dropped = sum("+" in mode for mode in modes)
    notes = [f"of {plural(dropped, 'TIFF file')} the bands beyond colour are left out"] if dropped else []
    chosen = bank.form.intensity
    if chosen is None:
        return notes
    is_deep = np.array([deep.is_deep(mode) for mode in modes], bool)
    kinds = " and ".join(sorted({deep.say_depth(mode) for mode in modes if deep.is_deep(mode)}))
    low, high = intensity.written(chosen.low), intensity.written(chosen.high)
    notes.append(f"{kinds} images: values {low} to {high} become black to white; data.range chooses others")
    if chosen.mixed:
        count = (
            f"{int((~is_deep).sum()):,} images have 8 bits and stay as they are, {int(is_deep.sum()):,} have more"
        )
        notes.append(f"careful: {count}: the network may learn their difference in brightness")
    return notes + _of_unlike(bank, is_deep)


def _of_unlike(bank: Bank, is_deep: NDArray[np.bool_]) -> list[str]:
    """Say which deep images the range of all does not suit."""
    levels = bank.facts["high"].astype(int) - bank.facts["low"]
    usual = np.median(levels[is_deep]) if is_deep.any() else 0
    flat = np.flatnonzero(is_deep & (levels < FEW_LEVELS) & (levels * FLAT < usual))
    cut = np.flatnonzero(is_deep & (bank.facts["outside"] > MOST_OUTSIDE))
    hint = "if the files are of different bit depths, convert some"
    return [
        f"careful: {what.format(plural(len(found), 'image'))}, such as {bank.records[found[0]].path}: {hint}"
        for what, found in (
            (f"{{}} take up fewer than {FEW_LEVELS} of the 256 grey levels of that range", flat),
            ("{} lie mostly outside that range", cut),
        )
        if len(found)
    ]


def of_misfits(bank: Bank, form: ImageForm) -> list[str]:
    """Say which images do not fit the range of those that a network of this form was trained on."""
    if form.intensity is None and bank.form.intensity is None:
        return []
    facts, found = bank.facts, {}
    levels = facts["high"].astype(int) - facts["low"]
    for place, mode in enumerate(facts["mode"].tolist()):
        is_deep = deep.is_deep(mode.decode())
        why = intensity.misfit(is_deep, float(facts["outside"][place]), int(levels[place]), form.intensity)
        if why is not None:
            found[place] = why
    if not found:
        return []
    first = next(iter(found))
    some = f"{len(found):,} of {plural(len(bank.records), 'image')}"
    return [f"careful: {some} may not fit the network; {bank.records[first].path}: {found[first]}"]


def of_rejections(bank: Bank, allow: bool) -> str:
    """Say which files were rejected. Raises DataError where they are too many, unless they are allowed."""
    count, total = len(bank.rejections), len(bank.rejections) + len(bank.records)
    reasons = Counter(rejection.reason for rejection in bank.rejections)
    listed = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    first = ", ".join(rejection.path for rejection in bank.rejections[:MOST_NAMED])
    which = f"{listed}: {first}{', …' if count > MOST_NAMED else ''}"
    if count > MOST_REJECTED * total and not allow:
        raise DataError(
            f"{count} of {total} files in {bank.source} are not readable images ({which}): "
            "mend or remove them, or go on without them with --allow-rejects"
        )
    return f"rejected {count} of {total} files ({which})"


def of_conflicts(bank: Bank) -> list[str]:
    """Say how many images are copies of one with another label."""
    others, firsts = pair_up(bank.copies)
    differ = np.flatnonzero(bank.labels[others] != bank.labels[firsts])
    if not len(differ):
        return []
    first = f"{bank.records[others[differ[0]]].path} and {bank.records[firsts[differ[0]]].path}"
    more = ", …" if len(differ) > 1 else ""
    return [f"copies with different labels: {len(differ):,} ({first}{more}); `convladder check` shows them"]


def of_groups(groups: Indices) -> list[str]:
    """Say how many groups have more than one image."""
    _, sizes = np.unique(groups, return_counts=True)
    several = int((sizes > 1).sum())
    many = plural(several, "group")
    return [f"{many} of images that belong together (copies, or of one group) kept together"] if several else []


def of_lacking(bank: Bank, splits: Splits) -> list[str]:
    """Say which classes a split lacks because their groups could not be shared out."""
    notes = []
    for part, indices in vars(splits).items():
        counts = np.bincount(bank.labels[indices], minlength=len(bank.class_names))
        lacking = [name for name, count in zip(bank.class_names, counts, strict=True) if not count]
        if lacking:
            notes.append(f"{part} has no image of {', '.join(lacking[:MOST_NAMED])}")
    return notes
