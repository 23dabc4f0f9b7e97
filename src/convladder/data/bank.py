"""The bank: a source's decoded images as one uint8 array on disk, shared by all trials as a memory map.

A bank is keyed by all that it was made from, and lies in the user's cache. It is safe to delete.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from convladder import files
from convladder.data.images import ImageForm, Pixels
from convladder.data.sources import Listing, Progress, Read, Record, Source
from convladder.errors import DataError, UnreadableImage
from convladder.processes import Emit, Failed, Finished, Task, cores, run_tasks

INDEX = "index.json"
VERSION = 1  # of what a bank holds; part of its key
CHUNK = 512
PARALLEL_FROM = 2_000  # fewer images are decoded sooner than processes start
LEFTOVER_AGE = 86_400  # seconds: what is younger may be another process at work


@dataclass(frozen=True)
class Rejection:
    """A file that is no image, and why."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Bank:
    """Decoded images and what is known of them; `rows[i]` is the place of record `i` in `images`."""

    folder: Path
    source: str
    kind: str
    form: ImageForm
    class_names: tuple[str, ...]
    records: tuple[Record, ...]
    rows: NDArray[np.int64]
    rejections: tuple[Rejection, ...]
    ignored: dict[str, int]
    fingerprint: str

    @cached_property
    def images(self) -> Pixels:
        """The pixels, `(N, height, width, channels)`: a private, copy-on-write memory map. Raises DataError."""
        try:
            images: Pixels = np.load(self.folder / "images.npy", mmap_mode="c")
        except FileNotFoundError:
            raise DataError(
                "the decoded images were deleted meanwhile: the same command makes them again"
            ) from None
        return images

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        return np.array([record.label for record in self.records], dtype=np.int32)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("images", None)  # another process maps the file itself
        return state


def cache_folder() -> Path:
    """Return the user's cache folder for convladder; the environment's CONVLADDER_CACHE names another."""
    if "CONVLADDER_CACHE" in os.environ:
        return Path(os.environ["CONVLADDER_CACHE"])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "convladder"


def open_bank(
    source: Source,
    form: ImageForm,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Bank:
    """Return the bank of a source in a form, built first where the cache has none.

    `limit` takes a subset of so many records, stratified by class and split and drawn by `seed`.
    """
    made_from = [
        VERSION,
        source.kind,
        source.name,
        source.fingerprint,
        asdict(form),
        limit,
        seed if limit else 0,
    ]
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:20]
    folder = cache_folder() / "banks" / key
    bank = _load(folder)
    if bank is not None:
        return bank
    try:
        shutil.rmtree(folder, ignore_errors=True)  # what is there is damaged, and it is but a cache
        files.remove_leftovers(folder.parent, older_than=LEFTOVER_AGE)
        with files.whole_folder(folder, INDEX) as temporary:
            _build(temporary, source, form, _subset(source.listing(), limit, seed), progress)
    except OSError as error:
        raise DataError(
            f"cannot write the cache {cache_folder()} ({error.strerror or error}): make room, "
            "or set CONVLADDER_CACHE to a folder of yours"
        ) from None
    bank = _load(folder)
    if bank is None:
        raise DataError(f"the cache {folder} cannot be read back: clear it with `convladder cache --clear`")
    return bank


def list_banks() -> Iterator[tuple[Bank, int]]:
    """Yield the banks in the cache with their sizes in bytes."""
    for index in sorted((cache_folder() / "banks").glob(f"[!.]*/{INDEX}")):
        bank = _load(index.parent)
        if bank is not None:
            yield bank, sum(file.stat().st_size for file in index.parent.iterdir())


def clear_banks() -> tuple[int, int]:
    """Delete every bank in the cache; return how many there were and their bytes."""
    sizes = [size for _, size in list_banks()]
    shutil.rmtree(cache_folder() / "banks", ignore_errors=True)
    return len(sizes), sum(sizes)


