"""Test images degraded by every corruption in every strength.

They are the same for every network that is tested on them, so a climb makes them once, on the disk.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convladder.core.worker import Emit
from convladder.data.bank.bank import Bank
from convladder.data.dataset import SplitDataset
from convladder.data.decoding.image_form import Pixels
from convladder.evaluation import corruptions

# docs/decisions/016-corruptions-cost-35-predictions-of-1000-test-images.md
IMAGES = 1000  # test images at most, each in 35 forms
PIXELS = 20_000_000  # of all of them, at most: 398 images of 224x224
CHUNK = 64  # images that are corrupted at a time, with a draw of their own
BATCH = 4 * CHUNK
KEPT = 4e9  # bytes that a climb keeps of them, at most
ROOM = 4  # times as much must be free on the disk


@dataclass(frozen=True)
class CorruptedImages:
    """Test images, at most a thousand of them drawn at random, in every corruption and strength.

    Which images, and what is done to them, depends on nothing but the test split and the images'
    form.

    rows : of the test split, `(N,)`. bank : holds these images alone. kept : a folder for what
        `keep` makes.
    """

    rows: NDArray[np.int64]
    bank: Bank
    kept: Path | None = None

    @classmethod
    def of(cls, dataset: SplitDataset, shared: Path | None = None) -> CorruptedImages:
        """Draw from the dataset's test split; `shared` is a climb's folder for all datasets."""
        bank, test = dataset.bank, dataset.splits.test
        most = min(IMAGES, PIXELS // (bank.form.height * bank.form.width))
        rows = np.sort(np.random.default_rng(0).permutation(len(test))[:most])
        # it may be sent to a worker
        light = replace(bank, records=(), rejections=(), rows=bank.rows[test[rows]])
        return cls(rows, light, shared and shared / f"{bank.folder.name}-{dataset.settings.fold}")

    def batches(self, name: str, strength: int) -> Iterator[tuple[slice, Pixels]]:
        """Yield all images in one corruption and strength, 1 to 5: parts of `rows`, and pixels."""
        kept = self._read(name)
        for start in range(0, len(self.rows), BATCH):
            part = slice(start, start + BATCH)
            yield (
                part,
                self._make(name, strength, part) if kept is None else kept[strength - 1, part],
            )

    @property
    def bytes(self) -> int:
        """How much they take on the disk in all corruptions."""
        return len(corruptions.NAMES) * math.prod(self._shape)

    def keep(self, name: str, emit: Emit) -> None:
        """Put one corruption on the disk; a task for a worker. Raises OSError for no room."""
        del emit
        if self.kept is None:
            return
        self.kept.mkdir(exist_ok=True)
        temporary = self.kept / f"{name}.tmp"
        try:
            with temporary.open("wb") as file:
                for strength in range(1, corruptions.STRENGTHS + 1):
                    for start in range(0, len(self.rows), BATCH):
                        self._make(name, strength, slice(start, start + BATCH)).tofile(file)
            temporary.rename(self.kept / name)
        finally:
            temporary.unlink(missing_ok=True)

    def _make(self, name: str, strength: int, part: slice) -> Pixels:
        rows = {
            start // CHUNK: self.bank.rows[start : start + CHUNK]
            for start in range(len(self.rows))[part][::CHUNK]
        }
        return np.concatenate([
            corruptions.corrupt(self.bank.images[some], name, strength, seed=chunk)
            for chunk, some in rows.items()
        ])  # fmt: skip

    def _read(self, name: str) -> Pixels | None:
        if self.kept is None or not (self.kept / name).exists():
            return None
        return np.memmap(self.kept / name, np.uint8, "r", shape=self._shape)

    @property
    def _shape(self) -> tuple[int, ...]:
        return corruptions.STRENGTHS, len(self.rows), *self.bank.form.shape


def worth_keeping(sets: Iterable[CorruptedImages], folder: Path) -> list[CorruptedImages]:
    """Return the first sets that a climb can keep on disk; each trial makes the others."""
    room = min(KEPT, shutil.disk_usage(folder).free / ROOM)
    kept = []
    for worsened in sets:
        room -= worsened.bytes
        if room < 0:
            break
        kept.append(worsened)
    return kept
