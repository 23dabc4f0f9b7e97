"""What CVAT exports for classification: "CVAT for images 1.1" (XML) or "ImageNet" (text).

The XML is read by an event parser that stops at a document type declaration, which CVAT never
writes: without one there are no entities to expand and no other files to fetch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from convladder.core.errors import DataError
from convladder.data.source import Ignored
from convladder.data.sources.tables.cells import Cells, cells_of_rows
from convladder.data.sources.tables.columns import refuse_several

CLASS_LIST = (
    "synsets.txt"  # of the ImageNet form: a class a line, which the other files number from 0
)
SHAPES = {"box", "polygon", "polyline", "points", "cuboid", "mask", "ellipse", "skeleton"}
WANTED = "give each image one tag in CVAT, and export them as 'CVAT for images 1.1' or 'ImageNet'"


@dataclass
class _Tagged:
    """An image of the XML, and what it is tagged with."""

    path: str
    split: str
    classes: list[str] = field(default_factory=list)


class _Reader:
    """Takes the events of the parser."""

    def __init__(self) -> None:
        self.images: list[_Tagged] = []
        self.shapes = self.tracks = 0
        self._within: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._within and name != "annotations":
            raise DataError(
                f"it is not an export of CVAT: it starts with <{name[:60]}>, not with <annotations>"
            )
        self._within.append(name)
        if name == "image" and len(self._within) == 2:
            self.images.append(_Tagged(attributes.get("name", ""), attributes.get("subset", "")))
        elif name == "tag" and self._within[-2] == "image":
            self.images[-1].classes.append(attributes.get("label", "").strip())
        self.shapes += name in SHAPES
        self.tracks += name == "track"

    def end(self, name: str) -> None:
        del name
        self._within.pop()


def read_xml(path: Path) -> Cells:
    """Read "CVAT for images 1.1": one row per image that has a tag. Raises DataError."""
    found = _parse(path)
    tagged = [
        (number, image) for number, image in enumerate(found.images, start=1) if image.classes
    ]
    if not tagged:
        why = "tracks of a video" if found.tracks else "shapes" if found.shapes else "no image"
        raise DataError(f"{path} has no image with a tag, but {why}: {WANTED}")
    rows = [(number, image.path, list(dict.fromkeys(image.classes))) for number, image in tagged]
    refuse_several(str(path), rows)
    cells = [
        (
            number,
            {"path": image.path, "label": image.classes[0], "split": _known_split(image.split)},
        )
        for number, image in tagged
    ]
    untagged = tuple(
        Ignored(image.path, "without a tag") for image in found.images if not image.classes
    )
    return cells_of_rows(str(path), cells, passed=untagged)


def read_list(path: Path) -> Cells:
    """Read a list in ImageNet's form: an image and its class numbers a line. Raises DataError."""
    try:
        classes = (path.parent / CLASS_LIST).read_text(encoding="utf-8-sig").splitlines()
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {path} as a list in CVAT's ImageNet format, which has {CLASS_LIST} next "
            f"to it: {error}"
        ) from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            name, numbers = _parse_line(path, number, line)
            rows.append(
                (number, name, [_class_of(path, number, each, classes) for each in numbers])
            )
    refuse_several(str(path), rows)
    cells = [(number, {"path": name, "label": found[0]}) for number, name, found in rows if found]
    unlabelled = tuple(Ignored(name, "without a label") for _, name, found in rows if not found)
    return cells_of_rows(str(path), cells, passed=unlabelled, columns=("path", "label"))


def _parse(path: Path) -> _Reader:
    reader, parser = _Reader(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.buffer_text = True
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except (OSError, expat.ExpatError, DataError) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    return reader


def _refuse_declaration(*declared: object) -> None:
    raise DataError(
        "it declares a document type, as no export of CVAT does: entities in it are not expanded"
    )


def _known_split(subset: str) -> str:
    """Return the subset that CVAT names, or nothing where it is that of images that are in none."""
    return "" if subset.lower() == "default" else subset


def _parse_line(path: Path, number: int, line: str) -> tuple[str, list[str]]:
    """Return an image's name and what follows; one with spaces is in quotes, but for its suffix."""
    if line.startswith('"'):
        name, quote, rest = line[1:].partition('"')
        if not quote:
            raise DataError(f"{path}: line {number} has a quote that is not closed")
        suffix, _, rest = rest.partition(" ")
        return name + suffix, rest.split()
    name, *rest_of = line.split()
    return name, rest_of


def _class_of(path: Path, number: int, text: str, classes: list[str]) -> str:
    if not text.isdecimal() or int(text) >= len(classes):
        raise DataError(
            f"{path}: line {number} has the class {text!r}, but {CLASS_LIST} lists "
            f"{len(classes)}, from 0"
        )
    return classes[int(text)].strip()
