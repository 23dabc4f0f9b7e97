"""How the records of a bank are cut into chunks, and which of these are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from convladder.core.errors import UnreadableImage
from convladder.data.bank.decode_worker import Chunk, fetch_all, read_done
from convladder.data.decoding.image_form import ImageForm, Limits
from convladder.data.source import Record, Source

# docs/decisions/022-a-bank-is-built-in-place-a-chunk-at-a-time.md
CHUNK, LEAST_CHUNK = 512, 8  # images
CHUNKS = 64  # at least, where there are images enough
SAMPLE = 8  # images
SENT_BYTES = 32 * 2**20  # of a chunk that is fetched here and sent to a worker


def cut(
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


def missing_of(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Return the chunks that no earlier build has decoded, or whose pixels have changed since."""
    begun = [chunk for chunk in chunks if chunk.result.exists()]
    if not begun:
        return list(chunks)
    pixels = chunks[0].pixels()
    done = {chunk.number for chunk in begun if read_done(chunk, pixels)}
    return [chunk for chunk in chunks if chunk.number not in done]