def _load(folder: Path) -> Bank | None:
    """Read a bank's index; None where there is none, or none that this version understands."""
    try:
        index = files.read_json(folder / INDEX)
        return Bank(
            folder=folder,
            source=index["source"],
            kind=index["kind"],
            form=ImageForm(**index["form"]),
            class_names=tuple(index["class_names"]),
            records=tuple(Record(*record) for record in index["records"]),
            rows=np.array(index["rows"], dtype=np.int64),
            rejections=tuple(Rejection(*rejection) for rejection in index["rejections"]),
            ignored=index["ignored"],
            fingerprint=index["fingerprint"],
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _build(folder: Path, source: Source, form: ImageForm, listing: Listing, progress: Progress | None) -> None:
    path = folder / "images.npy"
    needed, free = len(listing.records) * math.prod(form.shape), shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{len(listing.records):,} images of {form.height}x{form.width} take {needed / 1e9:,.1f} GB decoded, "
            f"and {cache_folder()} has {free / 1e9:,.1f} GB free: make room, set CONVLADDER_CACHE, "
            "or give a smaller --image-size or a --limit"
        )
    images = open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(listing.records), *form.shape))
    rejections = dict(_decode_all(path, images, source, form, listing.records, progress))
    rows = [row for row in range(len(listing.records)) if row not in rejections]
    records = [listing.records[row] for row in rows]
    content = hashlib.sha256(json.dumps([listing.class_names, [vars(record) for record in records]]).encode())
    for start in range(0, len(rows), CHUNK):
        content.update(images[rows[start : start + CHUNK]].tobytes())
    images.flush()
    index = {
        "source": source.name,
        "kind": source.kind,
        "form": asdict(form),
        "class_names": listing.class_names,
        "records": [[record.path, record.label, record.split] for record in records],
        "rows": rows,
        "rejections": [list(vars(rejection).values()) for rejection in rejections.values()],
        "ignored": listing.ignored,
        "fingerprint": content.hexdigest(),
    }
    files.write_text(folder / INDEX, json.dumps(index))


def _decode_all(
    path: Path,
    images: Pixels,
    source: Source,
    form: ImageForm,
    records: tuple[Record, ...],
    progress: Progress | None,
) -> Iterator[tuple[int, Rejection]]:
    """Fill `images`; yield the row and the rejection of each record that could not be decoded."""
    report = progress or _report_nothing
    starts = range(0, len(records), CHUNK)
    done = 0
    report(0, len(records))
    if not source.parallel or len(records) < PARALLEL_FROM:
        for start in starts:
            chunk = records[start : start + CHUNK]
            yield from _decode_chunk(images, source.read, form, start, chunk)
            done += len(chunk)
            report(done, len(records))
        return
    tasks = [
        Task(start, _decode_into, (path, source.read, form, start, records[start : start + CHUNK]))
        for start in starts
    ]
    for event in run_tasks(tasks, jobs=cores()):
        if isinstance(event, Failed):
            raise DataError(f"decoding the images from number {event.key} on failed: {event.error}")
        if isinstance(event, Finished):
            yield from event.value
            done += min(CHUNK, len(records) - event.key)
            report(done, len(records))


def _report_nothing(done: int, total: int) -> None:
    """Nobody asked."""


def _decode_into(
    path: Path, read: Read, form: ImageForm, start: int, records: tuple[Record, ...], emit: Emit
) -> list[tuple[int, Rejection]]:
    del emit
    images = np.load(path, mmap_mode="r+")
    return list(_decode_chunk(images, read, form, start, records))


def _decode_chunk(
    images: Pixels, read: Read, form: ImageForm, start: int, records: tuple[Record, ...]
) -> Iterator[tuple[int, Rejection]]:
    for row, record in enumerate(records, start):
        try:
            images[row] = read(record, form)
        except UnreadableImage as error:
            yield row, Rejection(record.path, error.reason, error.detail)


def _subset(listing: Listing, limit: int | None, seed: int) -> Listing:
    """Take a share of each (split, class), by largest remainder."""
    total = len(listing.records)
    if limit is None or limit >= total:
        return listing
    groups: dict[tuple[str, int], list[int]] = {}
    for position, record in enumerate(listing.records):
        groups.setdefault((record.split, record.label), []).append(position)
    shares = {group: limit * len(members) / total for group, members in groups.items()}
    sizes = {group: int(share) for group, share in shares.items()}
    by_remainder = sorted(shares, key=lambda group: (sizes[group] - shares[group], group))
    for group in by_remainder[: limit - sum(sizes.values())]:
        sizes[group] += 1
    draw = np.random.default_rng([seed, limit])
    chosen = np.concatenate([draw.permutation(members)[: sizes[group]] for group, members in groups.items()])
    records = tuple(listing.records[position] for position in np.sort(chosen))
    return Listing(listing.class_names, records, listing.ignored)
