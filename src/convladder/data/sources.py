"""What a source is, and how one is told from another by what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from convladder.data.images import Header, ImageForm, Pixels
from convladder.errors import DataError

Split = Literal["", "train", "validation", "test"]
Progress = Callable[[int, int], None]

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Record:
    """One labelled image of a source. `split` is empty where the source does not say."""

    path: str
    label: int
    split: Split = ""


Read = Callable[[Record, ImageForm], Pixels]


@dataclass(frozen=True)
class Listing:
    """All that a source holds: its classes and records, and how many files were passed over by which rule."""

    class_names: tuple[str, ...]
    records: tuple[Record, ...]
    ignored: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Labelled images, before any is decoded.

    name : for people. kind : `class folder`, `split folder`, `arrays` or `named set`.
    fingerprint : changes whenever what `listing` or `read` return may change.
    listing : lists the records; may take long, or download.
    read : gives the pixels of one record in a form, or raises UnreadableImage.
    headers : gives the headers of a sample of the records.
    """

    name: str
    kind: str
    fingerprint: str
    listing: Callable[[], Listing]
    read: Read
    headers: Callable[[], list[Header]]
    parallel: bool = True


def open_source(text: str | Path) -> Source:
    """Open a folder of class folders, a folder of split folders, an npz file, or a named data set.

    Raises
    ------
    DataError
        Nothing of that name is there, or it is none of these.
    """
    from convladder.data import arrays, folder, named

    if not str(text):
        raise DataError("the name of the data is empty: give a folder, an .npz file or a built-in name")
    path = Path(text).expanduser()
    if str(text) in named.NAMES:
        if path.exists():
            raise DataError(f"{str(text)!r} is a built-in data set and a path too: write ./{text} for the path")
        return named.open_named(str(text))
    if path.is_dir():
        return folder.open_folder(path.resolve())
    if path.is_file():
        if path.suffix.lower() == ".npz":
            return arrays.open_npz(path.resolve())
        raise DataError(f"{text} is a file: give a folder of class folders, an .npz file or a built-in name")
    raise DataError(f"no data at {text!s}: give a folder of class folders, an .npz file, or one of "
                    f"{', '.join(named.NAMES)}")  # fmt: skip
