"""The pictures that a person names: files, folders, patterns, archives, standard input."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from convladder.bundle.predictor import Decoded
from convladder.data import archives
from convladder.data.folder import read_file, walk
from convladder.data.images import Limits, read_header
from convladder.data.layout import ignore_rule
from convladder.data.sources import Content
from convladder.errors import DataError, UnreadableImage

STDIN = "-"
STDIN_NAME = "standard input"


@dataclass(frozen=True)
class Picture:
    """A picture before it is read: what it is called, and what fetches its bytes or raises UnreadableImage."""

    name: str
    fetch: Callable[[], Content]


Outcome = Decoded | UnreadableImage


def find(places: Sequence[str], limits: Limits, stdin: BinaryIO) -> list[Picture]:
    """Return the pictures at these places, in their order.

    A place is a file, a folder with all below it, a pattern such as `new/*.jpg`, a .zip or .tar archive, or `-`:
    an image on standard input, or the paths of some, one a line. Raises DataError where a place has none.
    """
    found: list[Picture] = []
    for place in places:
        pictures = _from_stdin(stdin, limits) if place == STDIN else _at(place, limits)
        if not pictures and place == STDIN:
            raise DataError("standard input is empty: give it an image, or the paths of some, one a line")
        if not pictures:
            raise DataError(f"no picture in {place}: give image files, folders, patterns or archives")
        found += pictures
    return found


def decode_all(
    pictures: Iterable[Picture], decode: Callable[[Content], Outcome], batch: int, threads: int
) -> Iterator[list[tuple[Picture, Outcome]]]:
    """Yield batches of pictures with their pixels, or why they have none; the next is decoded meanwhile."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = iter(pictures)

        def begin() -> list[tuple[Picture, Future[Outcome]]]:
            some = itertools.islice(waiting, batch)
            return [(picture, pool.submit(_decoded, decode, _fetched(picture))) for picture in some]

        ahead = begin()
        while ahead:
            ready, ahead = ahead, begin()
            yield [(picture, pixels.result()) for picture, pixels in ready]


def _fetched(picture: Picture) -> Content | UnreadableImage:
    try:
        return picture.fetch()
    except UnreadableImage as error:
        return error


def _decoded(decode: Callable[[Content], Outcome], content: Content | UnreadableImage) -> Outcome:
    return content if isinstance(content, UnreadableImage) else decode(content)


def _at(place: str, limits: Limits) -> list[Picture]:
    path = Path(os.path.expanduser(place))  # noqa: PTH111 -- pathlib's raises where there is no such user
    if path.is_dir():
        return list(_in_folder(path, limits))
    if archives.is_archive(path) and path.is_file():
        return list(_in_archive(path, limits))
    if not os.path.lexists(path) and glob.has_magic(place):
        matching = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
        found = (picture for each in matching for picture in _at(each, limits))
        return list({picture.name: picture for picture in found}.values())  # `new/**` matches folders and files
    return [Picture(str(path), partial(read_file, path, limits))]


def _in_folder(folder: Path, limits: Limits) -> Iterator[Picture]:
    for entry, _ in walk(folder, ""):
        if entry.kind == "file" and ignore_rule(entry) is None:
            path = folder / entry.path
            yield Picture(str(path), partial(read_file, path, limits))


def _in_archive(path: Path, limits: Limits) -> Iterator[Picture]:
    records, fetch = archives.open_files(path, limits)
    for record in records:
        yield Picture(f"{path}/{record.path}", partial(fetch, record))


def _from_stdin(stdin: BinaryIO, limits: Limits) -> list[Picture]:
    content = stdin.read(limits.bytes + 1)
    try:
        read_header(content, limits)
    except UnreadableImage as error:
        lines = _lines(content) if error.reason == "unsupported" else []
        if lines:
            return [Picture(line, partial(read_file, Path(line), limits)) for line in lines]
    return [Picture(STDIN_NAME, lambda: content)] if content else []


def _lines(content: bytes) -> list[str]:
    """Return the lines of a text; none where it is no text."""
    text = os.fsdecode(content)
    return [] if "\0" in text else [line.rstrip("\r") for line in text.split("\n") if line]
