"""The features that a frozen backbone gives of images: computed once for all trials, and cached.

features/<key>/<part>.npy     of some of the images, as they are made, each by a worker
features/<key>/features.npy   of all, `(images, features)`, in float32; the parts are gone then

The key is of all that they depend on: images, layers, weights, versions. Safe to delete.
"""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.experiment import Experiment
from convladder.core.places import cache_folder
from convladder.core.settings.model import Model
from convladder.core.worker import Emit
from convladder.data.bank.bank import Bank
from convladder.data.dataset import SplitDataset
from convladder.experiments.pretrained import extraction
from convladder.models import shapes

if TYPE_CHECKING:
    from convladder.training.features import Features

_logger = logging.getLogger(__name__)

FORMAT = 1  # of what is kept; part of the key
PART_FLOPS = 1e11  # of a part: some seconds on one core
KEPT = 4e9  # bytes of features, at most
ROOM = 4  # times as much must be free on the disk
ALL = "features.npy"


# docs/decisions/102-the-features-of-a-frozen-backbone-are-computed-once.md
@dataclass(frozen=True)
class FeatureBank:
    """The features of some images of a bank, in the cache or still to be made.

    bank : without its records: it is sent to workers. rows : of the bank's images, in order.
    """

    bank: Bank
    rows: NDArray[np.int64]
    model: Model

    @classmethod
    def of(cls, experiment: Experiment, dataset: SplitDataset) -> FeatureBank | None:
        """Return the features that an experiment trains on; None where it needs the images.

        It does where its backbone is trained from the start, and where images are changed at
        random.
        """
        frozen = experiment.model.pretrained and experiment.train.frozen_share
        if not frozen or any(dict(experiment.augmentation).values()):
            return None
        used = np.concatenate(list(vars(dataset.splits).values()))
        light = replace(dataset.bank, records=(), rejections=())
        return cls(light, np.unique(dataset.bank.rows[used]), experiment.model)

    @cached_property
    def folder(self) -> Path:
        """Where they are kept."""
        about = {
            "format": FORMAT,
            "images": self.bank.fingerprint,
            "form": str(self.bank.form),
            "rows": hashlib.sha256(self.rows.tobytes()).hexdigest(),
            "extractor": extraction.about(self.model),
        }
        return features_folder() / extraction.key_of(about)

    @property
    def is_whole(self) -> bool:
        return (self.folder / ALL).exists()

    @property
    def missing(self) -> list[int]:
        """The parts that are not there yet."""
        if self.is_whole:
            return []
        return [part for part in range(len(self._bounds)) if not self._path(part).exists()]

    def make(self, part: int, emit: Emit) -> None:
        """Make a part, if there is room and nobody has meanwhile; a task for a worker.

        Raises OSError where it cannot be written, ConvladderError without the backbone's weights.
        """
        files.make_folder(self.folder)
        with FileLock(self._path(part).with_suffix(".lock")):
            if part not in self.missing:
                return
            extractor = extraction.extractor(self.model, self.bank.form.shape)
            if 4 * extractor.size * len(self.rows) < min(KEPT, _free() / ROOM):
                rows = self.rows[self._bounds[part]]
                emit(self._said(part, len(rows)))
                extraction.save(self._path(part), extractor.compute(self.bank.images, rows))

    def read(self, emit: Emit) -> Features | None:
        """Return them all, as a map of the file; make first what is missing.

        None where there is no room for them: then the backbone is used each time. Raises
        ConvladderError without its weights.
        """
        try:
            return self._read(emit)
        except ValueError:  # a damaged file
            shutil.rmtree(self.folder, ignore_errors=True)
            return self._read(emit)
        except OSError as error:
            _logger.debug("features are not kept (%s)", error)
            return None

    def _read(self, emit: Emit) -> Features | None:
        from convladder.training.features import Features

        for part in self.missing:
            self.make(part, emit)
            if not (self.is_whole or self._path(part).exists()):
                return None
        with FileLock(self.folder / "whole.lock"):
            if not self.is_whole:
                self._join()
        places = np.zeros(len(self.bank.images), np.int32)
        places[self.rows] = np.arange(len(self.rows))
        return Features(np.load(self.folder / ALL, mmap_mode="c"), places)

    @property
    def _bounds(self) -> list[slice]:
        flops = shapes.count_flops(self.model, self.bank.form.shape, classes=1)
        size = max(1, math.ceil(PART_FLOPS / flops))
        return [slice(start, start + size) for start in range(0, len(self.rows), size)]

    def _said(self, part: int, count: int) -> str:
        """Say which images are seen, and that it is the only time."""
        first = self._bounds[part].start + 1
        return (
            f"the frozen backbone sees images {first:,} to {first + count - 1:,} of "
            f"{len(self.rows):,}, once for all trials"
        )

    def _path(self, part: int) -> Path:
        return self.folder / f"{part:05}.npy"

    def _join(self) -> None:
        """Put all parts into one file, and remove them."""
        parts = [self._path(part) for part in range(len(self._bounds))]
        maps = [np.load(path, mmap_mode="r") for path in parts]
        whole = self.folder / f"{files.MARK}{ALL}"
        joined = np.lib.format.open_memmap(
            whole, "w+", np.float32, (len(self.rows), maps[0].shape[1])
        )
        np.concatenate(maps, out=joined)
        joined.flush()
        whole.rename(self.folder / ALL)
        for path in parts:
            path.unlink()


def features_folder() -> Path:
    """Return where features are kept, once there are any."""
    return cache_folder() / "features"


def clear() -> None:
    """Delete all features in the cache; they are computed again when needed."""
    for folder in features_folder().glob("*"):
        if extraction.is_key(folder.name) and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _free() -> int:
    place = cache_folder()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
