"""What a frozen backbone makes of degraded test images: once for all trials of a climb."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convladder.core.experiment import Experiment
from convladder.core.settings.model import Model
from convladder.core.worker import Emit
from convladder.evaluation import corruptions
from convladder.experiments.corrupted_images import CorruptedImages
from convladder.experiments.pretrained import extraction


@dataclass(frozen=True)
class CorruptedFeatures:
    """The features of degraded images, beside the images that a climb keeps."""

    images: CorruptedImages
    model: Model

    @classmethod
    def of(cls, experiment: Experiment, images: CorruptedImages) -> CorruptedFeatures | None:
        """Return those of an experiment whose backbone stays frozen to the end, else None."""
        stays = experiment.model.pretrained and experiment.train.frozen_share == 1
        return cls(images, experiment.model) if stays and images.kept else None

    @cached_property
    def place(self) -> tuple[Path | None, str]:
        """Where they are, and by what: the same for all that have the same."""
        return self.images.kept, extraction.key_of(extraction.about(self.model))

    @property
    def missing(self) -> list[str]:
        """The corruptions whose features are not there yet."""
        return [name for name in corruptions.NAMES if not self._path(name).exists()]

    def make(self, name: str, emit: Emit) -> None:
        """Compute those of one corruption in all strengths; a task for a worker.

        Raises OSError for no room.
        """
        del emit
        if self._path(name).exists():
            return
        self._path(name).parent.mkdir(exist_ok=True)
        extractor = extraction.extractor(self.model, self.images.bank.form.shape)
        levels = [
            np.concatenate([
                extractor.compute(pixels) for _, pixels in self.images.batches(name, strength)
            ])
            for strength in range(1, corruptions.STRENGTHS + 1)
        ]  # fmt: skip
        extraction.save(self._path(name), np.stack(levels))

    def read(self, name: str) -> NDArray[np.float32] | None:
        """Return `(strengths, images, features)` of a corruption; None where they are not kept."""
        path = self._path(name)
        return np.load(path, mmap_mode="r") if path.exists() else None

    def _path(self, name: str) -> Path:
        assert self.images.kept is not None
        return self.images.kept / f"{name}-{self.place[1]}.npy"
