"""The dataset: a bank and its split, which is all that training and evaluation see of a source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from convladder.config import Data
from convladder.data.bank import Bank, open_bank
from convladder.data.images import Header, ImageForm
from convladder.data.sources import Progress, Source, open_source
from convladder.data.splits import Splits, split_records
from convladder.errors import DataError

MOST_REJECTED = 0.01
MOST_NAMED = 5  # files in a message
LARGEST_INFERRED = 96  # pixels: larger images are reduced unless a size is asked for
SMALLEST_INFERRED = 16  # pixels: the least that LeNet-5, where the ladders start, can take


@dataclass(frozen=True)
class Dataset:
    """A bank and its split. `notes` says what was inferred or left out, in sentences for people.

    settings : what it was loaded by.
    """

    settings: Data
    bank: Bank
    splits: Splits
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.bank.class_names

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images by split and class name."""
        return {
            part: dict(
                zip(
                    self.class_names,
                    np.bincount(self.bank.labels[indices], minlength=len(self.class_names)).tolist(),
                    strict=True,
                )
            )
            for part, indices in vars(self.splits).items()
        }

    def settled(self) -> dict[str, Any]:
        """Return the settings that were left to the data, as changes to an experiment."""
        form = self.bank.form
        return {
            "data.source": self.bank.source,
            "data.image_size": (form.height, form.width),
            "data.channels": form.channels,
        }

    def provenance(self) -> dict[str, Any]:
        """Return what a report says of the data."""
        return {
            "source": self.bank.source,
            "kind": self.bank.kind,
            "fingerprint": self.bank.fingerprint,
            "class_names": list(self.class_names),
            "counts": self.counts(),
            "image_shape": list(self.bank.form.shape),
            "rejected": [vars(rejection) for rejection in self.bank.rejections],
            "ignored": self.bank.ignored,
            "notes": list(self.notes),
        }


def load(settings: Data | str, *, allow_rejects: bool = False, progress: Progress | None = None) -> Dataset:
    """Open a source, decode it into the bank (or find it there) and split it.

    Parameters
    ----------
    settings
        The data part of an experiment, or just the source: a folder, an npz file or a name.
    allow_rejects
        Go on although more than 1 % of the files could not be read.
    progress
        Called with (images done, images in all) while the bank is built.

    Raises
    ------
    DataError
        The source cannot be read, has too few images in a class, or too many unreadable files.
    """
    if not isinstance(settings, Data):
        settings = Data.model_validate({"source": str(settings)})
    bank, notes = load_bank(settings, allow_rejects=allow_rejects, progress=progress)
    if len(bank.class_names) < 2:
        only = bank.class_names[0]
        raise DataError(f"{bank.source} has one class only ({only!r}): a classifier needs two or more")
    splits = split_records(
        bank.records,
        bank.class_names,
        validation=settings.validation,
        test=settings.test,
        seed=settings.split_seed,
    )
    return Dataset(settings, bank, splits, notes)


def load_bank(
    settings: Data, *, allow_rejects: bool = False, progress: Progress | None = None
) -> tuple[Bank, tuple[str, ...]]:
    """Do what `load` does, short of the split; return the bank and the notes. Raises DataError."""
    source = open_source(settings.source)
    form, notes = _form(source, settings)
    bank = open_bank(source, form, limit=settings.limit, seed=settings.split_seed, progress=progress)
    if bank.rejections:
        notes.append(_judge_rejections(bank, allow_rejects))
    if bank.ignored:
        notes.append("ignored " + ", ".join(f"{count} ({rule})" for rule, count in sorted(bank.ignored.items())))
    return bank, tuple(notes)


def _form(source: Source, settings: Data) -> tuple[ImageForm, list[str]]:
    """Take the form that the settings ask for, and the rest from a sample of the images."""
    notes = []
    size, channels = settings.image_size, settings.channels
    if size is None or channels is None:
        headers = source.headers()
        if not headers:
            raise DataError(f"{source.name}: none of the files that were tried is a readable image")
        if size is None:
            size, note = _infer_size(headers)
            notes.append(note)
        if channels is None:
            channels = 1 if all(header.grey for header in headers) else 3
    return ImageForm(*size, channels, settings.resize, settings.background), notes


def _infer_size(headers: list[Header]) -> tuple[tuple[int, int], str]:
    sizes = Counter((header.height, header.width) for header in headers)
    (height, width), count = sizes.most_common(1)[0]
    if count == len(headers) and all(SMALLEST_INFERRED <= side <= LARGEST_INFERRED for side in (height, width)):
        return (height, width), f"image size {height}x{width}, as the images are"
    longer = float(np.median([max(header.height, header.width) for header in headers]))
    side = int(np.clip(round(longer), SMALLEST_INFERRED, LARGEST_INFERRED))
    seen = f"all {height}x{width}" if count == len(headers) else f"of different sizes, median side {longer:.0f}"
    return (side, side), f"image size {side}x{side} (the images are {seen}; --image-size sets another)"


def _judge_rejections(bank: Bank, allow: bool) -> str:
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
