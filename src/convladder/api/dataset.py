"""Labelled images, with pictures of them."""

from __future__ import annotations

import html as escaping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.api.figures import new_figure
from convladder.core.errors import DataError
from convladder.core.settings.augmentation import Augmentation
from convladder.core.worker_pool import call
from convladder.data.dataset import SplitDataset
from convladder.experiments.preview import augment_images

if TYPE_CHECKING:
    from convladder.report.style import Grid

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, repr=False)
class Dataset(SplitDataset):
    """Labelled images, decoded and split; with pictures of them.

    Attributes
    ----------
    settings
        The settings that it was loaded by.
    bank
        The decoded images.
    splits
        Train, validation and test: the numbers of their images in the bank.
    notes, decisions
        What was inferred or left out, in sentences.
    groups
        The number of each image's group, which is kept in one split, `(N,)`.
    origin
        The source, if the images were given in memory.
    """

    def images(self, part: Part = "train") -> NDArray[np.uint8]:
        """Return a split's pixels.

        Parameters
        ----------
        part
            `train`, `validation` or `test`.

        Returns
        -------
        ndarray
            uint8 `(N, height, width, channels)`, from 0 to 255.

        Raises
        ------
        DataError
            There is no such split.
        """
        pixels: NDArray[np.uint8] = self.bank.images[self.bank.rows[self._indices(part)]]
        return pixels

    def labels(self, part: Part = "train") -> NDArray[np.int32]:
        """Return a split's labels.

        Parameters
        ----------
        part
            `train`, `validation` or `test`.

        Returns
        -------
        ndarray
            int32 `(N,)`: places in `class_names`.

        Raises
        ------
        DataError
            There is no such split.
        """
        labels: NDArray[np.int32] = self.bank.labels[self._indices(part)]
        return labels

    def _indices(self, part: str) -> NDArray[np.int64]:
        splits: dict[str, NDArray[np.int64]] = vars(self.splits)
        if part not in splits:
            raise DataError(f"no part {part!r}: there are {', '.join(splits)}")
        return splits[part]

    def table(self) -> pd.DataFrame:
        """Return the number of images.

        Returns
        -------
        DataFrame
            One row per class, one column per split.
        """
        return pd.DataFrame(self.counts())

    def plot_images(self, each: int = 6, classes: int = 20) -> Grid:
        """Draw the first training images, one row per class.

        Parameters
        ----------
        each
            Number of images per class. A class with fewer shows them again.
        classes
            Number of classes, at most.

        Returns
        -------
        ndarray
            The axes, `(classes, each)`.
        """
        from convladder.report import galleries
        from convladder.report.style import shorten

        labels = range(len(self.class_names))[:classes]
        rows = [np.resize(np.flatnonzero(self.labels() == label), each) for label in labels]
        chosen = np.concatenate(rows)
        titles = [shorten(self.class_names[label], 20) for label in self.labels()[chosen]]
        shown = galleries.Gallery(list(self.images()[chosen]), titles, columns=each)
        return galleries.draw_gallery(shown, new_figure())

    def plot_augmentation(
        self, settings: Augmentation, *, images: int = 3, each: int = 5, seed: int = 0
    ) -> Grid:
        """Draw some training images, each as it is and as a trial sees it in its first epochs.

        Parameters
        ----------
        settings
            The random changes, such as `Augmentation(rotation=10)`.
        images
            Number of images.
        each
            Number of changed forms of each image.
        seed
            The trial's seed.

        Returns
        -------
        ndarray
            The axes, `(images, 1 + each)`.
        """
        from convladder.report import galleries

        originals = self.images()[:images]
        changed = call(augment_images, settings, seed, np.repeat(originals, each, axis=0))
        shown, titles = [], []
        for place, original in enumerate(originals):
            shown += [original, *changed[place * each : (place + 1) * each]]
            titles += ["as it is", *[""] * each]
        return galleries.draw_gallery(
            galleries.Gallery(shown, titles, columns=1 + each), new_figure()
        )

    def __repr__(self) -> str:
        form = " × ".join(map(str, self.bank.form.shape))
        return (
            f"{self.bank.source}: {len(self.bank.records):,} images, {form} (height, width, "
            "channels)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(repr(self))}</p>{self.table().to_html()}"
