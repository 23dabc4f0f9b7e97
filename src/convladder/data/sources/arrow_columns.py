"""Tables whose rows hold the images themselves: which column is what, and what the rows come to.

They lie in Parquet files or on the Hugging Face hub; an Arrow schema tells the columns of either.
Every row ends as a record or as ignored.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.source import Ignored, Listing, Record, Split
from convladder.data.sources.folders.class_names import name_classes
from convladder.data.sources.tables.columns import MOST_NAMED, find_column
from convladder.data.split_names import SPLIT_NAMES, splits_among

if TYPE_CHECKING:
    import pyarrow as pa

INSTALL = "pip install 'convladder[datasets]'"
IMAGE_NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png")
WITHHELD = -1  # the hub's mark of a label that is withheld


@dataclass(frozen=True)
class Columns:
    """Which column is what. class_names : of integer labels, where the table names them."""

    image: str
    label: str
    path: str | None = None
    split: str | None = None
    group: str | None = None
    class_names: tuple[str, ...] | None = None

    def but_images(self) -> list[str]:
        """Return the columns that a listing takes."""
        return [
            each for each in (self.label, self.path, self.split, self.group) if each is not None
        ]


@dataclass(frozen=True)
class Part:
    """A file, or a split, of a set. split : what it is called there; empty where it is not said."""

    number: int
    name: str
    split: str


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says of its image. label : a class name, a number that has no name, or None."""

    path: str
    label: str | int | None
    split: str
    group: str
    place: tuple[int, ...]


def import_extra(module: str) -> Any:
    """Import a module of the extra `datasets`. Raises DataError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            f"Parquet files and the Hugging Face hub need {module} ({error}): {INSTALL}"
        ) from None


def find_columns(schema: pa.Schema, name: str, settings: Data) -> Columns:
    """Tell which column is what, by settings, types and usual names. Raises DataError."""
    features = _features(schema)
    image = _image_column(schema, features, name)
    label = _label_column(schema, features, name, settings.label_column)
    wanted = {"split": settings.split_column, "group": settings.group_column}
    others = {
        role: find_column(schema.names, name, role, each) for role, each in wanted.items() if each
    }
    names = features.get(label, {}).get("names")
    return Columns(
        image=image,
        label=label,
        path=f"{image}.path" if _has_field(schema.field(image).type, "path") else None,
        class_names=tuple(map(str, names)) if names else None,
        **others,
    )


def read_rows(part: Part, table: pa.Table, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a table that has the columns of a listing. Raises DataError."""
    table = table.flatten()  # the fields of an image are columns then
    labels, size = table[columns.label].to_pylist(), table.num_rows
    paths = _texts(table, columns.path) if columns.path else [""] * size
    splits = _texts(table, columns.split) if columns.split else [part.split] * size
    groups = _texts(table, columns.group) if columns.group else [""] * size
    for row, (label, path, split, group) in enumerate(
        zip(labels, paths, splits, groups, strict=True)
    ):
        shown = f"{part.name}[{row}]" + (f"/{_short(path)}" if path else "")
        yield Row(
            shown, _label(label, columns.class_names, shown), split, group, (part.number, row)
        )


def list_rows(
    name: str, rows: Sequence[Row], declared: Iterable[str], ignored: tuple[Ignored, ...] = ()
) -> Listing:
    """Return the rows as a listing, with `declared` class names in order. Raises DataError."""
    if not rows:
        raise DataError(f"{name} has no rows")
    splits = _settle_splits(name, dict.fromkeys(row.split for row in rows))
    rules = _passed_over(rows, splits)
    kept = [row for row in rows if row.split not in rules]
    _refuse(name, [row for row in kept if row.label is None], "have no label")
    numbers = _number_classes(name, {row.label for row in kept if row.label is not None}, declared)
    records = tuple(
        Record(row.path, numbers[row.label], splits[row.split] or "", row.group, row.place)
        for row in kept
        if row.label is not None
    )
    passed = tuple(Ignored(row.path, rules[row.split]) for row in rows if row.split in rules)
    return Listing(tuple(map(str, numbers)), records, ignored + passed)


def _settle_splits(name: str, keys: Iterable[str]) -> dict[str, Split | None]:
    """Return which split each name stands for; None for other names. Raises DataError."""
    names = list(keys)
    known = splits_among(names)
    if len(names) == 1:
        return {key: "train" if known.get(key) == "train" else "" for key in names}
    if "train" not in known.values() and len(known) < len(names):
        raise DataError(
            f"{name} has the splits {', '.join(map(repr, names))}, but none is 'train': one must be"
        )
    return {key: known.get(key) for key in names}  # without train, it can test as folders can


