"""The bank: decoded images as one uint8 array on disk, which all trials share as a memory map.

A bank is keyed by all that it was made from, and lies in the user's cache. It is safe to delete.
"""

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
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.errors import DataError
from convladder.core.places import cache_folder
from convladder.data.bank import clearing
from convladder.data.bank.builder import build, chunk_size, remove_traces
from convladder.data.bank.clearing import building_of
from convladder.data.bank.decode_worker import PIXELS, Rejection
from convladder.data.copies import in_bank
from convladder.data.copies.groups import group
from convladder.data.copies.in_bank import PAIRS, Pairs
from convladder.data.decoding.image_stats import Facts
from convladder.data.decoding.images import LIMITS, ImageForm, Limits, Pixels
from convladder.data.source import Listing, Progress, Record, Source, count_ignored
from convladder.data.subset import listing_of, take_subset

_logger = logging.getLogger(__name__)

INDEX, FACTS_FILE, PAIRS_FILE = "index.json", "facts.npy", "pairs.npy"
SCENES_FILE = "scenes.npy"
VERSION = 4  # of what a bank holds; part of its key
# seconds: what is younger may be resumed, or another process may be at work
LEFTOVER_AGE = 7 * 86_400
WAITING, COMPARING = "waiting for another convladder process", "looking for copies"  # for people
WAIT = 1.0  # seconds between looks at what another process does


CopyKind = Literal["near", "exact", "off"]


