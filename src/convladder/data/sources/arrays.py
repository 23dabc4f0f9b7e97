"""Arrays in an npz file as a source: `x_train`, `y_train`, `x_test`, `y_test`, … or `x`, `y`."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convladder.core.errors import DataError
from convladder.data.decoding.images import read_header
from convladder.data.decoding.intensity import Values
from convladder.data.decoding.picture import Header
from convladder.data.source import Listing, Record, Source, Split
from convladder.data.split_names import split_of


def open_npz(path: Path) -> Source:
    """Open an npz file of images `(N, H, W)` or `(N, H, W, C)` and labels `(N,)` or `(N, 1)`.

    Labels are integers or text; `class_names`, if there, names the integers. Raises DataError.
    """
    status = path.stat()
    arrays = cache(lambda: ArraySet.from_npz(path))
    return Source(
        name=str(path),
        kind="arrays",
        fingerprint=f"{path.name} {status.st_size} {status.st_mtime_ns}",
        listing=lambda: arrays().listing(),
        fetch=lambda record: arrays().fetch(record),
        headers=lambda: arrays().headers(),
        picklable=False,
    )


def open_arrays(name: str, images: Any, labels: Any) -> Source:
    """Open images `(N, H, W)` or `(N, H, W, C)` with labels `(N,)`. Raises DataError.

    The labels are integers or texts.

    Those of uint8 are taken as they are; of others one range is brought to 8 bits, as of deep image
    files.
    """
    arrays = ArraySet(name, {"": (images, labels)})
    kind = np.asarray(images).dtype
    told = (
        np.shape(images),
        np.asarray(labels).tolist(),
        *([] if kind == np.uint8 else [kind.str]),
    )
    digest = hashlib.sha256(repr(told).encode())
    digest.update(np.asarray(images).tobytes())
    return Source(
        name=name,
        kind="arrays",
        fingerprint=digest.hexdigest(),
        listing=arrays.listing,
        fetch=arrays.fetch,
        headers=arrays.headers,
        picklable=False,
    )


class ArraySet:
    """Images and labels in memory, by split (`""` where there is none).

    Raises DataError where an array is not what it should be.
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[Split, tuple[Any, Any]],
        class_names: tuple[str, ...] | None = None,
    ) -> None:
        self._name = name
        self._images = {
            split: _checked_images(name, split, images) for split, (images, _) in parts.items()
        }
        labels = {
            split: _checked_labels(name, split, values, len(self._images[split]))
            for split, (_, values) in parts.items()
        }
        values, positions = np.unique(np.concatenate(list(labels.values())), return_inverse=True)
        self._class_names = class_names or tuple(str(value) for value in values)
        if class_names:
            positions = _indices(name, values, class_names)[positions]
        ends = np.cumsum([len(part) for part in labels.values()])[:-1]
        self._labels = dict(zip(labels, np.split(positions, ends), strict=True))

    @classmethod
    def from_npz(cls, path: Path) -> ArraySet:
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            reason = (
                "it is not an npz file, or it holds Python objects"
                if "pickle" in str(error)
                else error
            )
            raise DataError(f"cannot read {path}: {reason}") from None
        names = tuple(str(name) for name in arrays.pop("class_names", ()))
        parts: dict[Split, tuple[Any, Any]] = {}
        for key, images in arrays.items():
            kind, _, suffix = key.partition("_")
            split = split_of(suffix) if suffix else ""
            if kind == "x" and split is not None:
                label_key = f"y_{suffix}" if suffix else "y"
                if label_key not in arrays:
                    raise DataError(f"{path} has {key!r} but no {label_key!r}")
                if split in parts:
                    raise DataError(
                        f"{path} has {key!r} and another name for the same split: merge them"
                    )
                parts[split] = (images, arrays[label_key])
        if not parts or ("" in parts and len(parts) > 1):
            raise DataError(
                f"{path} has {', '.join(map(repr, arrays)) or 'no arrays'}: "
                "expected 'x' and 'y', or 'x_train' and 'y_train' (and 'x_test', …)"
            )
        return cls(str(path), parts, names or None)

    def listing(self) -> Listing:
        records = [
            Record(f"{split or 'x'}[{index}]", int(label), split, place=(index,))
            for split, labels in self._labels.items()
            for index, label in enumerate(labels)
        ]
        return Listing(self._class_names, tuple(records))

    def fetch(self, record: Record) -> Values:
        image: Values = self._images[record.split][record.place[0]]
        return image

    def headers(self) -> list[Header]:
        return [read_header(images[0]) for images in self._images.values()]


def _checked_images(name: str, split: str, values: Any) -> Values:
    what = f"{name}: the images of {split!r}" if split else f"{name}: the images"
    images: np.ndarray[Any, Any] = np.asarray(values)
    if images.dtype.kind not in "iuf":
        raise DataError(f"{what} are {images.dtype}: expected numbers, such as uint8 from 0 to 255")
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3)):
        raise DataError(
            f"{what} have shape {images.shape}: expected (N, height, width) or (N, height, width, "
            "1 or 3)"
        )
    if not len(images):
        raise DataError(f"{what} are missing: the array is empty")
    return images


def _checked_labels(name: str, split: str, values: Any, images: int) -> np.ndarray[Any, Any]:
    """Return the labels as `(N,)` integers or texts."""
    what = f"{name}: the labels of {split!r}" if split else f"{name}: the labels"
    labels: np.ndarray[Any, Any] = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise DataError(
            f"{what} have shape {labels.shape}: expected one label per image (one-hot: "
            "y.argmax(axis=1))"
        )
    labels = labels.reshape(-1)
    if len(labels) != images:
        raise DataError(
            f"{what} are {len(labels)}, but there are {images} images: expected one label per image"
        )
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.rint(labels)):  # not a number is unequal to itself
            raise DataError(f"{what} are not whole numbers: expected integers or strings")
        labels = labels.astype(np.int64)
    return labels


def _indices(
    name: str, values: np.ndarray[Any, Any], class_names: tuple[str, ...]
) -> np.ndarray[Any, Any]:
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= len(class_names):
        raise DataError(
            f"{name}: labels must be integers from 0 to {len(class_names) - 1}, one for each "
            "class name"
        )
    return values.astype(np.int64)
