"""How a bank is built: in chunks, by processes that can be ended, resumed where it was interrupted.

A later build takes over the chunks that are done, if their pixels still are those that they were written for. A
decoder that hangs, crashes or takes too much memory costs one file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from convladder.data.decoding import (
    PIXELS,
    SECONDS,
    Chunk,
    Rejection,
    decode_chunk,
    decode_fetched,
    decode_sent,
    fetch_all,
    read_done,
)
from convladder.data.facts import MEASURED, Facts
from convladder.data.images import ImageForm, Limits, read_header
from convladder.data.sources import Content, Fetch, Progress, Record, Source
from convladder.errors import DataError, UnreadableImage
from convladder.processes import Failed, Finished, Task, cores, run_tasks

READING = "reading images"  # for people
CHUNK, LEAST_CHUNK = 512, 8  # images
CHUNKS = 64  # at least, where there are images enough
SAMPLE = 8  # images
SENT_BYTES = 32 * 2**20  # of a chunk that is fetched here and sent to a worker
PARALLEL_FROM = 2_000  # images: fewer, if they are small, are decoded sooner than processes start
LIGHT_PIXELS, LIGHT_BYTES = 1_000_000, 2**20  # what is more is decoded in a process of its own in any case
LIGHT_SCANS = 20  # of a progressive JPEG: each is decoded over all of the image

_START_OF_SCAN = b"\xff\xda"
_NO_SUCH_CALL = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


@dataclass(frozen=True)
class Built:
    """The facts of all records, `(N,)` of dtype MEASURED, and the rejected ones by row; their facts are zeros."""

    facts: Facts
    rejections: dict[int, Rejection]


def build(
    folder: Path,
    source: Source,
    records: Sequence[Record],
    form: ImageForm,
    limits: Limits,
    progress: Progress,
) -> Built:
    """Decode the records into `images.npy` in the folder, which may hold what an earlier build has done.

    Raises DataError where a source cannot give its images.
    """
    _make_array(folder / PIXELS, (len(records), *form.shape))
    chunks = list(_cut(folder, source, records, form, limits))
    missing = _missing(chunks)
    done = len(records) - sum(len(chunk.rows) for chunk in missing)
    count = _Counter(progress, done, len(records))
    if len(records) < PARALLEL_FROM:
        missing = _decode_here(missing, partial(_fetch_light, source.fetch, limits), count)
    suspects: set[int] = set()
    doomed: dict[int, Rejection] = {}
    while missing:
        missing = _decode_in_processes(missing, source, suspects, doomed, count)
    return _gather(chunks, len(records))


def _make_array(path: Path, shape: tuple[int, ...]) -> None:
    """Make the array with all of its room on the disk, unless one of this shape is there. Raises OSError."""
    with contextlib.suppress(OSError, ValueError):
        if np.load(path, mmap_mode="r").shape == shape:
            return
    open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
    if hasattr(os, "posix_fallocate"):  # to write into a hole of a full disk would end the process
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                if error.errno not in _NO_SUCH_CALL:
                    path.unlink()
                    raise


def _cut(
    folder: Path, source: Source, records: Sequence[Record], form: ImageForm, limits: Limits
) -> Iterator[Chunk]:
    order = list(range(len(records)))
    if source.in_place_order:
        order.sort(key=lambda row: records[row].place)
    size = chunk_size(len(records))
    if not source.picklable:
        size = min(size, _fit_to_send(source, [records[row] for row in order[:SAMPLE]]))
    for number, start in enumerate(range(0, len(records), size)):
        rows = tuple(order[start : start + size])
        yield Chunk(folder, number, rows, tuple(records[row] for row in rows), form, limits)


def chunk_size(images: int) -> int:
    """Return how many images a chunk has, at most; of few images, chunks are small enough for all processes."""
    return min(CHUNK, max(LEAST_CHUNK, images // CHUNKS))


def _fit_to_send(source: Source, sample: Sequence[Record]) -> int:
    """Return how many images may be held at once, as large as the first are."""
    contents = [each for each in fetch_all(source.fetch, sample) if not isinstance(each, UnreadableImage)]
    sizes = [len(each) if isinstance(each, bytes) else each.nbytes for each in contents]
    return min(CHUNK, max(1, SENT_BYTES // max(1, max(sizes, default=0))))


def _missing(chunks: Sequence[Chunk]) -> list[Chunk]:
    begun = [chunk for chunk in chunks if chunk.result.exists()]
    if not begun:
        return list(chunks)
    pixels = chunks[0].pixels()
    done = {chunk.number for chunk in begun if read_done(chunk, pixels)}
    return [chunk for chunk in chunks if chunk.number not in done]


def _gather(chunks: Sequence[Chunk], size: int) -> Built:
    facts = np.zeros(size, MEASURED)
    rejections: dict[int, Rejection] = {}
    for chunk in chunks:
        done = read_done(chunk)
        if done is None:
            raise DataError(f"what was decoded into {chunk.folder} was changed meanwhile: try again")
        facts[list(chunk.rows)] = done.facts
        rejections |= done.rejections
    return Built(facts, dict(sorted(rejections.items())))


def remove_traces(folder: Path) -> None:
    """Remove what a build needs to be resumed, when all of it is done."""
    for path in folder.glob("chunk-*"):
        path.unlink()


class _Counter:
    """Tells how many images are done."""

    def __init__(self, progress: Progress, done: int, total: int) -> None:
        self._progress, self._done, self._total = progress, done, total
        progress(READING, done, total)

    def add(self, chunk: Chunk) -> None:
        self._done += len(chunk.rows)
        self._progress(READING, self._done, self._total)


class _HeavyError(Exception):
    """An image that had better be decoded in a process that can be ended."""


def _decode_here(missing: list[Chunk], fetch: Fetch, count: _Counter) -> list[Chunk]:
    """Decode small images in this process; return the chunks that are left because one was not small."""
    for number, chunk in enumerate(missing):
        try:
            decode_chunk(chunk, fetch, {})
        except _HeavyError:
            return missing[number:]
        count.add(chunk)
    return []


def _fetch_light(fetch: Fetch, limits: Limits, record: Record) -> Content:
    content = fetch(record)
    if isinstance(content, bytes) and _is_heavy(content, limits):
        raise _HeavyError
    return content


def _is_heavy(content: bytes, limits: Limits) -> bool:
    if len(content) > LIGHT_BYTES or content.count(_START_OF_SCAN) > LIGHT_SCANS:
        return True
    with contextlib.suppress(UnreadableImage):
        header = read_header(content, limits)
        return header.height * header.width > LIGHT_PIXELS
    return False


def _decode_in_processes(
    missing: Sequence[Chunk], source: Source, suspects: set[int], doomed: dict[int, Rejection], count: _Counter
) -> list[Chunk]:
    """Decode chunks in worker processes; return those whose process ended.

    The image that was at work then is added to `suspects`, as another program may have been to blame; the second
    time to `doomed`.
    """
    for chunk in missing:
        chunk.marker.unlink(missing_ok=True)
    of_number = {chunk.number: chunk for chunk in missing}
    again = []
    for event in run_tasks(_tasks(missing, source, doomed), jobs=min(cores(), len(missing))):
        if isinstance(event, Failed):
            chunk = of_number[event.key]
            row = chunk.row_at_work()
            if os.strerror(errno.ENOSPC) in event.error:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if row is None or row in doomed:
                raise DataError(f"decoding {chunk.records[0].path} and what follows it failed: {event.error}")
            if row in suspects:
                doomed[row] = _why(chunk, row, event)
            suspects.add(row)
            again.append(chunk)
        if isinstance(event, Finished):
            count.add(of_number[event.key])
    return again


def _tasks(missing: Sequence[Chunk], source: Source, doomed: dict[int, Rejection]) -> Iterator[Task]:
    """Yield a task a chunk. What only this process can fetch is sent along."""
    for chunk in missing:
        ended = {row: doomed[row] for row in chunk.rows if row in doomed}
        if source.picklable:
            yield Task(chunk.number, decode_fetched, (chunk, source.fetch, ended))
        else:
            yield Task(chunk.number, decode_sent, (chunk, fetch_all(source.fetch, chunk.records), ended))


def _why(chunk: Chunk, row: int, event: Failed) -> Rejection:
    path = chunk.records[chunk.rows.index(row)].path
    if chunk.trace.exists() and chunk.trace.stat().st_size:
        return Rejection(path, "timeout", f"decoding it took over {SECONDS:.0f} seconds")
    return Rejection(path, "crashed", f"the decoder failed: {event.error}")
