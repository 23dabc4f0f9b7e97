"""The dataset: a bank and its split, which is all that training and evaluation see of a source."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convladder.core.errors import DataError
from convladder.core.formatting import plural
from convladder.core.settings.data import Data
from convladder.data.bank.bank import VERSION, Bank
from convladder.data.bank.cache import open_bank
from convladder.data.decoding.images import ImageForm
from convladder.data.image_size import FORM, infer_form
from convladder.data.quality import bit_depth, grouping, remarks
from convladder.data.quality.checks import DataCheck
from convladder.data.quality.grouping import RANK
from convladder.data.source import NAMED_SET, PACKED, Progress, Source, count_ignored
from convladder.data.sources.folders.links import hint, hinting
from convladder.data.sources.registry import limits_of, open_source
from convladder.data.splits import Indices, Splits, fold_records, split_records
from convladder.data.subset import listing_of, take_subset

MOST_NAMED = 5  # classes in a message
MANY = 100_000  # objects more than were freed, before Python looks for garbage


@dataclass(frozen=True)
class SplitDataset:
    """A bank and its split. `notes` and `decisions` say what was inferred or left out, in sentences
    for people.

    settings : what it was loaded by. groups : the number of the group of each record, which is
        never parted.
    origin : the source, where the settings' text cannot name it.
    """

    settings: Data
    bank: Bank
    splits: Splits
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    groups: Indices | None = None
    origin: Source | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"origin": None}  # another process has the bank, and needs no more

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.bank.class_names

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images by split and class name."""
        return {
            part: dict(
                zip(
                    self.class_names,
                    np.bincount(
                        self.bank.labels[indices], minlength=len(self.class_names)
                    ).tolist(),
                    strict=True,
                )
            )
            for part, indices in vars(self.splits).items()
        }

    def paths(self, indices: Indices) -> list[str]:
        """Return the paths of these records."""
        return [self.bank.records[index].path for index in indices]

    def split_table(self) -> list[tuple[str, str]]:
        """Return the path and the split of each record, in their order."""
        split = np.full(len(self.bank.records), "", dtype=object)
        for part, indices in vars(self.splits).items():
            split[indices] = part
        return [
            (record.path, str(part)) for record, part in zip(self.bank.records, split, strict=True)
        ]

    def settled(self) -> dict[str, Any]:
        """Return the settings that were left to the data, as changes to an experiment."""
        form = self.bank.form
        return {
            "data.source": self.bank.source,
            "data.image_size": (form.height, form.width),
            "data.channels": form.channels,
            "data.fold": self.settings.fold,
        }

    def each_fold(self) -> list[SplitDataset]:
        """Return the dataset with each fold as its test split in turn; itself without folds."""
        if self.settings.folds is None:
            return [self]
        if self.groups is None:
            raise DataError(
                "images in memory cannot be split into folds here: load them with load() first"
            )
        splits = _fold(self.bank, self.groups, self.settings, self.settings.folds)
        return [
            replace(self, settings=self.settings.model_copy(update={"fold": fold}), splits=each)
            for fold, each in enumerate(splits)
        ]

    def provenance(self) -> dict[str, Any]:
        """Return what a report says of the data."""
        return {
            "source": self.bank.source,
            "kind": self.bank.kind,
            "fingerprint": self.bank.fingerprint,
            "bank": self.bank.folder.name,
            "class_names": list(self.class_names),
            "counts": self.counts(),
            "image_shape": list(self.bank.form.shape),
            "intensity": self.bank.form.intensity and vars(self.bank.form.intensity),
            "rejected": [vars(rejection) for rejection in self.bank.rejections],
            "ignored": self.bank.ignored,
            "notes": [*self.notes, *self.decisions],
            "bank_version": VERSION,
        }


