"""One chunk of a bank: decode its images into the shared array, and mark it as done.

This may run in a process that can be ended: the chunk's marker says which image was at work then.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import logging
import math
import struct
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from convladder.core import files
from convladder.core.errors import UnreadableImage
from convladder.core.worker import Emit
from convladder.data.decoding.image_form import ImageForm, Limits, Pixels
from convladder.data.decoding.image_stats import FACTS, Facts, digest_content, measure
from convladder.data.decoding.images import open_picture
from convladder.data.decoding.intensity import Extremes, UnknownRange
from convladder.data.decoding.picture import Picture, fit
from convladder.data.source import Content, Fetch, Record

_logger = logging.getLogger(__name__)

PIXELS = "images.npy"
SECONDS = 60.0  # that one image may take; photographs take a tenth of one
SMALL = 128 * 128  # pixels: so many may be held for all of a chunk
MEMORY = 3 * 2**30  # bytes that one image and all of its decoding may take

_ROW = struct.Struct("<q")


@dataclass(frozen=True)
class Rejection:
    """A file that is no image, and why."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Chunk:
    """Some records of a bank, the rows that their pixels go to, and the folder that it is built in.

    measuring : of deep images nothing is decoded yet: their values are found, for one range to be
        chosen for all.
    """

    folder: Path
    number: int
    rows: tuple[int, ...]
    records: tuple[Record, ...]
    form: ImageForm
    limits: Limits
    measuring: bool = False

    @property
    def result(self) -> Path:
        """The file that is there when the chunk is done."""
        return self.folder / f"chunk-{self.number}.npz"

    @property
    def marker(self) -> Path:
        """The file that holds the row that is being decoded."""
        return self.folder / f"chunk-{self.number}.row"

    @property
    def trace(self) -> Path:
        """The file that has content if an image took too long."""
        return self.folder / f"chunk-{self.number}.trace"

    def pixels(self) -> Pixels:
        # rows of a plain array cost less
        return np.asarray(np.load(self.folder / PIXELS, mmap_mode="r+"))

    def row_at_work(self) -> int | None:
        """Return the row at which decoding ended; None where it had not begun."""
        try:
            (row,) = _ROW.unpack(self.marker.read_bytes())
        except (OSError, struct.error):
            return None
        return int(row)


Contents = list[Content | UnreadableImage]


@dataclass(frozen=True)
class Done:
    """The facts of a chunk's images, `(n,)`, and the rejected ones by row; their facts are zeros.

    extremes : by row, of deep images that were measured and not decoded; their facts are zeros too.
    """

    facts: Facts
    rejections: dict[int, Rejection]
    extremes: dict[int, Extremes]


def decode_fetched(chunk: Chunk, fetch: Fetch, doomed: dict[int, Rejection], emit: Emit) -> None:
    """Fetch and decode a chunk in a worker process."""
    del emit
    with _memory_limited(chunk):
        decode_chunk(chunk, fetch, doomed, watched=True)


def decode_sent(chunk: Chunk, contents: Contents, doomed: dict[int, Rejection], emit: Emit) -> None:
    """Decode a chunk whose contents came along, in a worker process."""
    del emit
    by_record = dict(zip(chunk.records, contents, strict=True))
    with _memory_limited(chunk):
        decode_chunk(chunk, partial(_take, by_record), doomed, watched=True)


def fetch_all(fetch: Fetch, records: Sequence[Record]) -> Contents:
    """Return what each record's source has, or why it has nothing."""
    contents: Contents = []
    for record in records:
        try:
            contents.append(fetch(record))
        except UnreadableImage as error:
            contents.append(error)
    return contents


