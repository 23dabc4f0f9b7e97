"""The bank: decoded images as one uint8 array on disk, which all trials share as a memory map.

A bank is keyed by all that it was made from (see `cache`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.errors import DataError
from convladder.data.bank.decode_worker import PIXELS, Rejection
from convladder.data.copies import in_bank
from convladder.data.copies.groups import group
from convladder.data.copies.in_bank import PAIRS, Pairs
from convladder.data.decoding.image_form import ImageForm, Pixels
from convladder.data.decoding.image_stats import Facts
from convladder.data.source import Record

_logger = logging.getLogger(__name__)

INDEX, FACTS_FILE, PAIRS_FILE = "index.json", "facts.npy", "pairs.npy"
SCENES_FILE = "scenes.npy"
VERSION = 4  # of what a bank holds; part of its key

CopyKind = Literal["near", "exact", "off"]


@dataclass(frozen=True)
class Bank:
    """Decoded images and what is known of them; `rows[i]` is the place of record `i` in `images`.

    `copies_are` says which of the copies that were found count as such.
    """

    folder: Path
    source: str
    kind: str
    form: ImageForm
    class_names: tuple[str, ...]
    records: tuple[Record, ...]
    rows: NDArray[np.int64]
    rejections: tuple[Rejection, ...]
    ignored: dict[str, int]
    fingerprint: str
    copies_are: CopyKind = field(default="near", kw_only=True)

    @cached_property
    def images(self) -> Pixels:
        """Pixels `(N, height, width, channels)`, a copy-on-write map. Raises DataError."""
        images: Pixels = self._read(PIXELS, mmap_mode="c")
        return images

    @cached_property
    def facts(self) -> Facts:
        """What was measured of each record's image, `(N,)` of dtype FACTS. Raises DataError."""
        facts: Facts = self._read(FACTS_FILE)[self.rows]
        return facts

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        return np.array([record.label for record in self.records], dtype=np.int32)

    def count_classes(self) -> NDArray[np.int64]:
        """Return the number of images of each class, `(classes,)`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def keep(self, positions: Sequence[int] | NDArray[np.int64]) -> Bank:
        """Return the bank with these records alone, and the classes that they have."""
        kept = [self.records[position] for position in positions]
        labels = sorted({record.label for record in kept})
        place = {label: number for number, label in enumerate(labels)}
        records = tuple(replace(record, label=place[record.label]) for record in kept)
        class_names = tuple(self.class_names[label] for label in labels)
        rows = self.rows[np.asarray(positions, dtype=np.int64)]
        contents = self.facts["content"][np.asarray(positions, dtype=np.int64)]
        return replace(
            self,
            class_names=class_names,
            records=records,
            rows=rows,
            fingerprint=fingerprint_of(class_names, records, contents),
        )

    def relabelled(self, records: Sequence[Record]) -> Bank:
        """Return the bank with other words on the same images."""
        fingerprint = fingerprint_of(self.class_names, records, self.facts["content"])
        return replace(self, records=tuple(records), fingerprint=fingerprint)

    @cached_property
    def copies(self) -> NDArray[np.int64]:
        """The number of the picture that each image is a copy of, `(N,)`. Raises DataError.

        Two are copies also where both are of a third that is not among the records any more.
        """
        pairs = self._found
        links = np.stack([pairs["left"], pairs["right"]], axis=1)
        return group(links, len(self._read(FACTS_FILE, mmap_mode="r")))[self.rows]

    @cached_property
    def pairs(self) -> Pairs:
        """The copies found, of dtype PAIRS: for n images of one picture n - 1 pairs.

        Raises DataError.
        """
        pairs = self._found
        position = np.full(int(self.rows.max()) + 1 if len(self.rows) else 0, -1)
        position[self.rows] = np.arange(len(self.rows))
        known = (pairs["right"] < len(position)) & (pairs["left"] < len(position))
        pairs = pairs[known]
        for side in ("left", "right"):
            pairs[side] = position[pairs[side]]
        return pairs[(pairs["left"] >= 0) & (pairs["right"] >= 0)]

    @property
    def has_near_copies(self) -> bool:
        """Whether images count as copies that have not the same pixels."""
        return self.copies_are == "near" and not bool(self.pairs["exact"].all())

    def count_of_scenes(self) -> int:
        """Return how many images show one scene, as of a fixed camera, with near copies sought."""
        return (
            int(np.isin(self.rows, self._read(SCENES_FILE)).sum())
            if self.copies_are == "near"
            else 0
        )

    @property
    def _found(self) -> Pairs:
        """The copies that count, by row."""
        if self.copies_are == "off":
            return np.empty(0, PAIRS)
        if self.copies_are == "exact":
            return in_bank.find_exact(self._read(FACTS_FILE))
        pairs: Pairs = self._read(PAIRS_FILE)
        return pairs

    def _read(self, name: str, mmap_mode: Any = None) -> Any:
        try:
            return np.load(self.folder / name, mmap_mode=mmap_mode)
        except FileNotFoundError:
            raise DataError(
                "the decoded images were deleted in the meantime: run the same command to "
                "decode them again"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for cached in ("images", "facts", "pairs", "copies"):
            state.pop(cached, None)  # another process reads the files itself
        return state


def read_bank(folder: Path) -> Bank | None:
    """Read a bank's index; None where there is none, or none that this version understands."""
    try:
        index = files.read_json(folder / INDEX)
        return Bank(
            folder=folder,
            source=index["source"],
            kind=index["kind"],
            form=ImageForm.read(index["form"]),
            class_names=tuple(index["class_names"]),
            records=tuple(Record(*record) for record in index["records"]),
            rows=np.array(index["rows"], dtype=np.int64),
            rejections=tuple(Rejection(*rejection) for rejection in index["rejections"]),
            ignored=index["ignored"],
            fingerprint=index["fingerprint"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _logger.info("the decoded images in %s are not used (%r)", folder, error)
        return None


def fingerprint_of(
    class_names: Sequence[str], records: Sequence[Record], contents: NDArray[np.uint64]
) -> str:
    """Return a digest of classes, records and the digests `(N, 2)` of their pixels."""
    listed = [[record.path, record.label, record.split, record.group] for record in records]
    digest = hashlib.sha256(json.dumps([list(class_names), listed]).encode())
    digest.update(np.ascontiguousarray(contents).tobytes())
    return digest.hexdigest()
