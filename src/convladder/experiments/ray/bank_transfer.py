"""A bank on its way to another machine: described, read in pieces, and cached there.

What carries the pieces is the caller's affair. No more than one piece is in memory on either side.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.errors import DataError
from convladder.core.places import cache_folder
from convladder.data.bank import clearing
from convladder.data.bank.bank import INDEX
from convladder.data.bank.cache import LEFTOVER_AGE

# docs/decisions/051-a-bank-is-sent-in-pieces.md
PIECE = 16 * 2**20  # bytes

HERE, WANTED, BUSY = "here", "wanted", "busy"  # how it stands with a bank on a machine

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class BankManifest:
    """A bank as another machine must know it: its name, its files, and the sum of its index.

    sizes : bytes of each file. The index has the digest of all pixels in it.
    """

    name: str
    sizes: dict[str, int]
    index: str

    @classmethod
    def of(cls, folder: Path) -> BankManifest:
        """Describe the bank in this folder. Raises DataError where it was deleted."""
        try:
            sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
            return cls(folder.name, sizes, _sum_of((folder / INDEX).read_bytes()))
        except FileNotFoundError:
            raise DataError(
                "the decoded images were deleted in the meantime: run the same command to "
                "decode them again"
            ) from None

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())

    @property
    def folder(self) -> Path:
        """Where this machine has the bank, or would have it."""
        return cache_folder() / "banks" / self.name

    def is_here(self) -> bool:
        """Whether this machine has the bank, whole."""
        try:
            return BankManifest.of(self.folder) == self
        except DataError:
            return False


def pieces(folder: Path, waybill: BankManifest) -> Iterator[tuple[str, Bytes]]:
    """Yield a bank's files in pieces, with their names. Raises OSError where they are gone."""
    for name in waybill.sizes:
        with (folder / name).open("rb") as file:
            while len(piece := np.frombuffer(file.read(PIECE), np.uint8)):
                yield name, piece


class Receiver:
    """Puts a bank together in this machine's cache, under the lock by which it would be built here.

    So of several processes that want it one receives it, whatever they belong to.
    """

    def __init__(self, waybill: BankManifest) -> None:
        folder = waybill.folder
        self._waybill, self._building = waybill, clearing.receiving_of(folder)
        self._lock = FileLock(folder.with_name(f".{folder.name}.lock"), thread_local=False)
        self._sums = {name: hashlib.sha256() for name in waybill.sizes}

    def begin(self) -> str:
        """Return HERE where the bank is here, BUSY where another process is at it, and WANTED else.

        Raises DataError where there is no room for it.
        """
        self._building.parent.mkdir(parents=True, exist_ok=True)
        clearing.remove_begun(self._building.parent, LEFTOVER_AGE)
        if self._waybill.is_here():
            return HERE
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return BUSY
        if self._waybill.is_here():
            self.leave()
            return HERE
        try:
            self._prepare()
        except BaseException:
            self.leave()
            raise
        return WANTED

    def take(self, name: str, piece: Bytes) -> None:
        """Add a piece to a file: they come in their order."""
        self._sums[name].update(piece.data)
        with (self._building / name).open("ab") as file:
            piece.tofile(file)

    def finish(self, sums: dict[str, str]) -> None:
        """Give the bank its name. Raises DataError where what came is not what was sent."""
        found = {name: digest.hexdigest() for name, digest in self._sums.items()}
        damaged = sorted(name for name in found if found[name] != sums[name])
        if damaged:
            raise DataError(
                f"the images arrived damaged ({', '.join(damaged)}): run the same command to "
                "send them again"
            )
        clearing.remove(self._waybill.folder)  # what is there is of another bank, or damaged
        files.settle(self._building, self._waybill.folder, INDEX)
        self.leave()

    def leave(self) -> None:
        """Let others have a try."""
        clearing.remove(self._building)
        self._lock.release()

    def _prepare(self) -> None:
        clearing.remove(self._building)  # what a receiver that died has left
        needed, free = self._waybill.bytes, shutil.disk_usage(self._building.parent).free
        if needed > free:
            raise DataError(
                f"the decoded images take {needed / 1e9:,.1f} GB, and {cache_folder()} has "
                f"{free / 1e9:,.1f} GB free: free some space there, or set CONVLADDER_CACHE where "
                "the node is started"
            )
        self._building.mkdir()
        for name in self._waybill.sizes:
            (self._building / name).touch()


def _sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