def _passed_over(rows: Sequence[Row], splits: Mapping[str, Split | None]) -> dict[str, str]:
    """Return the splits of which no row is taken, and by which rule."""
    labelled = {row.split for row in rows if row.label is not None}
    others = {key: "of another split" for key, split in splits.items() if split is None}
    withheld = {
        key: "of a split without labels"
        for key, split in splits.items()
        if split in ("validation", "test") and key not in labelled
    }
    return others | _second_names(splits) | withheld


def _second_names(splits: Mapping[str, Split | None]) -> dict[str, str]:
    """Return the names of splits with a plainer one, too: the hub's cannot be renamed."""
    known = [(key, split) for key, split in splits.items() if split]
    order = list(SPLIT_NAMES)
    known.sort(key=lambda each: (each[0] != each[1], order.index(each[0].lower()), each[0]))
    first: dict[Split, str] = {}
    return {
        key: f"of {key!r}: {first[split]!r} is taken as the {split} split"
        for key, split in known
        if first.setdefault(split, key) != key
    }


def _number_classes(
    name: str, labels: set[str | int], declared: Iterable[str]
) -> dict[str | int, int]:
    """Return the number of each label, in the order of class names. Raises DataError."""
    names = [label for label in labels if isinstance(label, str)]
    if names and len(names) < len(labels):
        raise DataError(
            f"{name} names the classes in some files and only numbers them in others: name "
            "them in all"
        )
    if not names:
        return {label: number for number, label in enumerate(sorted(labels, key=int))}
    ordered = dict.fromkeys([*declared, *name_classes(name, names)])
    name_classes(name, ordered)
    return {label: number for number, label in enumerate(ordered)}


def _label(
    value: str | int | None, class_names: tuple[str, ...] | None, row: str
) -> str | int | None:
    if isinstance(value, str):
        return value.strip() or None
    if class_names is None or value is None:
        return value
    if value == WITHHELD:
        return None
    if not 0 <= value < len(class_names):
        raise DataError(
            f"{row} has the label {value}: the table names {len(class_names)} classes, from 0"
        )
    return class_names[value]


def _texts(table: pa.Table, column: str) -> list[str]:
    return ["" if value is None else str(value).strip() for value in table[column].to_pylist()]


def _short(path: str) -> str:
    """Return a path without the folders of somebody's machine."""
    return PurePath(path).name if PurePath(path).is_absolute() else path


def _refuse(name: str, rows: Sequence[Row], what: str) -> None:
    if rows:
        listed = ", ".join(row.path for row in rows[:MOST_NAMED])
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        raise DataError(f"{name}: rows {listed}{more} {what}")


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return what the `datasets` library has noted of the columns, if anything."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in noted.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _image_column(schema: pa.Schema, features: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """Return the first column of structs with bytes, or of bytes; rather one of a usual name."""
    types = import_extra("pyarrow").types
    others = {
        each
        for each, feature in features.items()
        if feature.get("_type") in ("Audio", "Video", "Pdf")
    }
    fields = [field for field in schema if field.name not in others]
    structs: list[str] = [field.name for field in fields if _has_field(field.type, "bytes")]
    plain: list[str] = [
        field.name
        for field in fields
        if types.is_binary(field.type) or types.is_large_binary(field.type)
    ]
    found = structs or plain
    if not found:
        columns = ", ".join(f"{field.name!r} of {field.type}" for field in schema)
        raise DataError(
            f"{name} has no column of images (it has {columns}): expected the bytes of image "
            "files, or structs of 'bytes' and 'path'; a table of paths is a .csv or .tsv file"
        )
    return next((each for each in found if each.lower() in IMAGE_NAMES), found[0])


def _label_column(
    schema: pa.Schema, features: Mapping[str, Mapping[str, Any]], name: str, wanted: str | None
) -> str:
    """Return the wanted column, or the one whose numbers have names, or one of a usual name."""
    named = [each for each in schema.names if features.get(each, {}).get("_type") == "ClassLabel"]
    column = find_column(
        schema.names, name, "label", wanted or (named[0] if len(named) == 1 else None)
    )
    if column is None and len(named) > 1:
        raise DataError(
            f"{name} has several columns of classes ({', '.join(named)}): give --label-column"
        )
    column = column or find_column(schema.names, name, "label", None, needed=True)
    if column is None or not _is_label(schema.field(column).type):
        raise DataError(
            f"{name}: column {column!r} holds {schema.field(column).type}: expected a number or a "
            "text in each row (give --label-column for another)"
        )
    return column


def _is_label(kind: pa.DataType) -> bool:
    types = import_extra("pyarrow").types
    if types.is_dictionary(kind):
        kind = kind.value_type
    accepted = (
        types.is_integer,
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_null,
    )
    return any(accepts(kind) for accepts in accepted)


def _has_field(kind: pa.DataType, field: str) -> bool:
    return bool(import_extra("pyarrow").types.is_struct(kind)) and kind.get_field_index(field) >= 0
