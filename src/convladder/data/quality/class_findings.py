"""Which classes are too few, too small, too uneven, or missing from a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from convladder.core.formatting import plural
from convladder.data.bank.bank import Bank
from convladder.data.quality import grouping
from convladder.data.quality.findings import Finding, Row
from convladder.data.source import Split

UNEVEN = 10  # times the smallest class that the largest may have
FEWEST = 3  # images of a class that can be in train, validation and test

Counts = Mapping[str, Mapping[Split, int]]  # of images by class and split


def of_classes(bank: Bank, splits: Sequence[Split], counts: Counts) -> Iterator[Finding]:
    """Yield what is wrong with the classes; first what stops training."""
    totals = {name: sum(each.values()) for name, each in counts.items()}
    yield _only_class(totals)
    yield _untrained(splits, counts)
    yield _few_images(bank, totals)
    yield _missing_from_splits(counts)
    yield _imbalance(totals)


def _only_class(totals: Mapping[str, int]) -> Finding:
    only = totals if len(totals) == 1 else {}
    return Finding(
        "one-class",
        "one class only",
        "A classifier needs two or more classes.",
        tuple({"label": name, "detail": plural(count, "image")} for name, count in only.items()),
        stops=True,
    )


def _untrained(splits: Sequence[Split], counts: Counts) -> Finding:
    """Return the classes that train has no image of, unless the source is for tests alone."""
    trained = {split for split in splits if split in ("", "train")}
    rows = [
        {
            "label": name,
            "split": "".join(trained),
            "detail": f"none in {''.join(trained) or 'the data'}",
        }
        for name, each in counts.items()
        if trained and not any(each[split] for split in trained)
    ]
    return Finding(
        "untrained-classes",
        "classes without an image to train on",
        "A class without training images is never predicted. Add images of it to train, or "
        "leave it out with --classes.",
        tuple(rows),
        stops=True,
    )


def _few_images(bank: Bank, totals: Mapping[str, int]) -> Finding:
    return Finding(
        "few-images",
        "classes with too few images",
        f"Splitting a class takes {FEWEST} images that are not copies or of one group. Add "
        "images, or leave the class out with --min-images or --classes.",
        tuple(_rows_of_few(bank, totals)),
    )


def _rows_of_few(bank: Bank, totals: Mapping[str, int]) -> Iterator[Row]:
    groups = grouping.groups_of(bank)
    for label, (name, count) in enumerate(totals.items()):
        apart = len(np.unique(groups[bank.labels == label]))
        if 0 < apart < FEWEST:
            together_in = f", in {plural(apart, 'group')}" if apart < count else ""
            yield {"label": name, "detail": plural(count, "image") + together_in}


def _missing_from_splits(counts: Counts) -> Finding:
    return Finding(
        "missing-classes",
        "classes missing from a split",
        "A class without test images cannot be evaluated.",
        tuple(
            {"label": name, "split": split, "detail": f"none in {split}"}
            for name, each in counts.items()
            for split, count in each.items()
            if split not in ("", "train") and not count
        ),
    )


def _imbalance(totals: Mapping[str, int]) -> Finding:
    least, most = min(totals, key=totals.__getitem__), max(totals, key=totals.__getitem__)
    uneven = totals[most] > UNEVEN * max(1, totals[least])
    sentence = f"{most} has {totals[most]:,} images, {least} has {totals[least]:,}"
    return Finding(
        "imbalance",
        "classes of very different sizes",
        "Networks learn rare classes less well. Compare the accuracy of each class, or "
        "try --class-weight balanced.",
        ({"label": least, "detail": sentence},) if uneven else (),
    )
