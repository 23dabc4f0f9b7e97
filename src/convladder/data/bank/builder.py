"""How a bank is built: in chunks, by processes that can be ended, resumed where it was interrupted.

A later build takes over the chunks that are done, if their pixels still are those that they were
written for. A decoder that hangs, crashes or takes too much memory costs one file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from convladder.core.errors import DataError
from convladder.data.bank.chunk_decoding import decode_all
from convladder.data.bank.chunks import cut
from convladder.data.bank.decode_worker import PIXELS, Chunk, Rejection, read_done
from convladder.data.decoding import deep_images, intensity
from convladder.data.decoding.image_form import ImageForm, Limits
from convladder.data.decoding.image_stats import FACTS, Facts
from convladder.data.decoding.intensity import Extremes, IntensityRange
from convladder.data.source import Progress, Record, Source

READING, STRETCHING = "reading images", "reading images of more than 8 bits"  # for people
TRAINED_ON = ("", "train")  # splits of a source whose images a range of intensities is found from

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
    chunks = list(cut(folder, source, records, form, limits))
    decode_all(chunks, source, limits, partial(progress, READING))
    built, extremes = _gather(chunks, len(records))
    if extremes:
        form = replace(form, intensity=_choose_range(records, extremes, built.rejections))
        again = list(cut(folder, source, records, form, limits, sorted(extremes), len(chunks)))
        decode_all(again, source, limits, partial(progress, STRETCHING))
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
