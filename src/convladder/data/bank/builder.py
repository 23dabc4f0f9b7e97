"""How a bank is built: in chunks, by processes that can be ended, resumed where it was interrupted.

A later build takes over the chunks that are done, if their pixels still are those that they were
written for. A decoder that hangs, crashes or takes too much memory costs one file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.tasks import Failed, Finished, Task
from convladder.core.worker_pool import count_workers, run_tasks
from convladder.data.bank.decode_worker import (
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
from convladder.data.decoding import deep_images, intensity
from convladder.data.decoding.image_stats import FACTS, Facts
from convladder.data.decoding.images import ImageForm, Limits, read_header
from convladder.data.decoding.intensity import Extremes, IntensityRange
from convladder.data.source import Content, Fetch, Progress, Record, Source

READING, STRETCHING = "reading images", "reading images of more than 8 bits"  # for people
TRAINED_ON = ("", "train")  # splits of a source whose images a range of intensities is found from
# docs/decisions/022-a-bank-is-built-in-place-a-chunk-at-a-time.md
CHUNK, LEAST_CHUNK = 512, 8  # images
CHUNKS = 64  # at least, where there are images enough
SAMPLE = 8  # images
SENT_BYTES = 32 * 2**20  # of a chunk that is fetched here and sent to a worker
DECODER_MEMORY = 2**28  # bytes of a worker that decodes images of an ordinary size
PARALLEL_FROM = 2_000  # images: fewer, if they are small, are decoded sooner than processes start
# what is more is decoded in a process of its own in any case
LIGHT_PIXELS, LIGHT_BYTES = (1_000_000, 2**20)
LIGHT_SCANS = 20  # of a progressive JPEG: each is decoded over all of the image

_START_OF_SCAN = b"\xff\xda"
_NO_SUCH_CALL = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


@dataclass(frozen=True)
class Built:
    """The facts of all records, `(N,)`, and the rejected ones by row; their facts are zeros.

    intensity : the range of the deep images; None where there are none.
    """

    facts: Facts
    rejections: dict[int, Rejection]
    intensity: IntensityRange | None = None


def build(
    folder: Path,
    source: Source,
    records: Sequence[Record],
    form: ImageForm,
    limits: Limits,
    progress: Progress,
) -> Built:
    """Decode the records into `images.npy` in the folder, and continue an earlier build there.

    Where the form says no range for deep images, these are measured first, and then decoded with
    one range for all. Raises DataError where a source cannot give its images.
    """
    _make_array(folder / PIXELS, (len(records), *form.shape))
    chunks = list(_cut(folder, source, records, form, limits))
    _decode(chunks, source, limits, partial(progress, READING))
    built, extremes = _gather(chunks, len(records))
    if extremes:
        form = replace(form, intensity=_choose_range(records, extremes, built.rejections))
        again = list(_cut(folder, source, records, form, limits, sorted(extremes), len(chunks)))
        _decode(again, source, limits, partial(progress, STRETCHING))
        built, _ = _gather(chunks + again, len(records))
    return replace(built, intensity=form.intensity and _describe(form.intensity, records, built))


def _choose_range(
    records: Sequence[Record], extremes: dict[int, Extremes], rejections: Mapping[int, Rejection]
) -> IntensityRange:
    """Return one range for all deep images, from those not set apart for validation or test."""
    kept = [row for row in range(len(records)) if row not in rejections]
    own, of_deep = _trained_on(records, kept, extremes.keys())
    mixed = intensity.is_mixed(len(of_deep), len(own))
    return intensity.find_range([extremes[row] for row in of_deep], mixed=mixed)


def _trained_on(
    records: Sequence[Record], kept: Sequence[int], of_deep: Set[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """Return the rows not set apart, and their deep ones; of all rows, where these have none."""
    for own in ([row for row in kept if records[row].split in TRAINED_ON], kept):
        if found := [row for row in own if row in of_deep]:
            return own, found
    return kept, []


def _describe(
    chosen: IntensityRange, records: Sequence[Record], built: Built
) -> IntensityRange | None:
    """Add to a range what is usual in this set; return None where no image is deep."""
    kept = [row for row in range(len(records)) if row not in built.rejections]
    own, rows = _trained_on(
        records,
        kept,
        {row for row in kept if deep_images.is_deep(built.facts["mode"][row].decode())},
    )
    if not rows:
        return None
    facts = built.facts[rows]
    levels = np.quantile(facts["high"].astype(int) - facts["low"], intensity.RARE, method="lower")
    outside, mixed = (
        round(float(facts["outside"].max()), 4),
        intensity.is_mixed(len(rows), len(own)),
    )
    return replace(chosen, mixed=mixed, outside=outside, levels=int(levels))


def _decode(
    chunks: Sequence[Chunk], source: Source, limits: Limits, progress: Callable[[int, int], None]
) -> None:
    """Decode the chunks that are not done: small images here, the others in processes."""
    missing, total = _missing(chunks), sum(len(chunk.rows) for chunk in chunks)
    count = _Counter(progress, total - sum(len(chunk.rows) for chunk in missing), total)
    if total < PARALLEL_FROM:
        missing = _decode_here(missing, partial(_fetch_light, source.fetch, limits), count)
    suspects: set[int] = set()
    doomed: dict[int, Rejection] = {}
    while missing:
        missing = _decode_in_processes(missing, source, suspects, doomed, count)


def _make_array(path: Path, shape: tuple[int, ...]) -> None:
    """Make the array with its room on the disk, unless it is there. Raises OSError."""
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
    folder: Path,
    source: Source,
    records: Sequence[Record],
    form: ImageForm,
    limits: Limits,
    rows: Sequence[int] | None = None,
    first: int = 0,
) -> Iterator[Chunk]:
    """Yield chunks of all records, or of those of these rows, numbered from `first` on."""
    order = list(range(len(records)) if rows is None else rows)
    if source.in_place_order:
        order.sort(key=lambda row: records[row].place)
    size = chunk_size(len(order))
    if not source.picklable:
        size = min(size, _fit_to_send(source, [records[row] for row in order[:SAMPLE]]))
    for number, start in enumerate(range(0, len(order), size), first):
        own = tuple(order[start : start + size])
        of_rows = tuple(records[row] for row in own)
        yield Chunk(folder, number, own, of_rows, form, limits, measuring=form.intensity is None)


def chunk_size(images: int) -> int:
    """Return the largest size of a chunk: of few images, small enough for all processes."""
    return min(CHUNK, max(LEAST_CHUNK, images // CHUNKS))


def _fit_to_send(source: Source, sample: Sequence[Record]) -> int:
    """Return how many images may be held at once, as large as the first are."""
    contents = [
        each for each in fetch_all(source.fetch, sample) if not isinstance(each, UnreadableImage)
    ]
    sizes = [len(each) if isinstance(each, bytes) else each.nbytes for each in contents]
    return min(CHUNK, max(1, SENT_BYTES // max(1, max(sizes, default=0))))


def _missing(chunks: Sequence[Chunk]) -> list[Chunk]:
    begun = [chunk for chunk in chunks if chunk.result.exists()]
    if not begun:
        return list(chunks)
    pixels = chunks[0].pixels()
    done = {chunk.number for chunk in begun if read_done(chunk, pixels)}
    return [chunk for chunk in chunks if chunk.number not in done]


def _gather(chunks: Sequence[Chunk], size: int) -> tuple[Built, dict[int, Extremes]]:
    """Return what the chunks came to, and the extremes of the deep images that were measured."""
    facts = np.zeros(size, FACTS)
    rejections: dict[int, Rejection] = {}
    extremes: dict[int, Extremes] = {}
    for chunk in chunks:
        done = read_done(chunk)
        if done is None:
            raise DataError(
                f"what was decoded into {chunk.folder} was changed in the meantime: try again"
            )
        facts[list(chunk.rows)] = done.facts
        rejections |= done.rejections
        extremes |= done.extremes
    return Built(facts, dict(sorted(rejections.items()))), extremes


def remove_traces(folder: Path) -> None:
    """Remove what a build needs to be resumed, when all of it is done."""
    for path in folder.glob("chunk-*"):
        path.unlink()


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