def decode_chunk(
    chunk: Chunk, fetch: Fetch, doomed: Mapping[int, Rejection], *, watched: bool = False
) -> None:
    """Decode a chunk into the bank's array and leave its result.

    `doomed` rows are rejected untried. `watched` ends this process when an image takes too long.
    """
    pixels, facts = chunk.pixels(), np.zeros(len(chunk.rows), FACTS)
    rejections: dict[int, Rejection] = {}
    extremes: dict[int, Extremes] = {}
    held: dict[int, Picture] = {}  # small ones, by place, to be measured together
    with _at_work(chunk, watched=watched) as begin:
        for place, (row, record) in enumerate(zip(chunk.rows, chunk.records, strict=True)):
            begin(row)
            if row in doomed:
                rejections[row] = doomed[row]
                continue
            try:
                picture = open_picture(
                    fetch(record), chunk.form, chunk.limits, measuring=chunk.measuring
                )
                pixels[row] = fit(picture, chunk.form)
                if picture.image.width * picture.image.height > SMALL:
                    facts[place] = measure([picture], [pixels[row]])[0]
                else:
                    held[place] = picture
            except UnknownRange as found:
                extremes[row] = found.extremes
            except UnreadableImage as error:
                rejections[row] = Rejection(record.path, error.reason, error.detail)
            except MemoryError:
                detail = f"decoding it took over {MEMORY / 2**30:.0f} GiB of memory"
                rejections[row] = Rejection(record.path, "too-large", detail)
        facts[list(held)] = measure(
            list(held.values()), [pixels[chunk.rows[place]] for place in held]
        )
    _write(chunk, Done(facts, rejections, extremes))


def read_done(chunk: Chunk, pixels: Pixels | None = None) -> Done | None:
    """Return the result of a chunk; None where it is not done, or not for these pixels."""
    try:
        with np.load(chunk.result, allow_pickle=False) as file:
            facts, listed = file["facts"], json.loads(bytes(file["rejections"]).decode())
            extremes = {int(row): Extremes(*values) for row, *values in file["extremes"].tolist()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        _logger.debug("%s is not used (%r): its images are decoded again", chunk.result, error)
        return None
    rejections = {row: Rejection(*rest) for row, *rest in listed}
    if len(facts) != len(chunk.rows) or facts.dtype != FACTS:
        return None
    if pixels is None:
        return Done(facts, rejections, extremes)
    others = rejections.keys() | extremes.keys()
    good = [place for place, row in enumerate(chunk.rows) if row not in others]
    same = all(
        (digest_content(pixels[chunk.rows[place]]) == facts["content"][place]).all()
        for place in good
    )
    return Done(facts, rejections, extremes) if same else None


def _write(chunk: Chunk, done: Done) -> None:
    listed = [[row, *vars(rejection).values()] for row, rejection in done.rejections.items()]
    file = io.BytesIO()
    rejected = np.frombuffer(json.dumps(listed).encode(), np.uint8)
    measured = np.array(
        [[row, *vars(each).values()] for row, each in done.extremes.items()], np.float64
    )
    np.savez(file, facts=done.facts, rejections=rejected, extremes=measured)
    files.write_bytes(chunk.result, file.getvalue())


def _take(contents: Mapping[Record, Content | UnreadableImage], record: Record) -> Content:
    content = contents[record]
    if isinstance(content, UnreadableImage):
        raise content
    return content


# docs/decisions/021-images-are-decoded-in-workers-that-leave-a-mark.md
@contextlib.contextmanager
def _at_work(chunk: Chunk, *, watched: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that notes the row where another process can read it, should this one end.

    If watched, it also ends this process, even inside a decoder, unless the next row begins in
    about SECONDS.
    """
    with chunk.marker.open("wb", buffering=0) as marker, chunk.trace.open("w") as trace:
        armed = -math.inf

        def begin(row: int) -> None:
            nonlocal armed
            marker.seek(0)
            marker.write(_ROW.pack(row))
            now = time.monotonic()
            # each time, a thread ends and another starts
            if watched and now - armed > SECONDS / 20:
                faulthandler.dump_traceback_later(SECONDS, exit=True, file=trace)
                armed = now

        try:
            yield begin
        finally:
            faulthandler.cancel_dump_traceback_later()
    chunk.marker.unlink(missing_ok=True)
    chunk.trace.unlink(missing_ok=True)


@contextlib.contextmanager
def _memory_limited(chunk: Chunk) -> Iterator[None]:
    """Let this process take MEMORY more than now, and the chunk's array, where that is known."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    array = (chunk.folder / PIXELS).stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (has + array + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
