"""Chunks decoded: small images in this process, the others in processes that can be ended."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.tasks import Failed, Finished, Task
from convladder.core.worker_pool import count_workers, run_tasks
from convladder.data.bank.chunks import missing_of
from convladder.data.bank.decode_worker import (
    SECONDS,
    Chunk,
    Rejection,
    decode_chunk,
    decode_fetched,
    decode_sent,
    fetch_all,
)
from convladder.data.decoding.image_form import Limits
from convladder.data.decoding.images import read_header
from convladder.data.source import Content, Fetch, Record, Source

DECODER_MEMORY = 2**28  # bytes of a worker that decodes images of an ordinary size
PARALLEL_FROM = 2_000  # images: fewer, if they are small, are decoded sooner than processes start
# what is more is decoded in a process of its own in any case
LIGHT_PIXELS, LIGHT_BYTES = (1_000_000, 2**20)
LIGHT_SCANS = 20  # of a progressive JPEG: each is decoded over all of the image

_START_OF_SCAN = b"\xff\xda"


def decode_all(
    chunks: Sequence[Chunk], source: Source, limits: Limits, progress: Callable[[int, int], None]
) -> None:
    """Decode the chunks that are not done: small images here, the others in processes."""
    missing, total = missing_of(chunks), sum(len(chunk.rows) for chunk in chunks)
    count = _Counter(progress, total - sum(len(chunk.rows) for chunk in missing), total)
    if total < PARALLEL_FROM:
        missing = _decode_here(missing, partial(_fetch_light, source.fetch, limits), count)
    suspects: set[int] = set()
    doomed: dict[int, Rejection] = {}
    while missing:
        missing = _decode_in_processes(missing, source, suspects, doomed, count)


class _Counter:
    """Tells how many images are done."""

    def __init__(self, progress: Callable[[int, int], None], done: int, total: int) -> None:
        self._progress, self._done, self._total = progress, done, total
        progress(done, total)

    def add(self, chunk: Chunk) -> None:
        self._done += len(chunk.rows)
        self._progress(self._done, self._total)


class _HeavyError(Exception):
    """An image to be decoded in a process that can be ended."""


def _decode_here(missing: list[Chunk], fetch: Fetch, count: _Counter) -> list[Chunk]:
    """Decode small images in this process; return the chunks left once one was not small."""
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
    missing: Sequence[Chunk],
    source: Source,
    suspects: set[int],
    doomed: dict[int, Rejection],
    count: _Counter,
) -> list[Chunk]:
    """Decode chunks in worker processes; return those whose process ended.

    The image that was at work then is added to `suspects`, as another program may have been to
    blame; the second time to `doomed`.
    """
    for chunk in missing:
        chunk.marker.unlink(missing_ok=True)
    of_number = {chunk.number: chunk for chunk in missing}
    again = []
    for event in run_tasks(
        _tasks(missing, source, doomed), jobs=min(count_workers(DECODER_MEMORY), len(missing))
    ):
        if isinstance(event, Failed):
            chunk = of_number[event.key]
            row = chunk.row_at_work()
            if os.strerror(errno.ENOSPC) in event.error:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if row is None or row in doomed:
                raise DataError(
                    f"decoding {chunk.records[0].path} and what follows it failed: {event.error}"
                )
            if row in suspects:
                doomed[row] = _why(chunk, row, event)
            suspects.add(row)
            again.append(chunk)
        if isinstance(event, Finished):
            count.add(of_number[event.key])
    return again


def _tasks(
    missing: Sequence[Chunk], source: Source, doomed: dict[int, Rejection]
) -> Iterator[Task]:
    """Yield a task a chunk. What only this process can fetch is sent along."""
    for chunk in missing:
        ended = {row: doomed[row] for row in chunk.rows if row in doomed}
        if source.picklable:
            yield Task(chunk.number, decode_fetched, (chunk, source.fetch, ended))
        else:
            yield Task(
                chunk.number, decode_sent, (chunk, fetch_all(source.fetch, chunk.records), ended)
            )


def _why(chunk: Chunk, row: int, event: Failed) -> Rejection:
    path = chunk.records[chunk.rows.index(row)].path
    if chunk.trace.exists() and chunk.trace.stat().st_size:
        return Rejection(path, "timeout", f"decoding it took over {SECONDS:.0f} seconds")
    return Rejection(path, "crashed", f"the decoder failed: {event.error}")
