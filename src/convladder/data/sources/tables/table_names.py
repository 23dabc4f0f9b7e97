"""By which names a tree of files holds a table of its classes, and is no tree of class folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from convladder.core.settings.data import Data
from convladder.data.sources.folders.beside import HOLDERS
from convladder.data.sources.folders.entries import is_image
from convladder.data.sources.options import OF_TREES
from convladder.data.split_names import SPLIT_NAMES

# of the `datasets` library, which wants a column file_name
METADATA = ("metadata.csv", "metadata.jsonl")
CLASSES = ("_classes.csv",)  # of Roboflow's multi-label export, a column a class
CVAT_XML, CVAT_IMAGES = "annotations.xml", "images"

DEEPEST = 2  # folders that such a table lies in: one around it all, and one of a split

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")

_NO_CLASSES = {CVAT_IMAGES, "data", *SPLIT_NAMES}
_NO_CLASS_WORDS = {
    *_NO_CLASSES,
    *HOLDERS,
    "pictures",
    "photos",
    "files",
    "set",
    "jpg",
    "jpeg",
    "png",
    "all",
}


def overruled(settings: Data) -> bool:
    """Whether the settings say how paths tell classes, so that no table is looked for."""
    return any(getattr(settings, name) is not None for name in OF_TREES)


def table_in(paths: Iterable[str]) -> str | None:
    """Return the table in a tree that says the classes, where folders do not; else None."""
    files, tables = list(paths), {*METADATA, *CLASSES, CVAT_XML}
    near = [
        each for each in files if each.count("/") <= DEEPEST and each.rpartition("/")[2] in tables
    ]
    for path in sorted(near):
        folder, _, name = path.rpartition("/")
        inside = f"{folder}/" if folder else ""
        images = [
            each.removeprefix(inside)
            for each in files
            if each.startswith(inside) and is_image(each)
        ]
        others = [each for each in files if not each.startswith(inside) and is_image(each)]
        if has_class_folders(others) and not has_class_folders(images):
            continue
        if name in CLASSES:
            return path
        if (
            name == CVAT_XML
            and images
            and all(each.startswith(f"{CVAT_IMAGES}/") for each in images)
        ):
            return path
        if name in METADATA and images and not has_class_folders(images):
            return path
    return None


def may_be_table(paths: Iterable[str]) -> str:
    """Return the first file of a tree that may be a table, by its name; or nothing."""
    near = (path for path in sorted(paths) if path.count("/") <= DEEPEST and "/." not in f"/{path}")
    return next((path for path in near if path.lower().endswith(_TABLES)), "")


def are_no_classes(names: Iterable[str]) -> bool:
    """Whether all names are of folders of images, such as `images` or `train_images`."""
    words = [word for name in names for word in re.findall(r"[^\W\d_]+", name.lower())]
    return set(words) <= _NO_CLASS_WORDS and bool(words)


def has_class_folders(images: Sequence[str]) -> bool:
    """Whether images lie in two folders or more whose names may be classes."""
    holders = {image.split("/")[-2].lower() for image in images if "/" in image}
    return len(holders - _NO_CLASSES) > 1
