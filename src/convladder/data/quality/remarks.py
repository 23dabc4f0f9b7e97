"""What a person should know of the images before they are trained on, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from convladder.core.errors import DataError
from convladder.core.formatting import plural
from convladder.data.bank.bank import Bank
from convladder.data.quality import outliers
from convladder.data.quality.grouping import pair_up
from convladder.data.source import Record
from convladder.data.splits import Indices, Splits

MOST_REJECTED = 0.01
MOST_NAMED = 5  # files or classes in a message


def of_oddities(bank: Bank) -> list[str]:
    """Say which files were read otherwise than their names or frames suggest."""
    misnamed = len(outliers.find_misnamed(bank.records, bank.facts))
    animated = len(outliers.find_animated(bank.facts))
    notes = []
    if misnamed:
        whose = "file whose name suggests" if misnamed == 1 else "files whose names suggest"
        notes.append(f"{misnamed} {whose} another format: read by content")
    if animated:
        notes.append(f"the first frame of {animated} images with several frames is used")
    return notes


def of_rejections(bank: Bank, allow: bool) -> str:
    """Say which files were rejected. Raises DataError for too many, unless they are allowed."""
    count, total = len(bank.rejections), len(bank.rejections) + len(bank.records)
    reasons = Counter(rejection.reason for rejection in bank.rejections)
    listed = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    first = ", ".join(rejection.path for rejection in bank.rejections[:MOST_NAMED])
    which = f"{listed}: {first}{', …' if count > MOST_NAMED else ''}"
    if count > MOST_REJECTED * total and not allow:
        raise DataError(
            f"{count} of {total} files in {bank.source} are not readable images ({which}): repair "
            "or remove them, or train without them with --allow-rejects"
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
    return [
        f"copies with different labels: {len(differ):,} ({first}{more}); `convladder check` shows "
        f"them{not_copies(bank)}"
    ]


def not_copies(bank: Bank) -> str:
    """Say what to do about false copies; nothing where there are no near copies."""
    return (
        "; if they are different pictures, set --copies exact (data.copies)"
        if bank.has_near_copies
        else ""
    )


def of_scenes(bank: Bank) -> list[str]:
    """Say how many images are of one scene, and what cannot be told of them."""
    count = bank.count_of_scenes()
    if not count:
        return []
    return [
        f"{count:,} images show one scene, as from a fixed camera. Recompressed or cropped copies "
        "among them may go unnoticed. If some belong together, name groups with --group-pattern "
        "or --group-column"
    ]


def of_groups(groups: Indices, bank: Bank) -> list[str]:
    """Say how many groups have more than one image."""
    _, sizes = np.unique(groups, return_counts=True)
    several = int((sizes > 1).sum())
    if not several:
        return []
    many = plural(several, "group")
    return [
        (
            f"{many} of images that belong together (copies, or one named group) kept in one "
            f"split{not_copies(bank)}"
        )
    ]


def of_lacking(bank: Bank, splits: Splits) -> list[str]:
    """Say which classes a split lacks because their groups could not be shared out."""
    notes = []
    for part, indices in vars(splits).items():
        counts = np.bincount(bank.labels[indices], minlength=len(bank.class_names))
        lacking = [name for name, count in zip(bank.class_names, counts, strict=True) if not count]
        if lacking:
            notes.append(f"{part} has no image of {', '.join(lacking[:MOST_NAMED])}")
    return notes


def refuse_no_train(source: str, records: Sequence[Record]) -> None:
    """Raise DataError where the images are in named splits, and none is for training."""
    splits = {record.split for record in records}
    if splits and splits.isdisjoint({"", "train"}):
        named = " and ".join(sorted(splits))
        raise DataError(
            f"{source} has {named} images but no 'train' folder or split: add one, or give one "
            "class folder around all images. (`convladder evaluate RUN --data` takes the folder "
            "as it is.)"
        )


def refuse_untrained(bank: Bank) -> None:
    """Raise DataError where named splits leave a class without images to train on."""
    labels = {record.label for record in bank.records if record.split in ("", "train")}
    lacking = [name for label, name in enumerate(bank.class_names) if label not in labels]
    if not lacking:
        return
    listed = ", ".join(map(repr, lacking[:MOST_NAMED])) + (
        ", …" if len(lacking) > MOST_NAMED else ""
    )
    if len(labels) < 2:
        raise DataError(
            f"{bank.source} has fewer than two classes in train (none of {listed}): a classifier "
            "learns from examples of each class, so move some of them to train"
        )
    classes = "class" if len(lacking) == 1 else "classes"
    raise DataError(
        f"{bank.source} has no image of {classes} {listed} in train: add images there (or raise "
        f"--limit), or leave the {classes} out with --classes"
    )
