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

from convladder.core.errors import DataError, UnreadableImage
from convladder.data.decoding.file_bytes import read_file
from convladder.data.decoding.image_form import Limits
from convladder.data.decoding.images import read_header
from convladder.data.source import Content
from convladder.data.sources.folders import archives
from convladder.data.sources.folders.entries import LINK, ignore_rule
from convladder.data.sources.folders.folder import walk
from convladder.data.sources.folders.links import hint, identity
from convladder.results.bundle.predictor import Decoded

STDIN = "-"
STDIN_NAME = "standard input"
EVERY = "**"  # in a pattern, stands for the folder itself and for all folders below it


@dataclass(frozen=True)
class Picture:
    """A picture before it is read: its name, and what fetches it or raises UnreadableImage."""

    name: str
    fetch: Callable[[], Content]


@dataclass(frozen=True)
class Found:
    """The pictures at a place, and what is said of links that were passed over there."""

    pictures: list[Picture]
    links: str = ""


Outcome = Decoded | UnreadableImage


def find(
    places: Sequence[str],
    limits: Limits,
    stdin: BinaryIO,
    *,
    follow: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> list[Picture]:
    """Return the pictures at these places, in their order.

    A place is a file, a folder with all below it, a pattern such as `new/*.jpg`, a .zip or .tar
    archive, or `-`: an image on standard input, or the paths of some, one a line. Links in folders
    are followed if `follow` says so, else `say` is told of them; a link that is given itself is
    always followed. Raises DataError where a place has none.
    """
    found: list[Picture] = []
    for place in places:
        at = _from_stdin(stdin, limits) if place == STDIN else _at(place, limits, follow=follow)
        if not at.pictures and place == STDIN:
            raise DataError(
                "standard input is empty: pipe in an image, or paths of images, one per line"
            )
        if not at.pictures:
            passed = f". {at.links}" if at.links else ""
            raise DataError(
                f"no image in {place}: give image files, folders, patterns or archives{passed}"
            )
        if at.links:
            say(f"{place}: {at.links}")
        found += at.pictures
    return found


def decode_all(
    pictures: Iterable[Picture], decode: Callable[[Content], Outcome], batch: int, threads: int
) -> Iterator[list[tuple[Picture, Outcome]]]:
    """Yield batches of pictures with their pixels, or why not; the next is decoded meanwhile."""
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


def _at(place: str, limits: Limits, *, follow: bool) -> Found:
    path = Path(os.path.expanduser(place))  # noqa: PTH111 -- pathlib's raises where there is no such user
    if path.is_dir():
        return _in_folder(path, limits, follow=follow)
    if archives.is_archive(path) and path.is_file():
        return _in_archive(path, limits)
    if not os.path.lexists(path) and is_pattern(place):
        found = [_at(str(each), limits, follow=follow) for each in matching(path, follow=follow)]
        # a folder, and what is in it
        named = {picture.name: picture for at in found for picture in at.pictures}
        return Found(
            list(named.values()), "; ".join(dict.fromkeys(at.links for at in found if at.links))
        )
    return Found([Picture(str(path), partial(read_file, path, limits))])


def _in_folder(folder: Path, limits: Limits, *, follow: bool) -> Found:
    every = list(walk(folder, "", follow=follow))
    found = [
        (entry, status)
        for entry, status in every
        if entry.kind == "file" and ignore_rule(entry) is None
    ]
    read = {identity(status) for entry, status in found if not entry.linked}
    pictures = []
    for entry, status in found:
        if entry.linked and identity(status) in read:
            continue
        read.add(identity(status))
        path = folder / entry.path
        pictures.append(Picture(str(path), partial(read_file, path, limits)))
    links = sum(entry.kind == "link" and ignore_rule(entry) == LINK for entry, _ in every)
    return Found(pictures, hint({LINK: links}, packed=False))


def _in_archive(path: Path, limits: Limits) -> Found:
    records, fetch, links = archives.open_files(path, limits)
    pictures = [Picture(f"{path}/{record.path}", partial(fetch, record)) for record in records]
    return Found(pictures, hint({LINK: links}, packed=True))


def _from_stdin(stdin: BinaryIO, limits: Limits) -> Found:
    content = stdin.read(limits.bytes + 1)
    try:
        read_header(content, limits)
    except UnreadableImage as error:
        lines = _lines(content) if error.reason == "unsupported" else []
        if lines:
            return Found([Picture(line, partial(read_file, Path(line), limits)) for line in lines])
    return Found([Picture(STDIN_NAME, lambda: content)] if content else [])


def _lines(content: bytes) -> list[str]:
    """Return the lines of a text; none where it is no text."""
    text = os.fsdecode(content)
    return [] if "\0" in text else [line.rstrip("\r") for line in text.split("\n") if line]


def is_pattern(text: str) -> bool:
    """Whether a text has characters that stand for others."""
    return glob.has_magic(text)


def matching(pattern: Path, *, follow: bool = False) -> list[Path]:
    """Return the paths that match a pattern, in order, each once.

    A part of it that is the name of something there stands for that, whatever characters it has: a
    folder may be called `[examples]`. `**` goes through links of folders if `follow` says so, and
    never in circles.
    """
    found = [Path(pattern.anchor)]
    parts = pattern.parts[1:] if pattern.anchor else pattern.parts
    for part in parts:
        found = list(dict.fromkeys(_step(found, part, follow=follow)))
    return sorted(each for each in found if os.path.lexists(each))


def _step(places: Iterable[Path], part: str, *, follow: bool) -> Iterator[Path]:
    for place in places:
        if part == EVERY:
            yield from _below(place, follow=follow)
        elif os.path.lexists(place / part) or not is_pattern(part):
            yield place / part
        else:
            yield from (place / name for name in glob.glob(part, root_dir=place))  # noqa: PTH207


def _below(place: Path, *, follow: bool) -> Iterator[Path]:
    if not place.is_dir():
        return
    yield place
    for entry, _ in walk(place, "", follow=follow):
        if entry.kind == "folder" and ignore_rule(entry) is None:
            yield place / entry.path
