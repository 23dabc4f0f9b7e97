"""Data sets of the Hugging Face hub as sources, downloaded and cached by its `datasets` library."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding.file_bytes import read_file
from convladder.data.decoding.image_form import Limits
from convladder.data.source import Listing, Record, Source
from convladder.data.sources.arrow_columns import (
    Columns,
    Part,
    Row,
    find_columns,
    import_extra,
    list_rows,
    read_rows,
)
from convladder.data.sources.parquet import content_of

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST_CAUSE = 300  # characters


def open_hub(name: str, settings: Data, limits: Limits) -> Source:
    """Open `hf:OWNER/NAME` or `hf:OWNER/NAME@CONFIG`; download it unless the hub's cache has it.

    Raises
    ------
    DataError
        The download fails, or the library is not installed.
    """
    path, _, config = name.partition(":")[2].partition("@")
    if not path:
        raise DataError(
            f"{name!r} does not name a data set: give hf:OWNER/NAME, such as hf:ylecun/mnist"
        )
    splits = _download(name, path, config)
    table = HubSet(name, splits, settings, limits, _places(path))
    asked = (settings.label_column, settings.split_column, settings.group_column)
    version = repr(([(split, each._fingerprint) for split, each in splits.items()], asked))
    return Source(
        name=name,
        kind="hub",
        fingerprint=hashlib.sha256(version.encode()).hexdigest(),
        listing=cache(table.listing),
        fetch=table.fetch,
        picklable=False,
        in_place_order=True,
    )


class HubSet:
    """Images in the splits of a downloaded set; a place is a split's number and a row's.

    places : the folders that files may be read from, where the set has paths in place of bytes.
    """

    def __init__(
        self,
        name: str,
        splits: Mapping[str, Dataset],
        settings: Data,
        limits: Limits,
        places: tuple[Path, ...],
    ) -> None:
        self._name, self._limits, self._places = name, limits, places
        # as Arrow has it, the library decodes nothing
        self._splits = {split: each.with_format("arrow") for split, each in splits.items()}
        self._columns = {
            split: _find_columns(f"{name}, {split}", each, settings)
            for split, each in splits.items()
        }
        self._images = [
            self._splits[split].select_columns([self._columns[split].image]) for split in splits
        ]

    def listing(self) -> Listing:
        """Return what the columns beside the images say. Raises DataError."""
        rows: list[Row] = []
        class_names: list[str] = []
        for number, (split, dataset) in enumerate(self._splits.items()):
            columns = self._columns[split]
            rows += read_rows(Part(number, split, split), dataset[:], columns)
            class_names += columns.class_names or ()
        return list_rows(self._name, rows, class_names)

    def fetch(self, record: Record) -> bytes:
        """Return the bytes of an image, or of its file. Raises UnreadableImage."""
        number, row = record.place
        cell = self._images[number][row].column(0)[0].as_py()
        if isinstance(cell, dict) and cell.get("bytes") is None and self._is_ours(cell.get("path")):
            return read_file(Path(cell["path"]), self._limits)
        return content_of(cell)

    def _is_ours(self, path: str | None) -> bool:
        """Whether a path leads to what was downloaded: a set could name any file here."""
        normal = Path(os.path.normpath(path or ""))
        return any(normal.is_relative_to(place) for place in self._places)


def _find_columns(name: str, dataset: Dataset, settings: Data) -> Columns:
    return find_columns(dataset.features.arrow_schema, name, settings)


def _places(path: str) -> tuple[Path, ...]:
    config, constants = import_extra("datasets").config, import_extra("huggingface_hub").constants
    caches = (
        Path(config.HF_DATASETS_CACHE),
        Path(config.DOWNLOADED_DATASETS_PATH),
        Path(constants.HF_HUB_CACHE),
    )
    return (*caches, Path(path).resolve()) if Path(path).is_dir() else caches


def _download(name: str, path: str, config: str) -> dict[str, Any]:
    datasets = import_extra("datasets")
    try:
        return dict(datasets.load_dataset(path, config or None))
    except Exception as error:  # the library raises its own kinds, and those of what it stands on
        cause = _root(error)
        said = " ".join(str(cause).split())[:LONGEST_CAUSE] or type(cause).__name__
        raise DataError(
            f"could not load {name} ({said}): check the connection and the name (hf:OWNER/NAME, or "
            "hf:OWNER/NAME@CONFIG); for a private set, set HF_TOKEN"
        ) from error


def _root(error: BaseException) -> BaseException:
    """Return what an error was raised from in the end."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