@dataclass(frozen=True)
class Bank:
    """Decoded images and what is known of them; `rows[i]` is the place of record `i` in `images`.

    `copies_are` says which of the copies that were found count as such.
    """

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
    copies_are: CopyKind = field(default="near", kw_only=True)

    @cached_property
    def images(self) -> Pixels:
        """Pixels `(N, height, width, channels)`, a copy-on-write map. Raises DataError."""
        images: Pixels = self._load(PIXELS, mmap_mode="c")
        return images

    @cached_property
    def facts(self) -> Facts:
        """What was measured of each record's image, `(N,)` of dtype FACTS. Raises DataError."""
        facts: Facts = self._load(FACTS_FILE)[self.rows]
        return facts

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        return np.array([record.label for record in self.records], dtype=np.int32)

    def count_classes(self) -> NDArray[np.int64]:
        """Return the number of images of each class, `(classes,)`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def keep(self, positions: Sequence[int] | NDArray[np.int64]) -> Bank:
        """Return the bank with these records alone, and the classes that they have."""
        kept = [self.records[position] for position in positions]
        labels = sorted({record.label for record in kept})
        place = {label: number for number, label in enumerate(labels)}
        records = tuple(replace(record, label=place[record.label]) for record in kept)
        class_names = tuple(self.class_names[label] for label in labels)
        rows = self.rows[np.asarray(positions, dtype=np.int64)]
        contents = self.facts["content"][np.asarray(positions, dtype=np.int64)]
        return replace(
            self,
            class_names=class_names,
            records=records,
            rows=rows,
            fingerprint=_fingerprint(class_names, records, contents),
        )

    def relabelled(self, records: Sequence[Record]) -> Bank:
        """Return the bank with other words on the same images."""
        fingerprint = _fingerprint(self.class_names, records, self.facts["content"])
        return replace(self, records=tuple(records), fingerprint=fingerprint)

    @cached_property
    def copies(self) -> NDArray[np.int64]:
        """The number of the picture that each image is a copy of, `(N,)`. Raises DataError.

        Two are copies also where both are of a third that is not among the records any more.
        """
        pairs = self._found
        links = np.stack([pairs["left"], pairs["right"]], axis=1)
        return group(links, len(self._load(FACTS_FILE, mmap_mode="r")))[self.rows]

    @cached_property
    def pairs(self) -> Pairs:
        """The copies found, of dtype PAIRS: for n images of one picture n - 1 pairs.

        Raises DataError.
        """
        pairs = self._found
        position = np.full(int(self.rows.max()) + 1 if len(self.rows) else 0, -1)
        position[self.rows] = np.arange(len(self.rows))
        known = (pairs["right"] < len(position)) & (pairs["left"] < len(position))
        pairs = pairs[known]
        for side in ("left", "right"):
            pairs[side] = position[pairs[side]]
        return pairs[(pairs["left"] >= 0) & (pairs["right"] >= 0)]

    @property
    def has_near_copies(self) -> bool:
        """Whether images count as copies that have not the same pixels."""
        return self.copies_are == "near" and not bool(self.pairs["exact"].all())

    def count_of_scenes(self) -> int:
        """Return how many images show one scene, as of a fixed camera, with near copies sought."""
        return (
            int(np.isin(self.rows, self._load(SCENES_FILE)).sum())
            if self.copies_are == "near"
            else 0
        )

    @property
    def _found(self) -> Pairs:
        """The copies that count, by row."""
        if self.copies_are == "off":
            return np.empty(0, PAIRS)
        if self.copies_are == "exact":
            return in_bank.find_exact(self._load(FACTS_FILE))
        pairs: Pairs = self._load(PAIRS_FILE)
        return pairs

    def _load(self, name: str, mmap_mode: Any = None) -> Any:
        try:
            return np.load(self.folder / name, mmap_mode=mmap_mode)
        except FileNotFoundError:
            raise DataError(
                "the decoded images were deleted in the meantime: run the same command to "
                "decode them again"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for cached in ("images", "facts", "pairs", "copies"):
            state.pop(cached, None)  # another process reads the files itself
        return state


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
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:20]
    folder = cache_folder() / "banks" / key
    bank = _load(folder)
    report = progress or _report_nothing
    try:
        if bank is None or source.at_hand:
            listing = take_subset(listing_of(source, classes), limit, seed)
        if bank is None:
            clearing.check_outside(cache_folder(), source)
            folder.parent.mkdir(parents=True, exist_ok=True)
            clearing.remove_begun(folder.parent, LEFTOVER_AGE)
            with _alone(folder, len(listing.records), report):
                bank = _load(folder) or _build(folder, source, listing, form, limits, report)
        elif source.at_hand:
            bank = replace(bank, ignored=count_ignored(listing.ignored))
        return _with_copies(replace(bank, copies_are=copies_are), report)
    except OSError as error:
        raise DataError(
            f"cannot write the cache {cache_folder()} ({error.strerror or error}): free some "
            "space, or set CONVLADDER_CACHE to a folder that you can write to"
        ) from None


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
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=WAIT)
        except Timeout:
            _logger.info("waiting for another process that decodes the same images")
            done = chunk_size(total) * len(list(building_of(folder).glob("chunk-*.npz")))
            report(WAITING, min(done, total), total)
        else:
            break
    try:
        yield
    finally:
        lock.release()


def find_bank(name: str) -> Bank | None:
    """Return the bank that has this name in the cache; None where it was deleted."""
    return _load(cache_folder() / "banks" / name) if name else None


def list_banks() -> Iterator[tuple[Bank, int]]:
    """Yield the banks in the cache with their sizes in bytes."""
    for index in sorted((cache_folder() / "banks").glob(f"[!.]*/{INDEX}")):
        bank = _load(index.parent)
        if bank is not None:
            yield bank, sum(file.stat().st_size for file in index.parent.iterdir())


def clear_banks() -> tuple[int, int]:
    """Delete every bank in the cache; return how many there were and their bytes."""
    kept = [(bank.folder, size) for bank, size in list_banks()]
    banks = cache_folder() / "banks"
    clearing.remove_all(banks)
    return len(kept), sum(size for _, size in kept)


def _load(folder: Path) -> Bank | None:
    """Read a bank's index; None where there is none, or none that this version understands."""
    try:
        index = files.read_json(folder / INDEX)
        return Bank(
            folder=folder,
            source=index["source"],
            kind=index["kind"],
            form=ImageForm.read(index["form"]),
            class_names=tuple(index["class_names"]),
            records=tuple(Record(*record) for record in index["records"]),
            rows=np.array(index["rows"], dtype=np.int64),
            rejections=tuple(Rejection(*rejection) for rejection in index["rejections"]),
            ignored=index["ignored"],
            fingerprint=index["fingerprint"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _logger.info("the decoded images in %s are not used (%r)", folder, error)
        return None


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
        "fingerprint": _fingerprint(listing.class_names, records, built.facts["content"][rows]),
    }
    files.write_text(building / INDEX, json.dumps(index))
    remove_traces(building)
    files.settle(building, folder, INDEX)
    bank = _load(folder)
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


def _fingerprint(
    class_names: Sequence[str], records: Sequence[Record], contents: NDArray[np.uint64]
) -> str:
    """Return a digest of classes, records and the digests `(N, 2)` of their pixels."""
    listed = [[record.path, record.label, record.split, record.group] for record in records]
    digest = hashlib.sha256(json.dumps([list(class_names), listed]).encode())
    digest.update(np.ascontiguousarray(contents).tobytes())
    return digest.hexdigest()


def _report_nothing(what: str, done: int, total: int) -> None:
    """Nobody asked."""
