"""The banks in the user's cache: each is built when it is first wanted, and safe to delete."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from convladder.core import files
from convladder.core.errors import DataError
from convladder.core.places import cache_folder
from convladder.data.bank import clearing
from convladder.data.bank.bank import (
    FACTS_FILE,
    INDEX,
    PAIRS_FILE,
    SCENES_FILE,
    VERSION,
    Bank,
    CopyKind,
    fingerprint_of,
    read_bank,
)
from convladder.data.bank.builder import build, remove_traces
from convladder.data.bank.chunks import chunk_size
from convladder.data.bank.clearing import building_of
from convladder.data.bank.decode_worker import PIXELS
from convladder.data.copies import in_bank
from convladder.data.decoding.image_form import LIMITS, ImageForm, Limits
from convladder.data.source import Listing, Progress, Source, count_ignored
from convladder.data.subset import listing_of, take_subset

# seconds: what is younger may be resumed, or another process may be at work
LEFTOVER_AGE = 7 * 86_400
_logger = logging.getLogger(__name__)

WAITING = "waiting for another convladder process"  # for people
COMPARING = "looking for copies"
WAIT = 1.0  # seconds between looks at what another process does


def open_bank(
    source: Source,
    form: ImageForm,
    limits: Limits = LIMITS,
    *,
    classes: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    copies_are: CopyKind = "near",
    progress: Progress | None = None,
) -> Bank:
    """Return the bank of a source in a form, with its copies found; build it if the cache has none.

    The form of the bank says the range of its deep images; where the given one says none, it is
    found from them. `classes` leaves out all others. `limit` takes a subset of so many records,
    stratified by class and split and drawn by `seed`. Of two processes that want the same bank, one
    builds it and the other waits.
    """
    folder = cache_folder() / "banks" / _key(source, form, limits, classes, limit, seed)
    report = progress or _report_nothing
    try:
        bank = read_bank(folder)
        if bank is None or source.at_hand:
            listing = take_subset(listing_of(source, classes), limit, seed)
        if bank is None:
            bank = _find_or_build(folder, source, listing, form, limits, report)
        elif source.at_hand:
            bank = replace(bank, ignored=count_ignored(listing.ignored))
        return _with_copies(replace(bank, copies_are=copies_are), report)
    except OSError as error:
        raise DataError(
            f"cannot write the cache {cache_folder()} ({error.strerror or error}): free some "
            "space, or set CONVLADDER_CACHE to a folder that you can write to"
        ) from None


def _key(
    source: Source,
    form: ImageForm,
    limits: Limits,
    classes: Sequence[str] | None,
    limit: int | None,
    seed: int,
) -> str:
    """Return a digest of all that a bank is made from."""
    made_from = [
        VERSION,
        source.kind,
        source.name,
        source.fingerprint,
        asdict(form),
        asdict(limits),
        sorted(classes) if classes else None,
        limit,
        seed if limit else 0,
    ]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:20]


def _find_or_build(
    folder: Path,
    source: Source,
    listing: Listing,
    form: ImageForm,
    limits: Limits,
    report: Progress,
) -> Bank:
    """Build a bank, unless another process does meanwhile."""
    clearing.check_outside(cache_folder(), source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    clearing.remove_begun(folder.parent, LEFTOVER_AGE)
    with _alone(folder, len(listing.records), report):
        return read_bank(folder) or _build(folder, source, listing, form, limits, report)


def _with_copies(bank: Bank, report: Progress) -> Bank:
    """Look for near copies where they count, and nobody has yet."""
    place = bank.folder / PAIRS_FILE
    if bank.copies_are == "near" and not place.exists():
        with _alone(bank.folder, len(bank.records), report):
            if not place.exists():
                images = np.load(bank.folder / PIXELS, mmap_mode="r")
                pairs, of_scenes = in_bank.find(
                    images,
                    bank.rows,
                    bank.facts,
                    bank.form,
                    bank.labels,
                    partial(report, COMPARING),
                )
                for path, values in ((bank.folder / SCENES_FILE, of_scenes), (place, pairs)):
                    file = io.BytesIO()
                    np.save(file, values)
                    files.write_bytes(path, file.getvalue())
    return bank


@contextlib.contextmanager
def _alone(folder: Path, total: int, report: Progress) -> Iterator[None]:
    """Wait until no other process builds this bank; meanwhile report how far it is."""
    lock, has_waited = FileLock(folder.with_name(f".{folder.name}.lock")), False
    while True:
        try:
            lock.acquire(timeout=WAIT)
        except Timeout:
            done = chunk_size(total) * len(list(building_of(folder).glob("chunk-*.npz")))
            _logger.info("waiting for another process that decodes the same images")
            report(WAITING, min(done, total), total)
            has_waited = True
        else:
            break
    if has_waited:
        report(WAITING, total, total)
    try:
        yield
    finally:
        lock.release()


def find_bank(name: str) -> Bank | None:
    """Return the bank that has this name in the cache; None where it was deleted."""
    return read_bank(cache_folder() / "banks" / name) if name else None


def list_banks() -> Iterator[tuple[Bank, int]]:
    """Yield the banks in the cache with their sizes in bytes."""
    for index in sorted((cache_folder() / "banks").glob(f"[!.]*/{INDEX}")):
        bank = read_bank(index.parent)
        if bank is not None:
            yield bank, sum(file.stat().st_size for file in index.parent.iterdir())


def clear_banks() -> tuple[int, int]:
    """Delete every bank in the cache; return how many there were and their bytes."""
    kept = [(bank.folder, size) for bank, size in list_banks()]
    banks = cache_folder() / "banks"
    clearing.remove_all(banks)
    return len(kept), sum(size for _, size in kept)


def _build(
    folder: Path,
    source: Source,
    listing: Listing,
    form: ImageForm,
    limits: Limits,
    report: Progress,
) -> Bank:
    clearing.remove(folder)  # what is there is damaged, and it is but a cache
    building = building_of(folder)
    building.mkdir(exist_ok=True)
    _check_room(building, len(listing.records), form)
    built = build(building, source, listing.records, form, limits, report)
    form = replace(form, intensity=built.intensity)
    rows = [row for row in range(len(listing.records)) if row not in built.rejections]
    records = tuple(listing.records[row] for row in rows)
    np.save(building / FACTS_FILE, built.facts)
    index = {
        "source": source.name,
        "kind": source.kind,
        "form": asdict(form),
        "class_names": listing.class_names,
        "records": [[record.path, record.label, record.split, record.group] for record in records],
        "rows": rows,
        "rejections": [list(vars(rejection).values()) for rejection in built.rejections.values()],
        "ignored": count_ignored(listing.ignored),
        "fingerprint": fingerprint_of(listing.class_names, records, built.facts["content"][rows]),
    }
    files.write_text(building / INDEX, json.dumps(index))
    remove_traces(building)
    files.settle(building, folder, INDEX)
    bank = read_bank(folder)
    if bank is None:
        raise DataError(
            f"the cache {folder} cannot be read: clear it with `convladder cache --clear`"
        )
    return bank


def _check_room(folder: Path, images: int, form: ImageForm) -> None:
    path = folder / PIXELS
    begun = path.stat().st_blocks * 512 if path.exists() and sys.platform != "win32" else 0
    needed, free = images * math.prod(form.shape) - begun, shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{images:,} images of {form.height}x{form.width} take {needed / 1e9:,.1f} GB "
            f"decoded, and {cache_folder()} has {free / 1e9:,.1f} GB free: free some space, set "
            "CONVLADDER_CACHE, or give a smaller --image-size or a --limit"
        )


def _report_nothing(what: str, done: int, total: int) -> None:
    """Nobody asked."""
