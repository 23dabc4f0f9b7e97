"""The dataset: a bank and its split, which is all that training and evaluation see of a source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.bank.bank import VERSION, Bank
from convladder.data.quality import remarks
from convladder.data.quality.grouping import RANK
from convladder.data.source import Source
from convladder.data.splits import Indices, Splits, fold_records, split_records


@dataclass(frozen=True)
class SplitDataset:
    """A bank and its split.

    settings : what it was loaded by.
    notes, decisions : what was inferred or left out, in sentences for people.
    groups : the number of each record's group, which is kept in one split.
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
        """The names of the classes, in the order of the labels."""
        return self.bank.class_names

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images by split and class.

        Returns
        -------
        dict
            Such as `["test"]["cat"]`.
        """
        return {split: self._count(indices) for split, indices in vars(self.splits).items()}

    def _count(self, indices: Indices) -> dict[str, int]:
        counts = np.bincount(self.bank.labels[indices], minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def paths(self, indices: Indices) -> list[str]:
        """Return the paths of some images.

        Parameters
        ----------
        indices
            Their numbers in the bank, `(n,)`.

        Returns
        -------
        list of str
            The paths, in the given order.
        """
        return [self.bank.records[index].path for index in indices]

    def split_table(self) -> list[tuple[str, str]]:
        """Return the path and the split of each image, in the bank's order.

        Returns
        -------
        list of tuple
            `(path, split)`; the split is empty if the image is in none.
        """
        split = np.full(len(self.bank.records), "", dtype=object)
        for part, indices in vars(self.splits).items():
            split[indices] = part
        return [
            (record.path, str(part)) for record, part in zip(self.bank.records, split, strict=True)
        ]

    def settled(self) -> dict[str, Any]:
        """Return the settings that were left to the data, as changes to an experiment.

        Returns
        -------
        dict
            The settings under their dotted keys, such as `data.image_size`.
        """
        form = self.bank.form
        return {
            "data.source": self.bank.source,
            "data.image_size": (form.height, form.width),
            "data.channels": form.channels,
            "data.fold": self.settings.fold,
        }

    def each_fold(self) -> list[SplitDataset]:
        """Return the dataset with each fold as its test split in turn.

        Returns
        -------
        list of SplitDataset
            One per fold; itself if there are no folds.

        Raises
        ------
        DataError
            Images in memory have no groups that folds could keep together.
        """
        if self.settings.folds is None:
            return [self]
        if self.groups is None:
            raise DataError(
                "images in memory cannot be split into folds here: load them with load() first"
            )
        splits = fold_bank(self.bank, self.groups, self.settings, self.settings.folds)
        return [
            replace(self, settings=self.settings.model_copy(update={"fold": fold}), splits=each)
            for fold, each in enumerate(splits)
        ]

    @property
    def _fewest_groups(self) -> int:
        """How many images the smallest class has that need not stay together."""
        labels = self.bank.labels
        groups = np.arange(len(labels)) if self.groups is None else self.groups
        places = range(len(self.class_names))
        return min(len(np.unique(groups[labels == place])) for place in places)

    def provenance(self) -> dict[str, Any]:
        """Return what a report says of the data.

        Returns
        -------
        dict
            Plain values: source, fingerprint, classes, counts, how many images (or groups that stay
            together) the smallest class has, the splits that the source names, rejected files and
            notes.
        """
        return {
            "source": self.bank.source,
            "kind": self.bank.kind,
            "fingerprint": self.bank.fingerprint,
            "bank": self.bank.folder.name,
            "class_names": list(self.class_names),
            "counts": self.counts(),
            "fewest_groups": self._fewest_groups,
            "own_splits": sorted({record.split for record in self.bank.records} - {""}),
            "image_shape": list(self.bank.form.shape),
            "intensity": self.bank.form.intensity and vars(self.bank.form.intensity),
            "rejected": [vars(rejection) for rejection in self.bank.rejections],
            "ignored": self.bank.ignored,
            "notes": [*self.notes, *self.decisions],
            "bank_version": VERSION,
        }


def split_bank(bank: Bank, groups: Indices, settings: Data) -> tuple[Splits, list[str]]:
    """Return the splits of a bank as the settings say, and what a person should know of them."""
    named = any(record.split for record in bank.records)
    if settings.folds is not None:
        own = ["the splits of the source are ignored: cross-validation makes its own"]
        folds = fold_bank(bank, groups, settings, settings.folds)
        return folds[settings.fold], (own if named else []) + remarks.of_groups(groups, bank)
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


def fold_bank(bank: Bank, groups: Indices, settings: Data, folds: int) -> list[Splits]:
    """Return the splits with each fold as the test split in turn."""
    share, seed = settings.validation, settings.split_seed
    return fold_records(
        bank.records, bank.class_names, groups, folds=folds, validation=share, seed=seed
    )