# docs/decisions/079-python-rarely-looks-for-garbage-while-data-is-loaded.md
@contextlib.contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Let Python rarely look for garbage: none is among the records, and looking took 40 %."""
    before = gc.get_threshold()
    gc.set_threshold(before[0] and MANY, *before[1:])  # 0: somebody wants none
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_rarely_collecting()
def load(
    settings: Data | str,
    source: Source | None = None,
    *,
    like: SplitDataset | None = None,
    allow_rejects: bool = False,
    progress: Progress | None = None,
) -> SplitDataset:
    """Open a source, decode it into the bank (or find it there) and split it.

    Parameters
    ----------
    settings
        The data part of an experiment, or just the source: a folder, a file or a name.
    source
        The images themselves, where the settings' text cannot name them: arrays, or a frame.
    like
        A dataset whose images and split are to be taken, as far as the images can be read in this
        form too.
    allow_rejects
        Go on although more than 1 % of the files could not be read.
    progress
        Called with (what is done, how much of it, of how much) while the bank is built.

    Raises
    ------
    DataError
        The source cannot be read, has too few images in a class, or too many unreadable files.
    """
    if not isinstance(settings, Data):
        settings = Data.model_validate({"source": str(settings)})
    opened = source or open_source(settings)
    if opened.at_hand:  # else it is found out once all is decoded
        remarks.refuse_no_train(opened.name, opened.listing().records)
    bank, notes = load_bank(settings, opened, allow_rejects=allow_rejects, progress=progress)
    if like is not None:
        return _take_over(like, settings, bank, notes)
    with hinting(hint(bank.ignored, packed=bank.kind.endswith(PACKED))):
        return _split_up(settings, bank, notes, source)


def _split_up(
    settings: Data, bank: Bank, notes: tuple[str, ...], source: Source | None
) -> SplitDataset:
    """Leave out what the settings say, group the rest, and split it. Raises DataError."""
    remarks.refuse_no_train(bank.source, bank.records)
    _refuse_empty_classes(bank, settings)
    bank, decisions = _leave_out_small(bank, settings.min_images)
    if len(bank.class_names) < 2:
        only = bank.class_names[0]
        raise DataError(
            f"{bank.source} has one class only ({only!r}): a classifier needs two or more"
        )
    bank, of_groups = grouping.name_groups(bank, settings.group_pattern)
    if settings.folds is None:
        remarks.refuse_untrained(bank)
    bank, of_leaks = _settle_leaks(bank, settings)
    of_leaks += remarks.of_conflicts(bank)
    groups = grouping.groups_of(bank)
    splits, of_splits = _split(bank, groups, settings)
    said = (*decisions, *of_groups, *of_leaks, *of_splits)
    return SplitDataset(settings, bank, splits, notes, said, groups, source)


def differ_in_form_alone(left: Data, right: Data) -> bool:
    """Whether two settings read the same images, and split them in the same way."""
    return all(value == getattr(right, key) for key, value in left if key not in FORM)


def _take_over(
    like: SplitDataset, settings: Data, bank: Bank, notes: tuple[str, ...]
) -> SplitDataset:
    """Take the images and groups of another dataset: copies may look otherwise in another form."""
    known = {record.path: position for position, record in enumerate(like.bank.records)}
    kept = [position for position, record in enumerate(bank.records) if record.path in known]
    bank, _ = grouping.name_groups(bank.keep(kept), settings.group_pattern)
    of_like = [known[record.path] for record in bank.records]
    groups = grouping.groups_of(bank) if like.groups is None else like.groups[of_like]
    splits, _ = _split(bank, groups, settings)
    return SplitDataset(settings, bank, splits, notes, like.decisions, groups, like.origin)


def check(
    settings: Data, source: Source | None = None, progress: Progress | None = None
) -> DataCheck:
    """Read every file of a source and say what is wrong. Raises DataError if unreadable."""
    source = source or open_source(settings)
    bank, _ = load_bank(settings, source, lenient=True, progress=progress)
    bank, _ = grouping.name_groups(bank, settings.group_pattern)
    listing = take_subset(listing_of(source, settings.classes), settings.limit, settings.split_seed)
    return DataCheck(
        bank, listing.ignored, (*source.notes, *bit_depth.describe(bank), *remarks.of_scenes(bank))
    )


@_rarely_collecting()
def load_bank(
    settings: Data,
    source: Source | None = None,
    *,
    allow_rejects: bool = False,
    lenient: bool = False,
    network: ImageForm | None = None,
    progress: Progress | None = None,
) -> tuple[Bank, tuple[str, ...]]:
    """Do what `load` does, short of the split; return the bank and the notes. Raises DataError.

    `lenient` goes on whatever is rejected, also if nothing is left. `network` is the form of the
    network that is to predict the images, where there is one.
    """
    source = source or open_source(settings)
    ignored = count_ignored(source.listing().ignored) if source.at_hand else {}
    with hinting(hint(ignored, packed=source.kind.endswith(PACKED))):
        form, of_form = infer_form(source, settings, lenient=lenient)
    notes = [*source.notes, *of_form]
    bank = open_bank(
        source,
        form,
        limits_of(settings),
        classes=settings.classes,
        limit=settings.limit,
        seed=settings.split_seed,
        copies_are=settings.copies,
        progress=progress,
    )
    if bank.rejections:
        notes.append(remarks.of_rejections(bank, allow_rejects or lenient))
    notes += [
        *bit_depth.describe(bank, network),
        *remarks.of_scenes(bank),
        *remarks.of_oddities(bank),
    ]
    if bank.ignored:
        notes.append(
            "ignored "
            + ", ".join(f"{count} ({rule})" for rule, count in sorted(bank.ignored.items()))
        )
    of_links = hint(bank.ignored, packed=bank.kind.endswith(PACKED))
    if of_links:
        notes.append(of_links)
    return bank, tuple(notes)


def _refuse_empty_classes(bank: Bank, settings: Data) -> None:
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


def _leave_out_small(bank: Bank, least: int) -> tuple[Bank, list[str]]:
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
def _settle_leaks(bank: Bank, settings: Data) -> tuple[Bank, list[str]]:
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


def _split(bank: Bank, groups: Indices, settings: Data) -> tuple[Splits, list[str]]:
    named = any(record.split for record in bank.records)
    if settings.folds is not None:
        notes = (
            ["the splits of the source are ignored: cross-validation makes its own"]
            if named
            else []
        )
        return _fold(bank, groups, settings, settings.folds)[
            settings.fold
        ], notes + remarks.of_groups(groups, bank)
    splits = split_records(
        bank.records,
        bank.class_names,
        groups,
        validation=settings.validation,
        test=settings.test,
        seed=settings.split_seed,
    )
    cut = np.array([record.split in ("", "train") for record in bank.records])
    whole = {record.split for record in bank.records} >= set(RANK)
    return splits, [] if whole else [
        *remarks.of_groups(groups[cut], bank),
        *remarks.of_lacking(bank, splits),
    ]


def _fold(bank: Bank, groups: Indices, settings: Data, folds: int) -> list[Splits]:
    share, seed = settings.validation, settings.split_seed
    return fold_records(
        bank.records, bank.class_names, groups, folds=folds, validation=share, seed=seed
    )
