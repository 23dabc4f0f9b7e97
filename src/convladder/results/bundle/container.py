"""The zip file of a bundle: its parts, their sizes and their sums, and nothing else."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convladder.core.errors import BundleError

MANIFEST, CONTENTS, CARD, WEIGHTS, MODEL = PARTS = (
    "manifest.json",
    "bundle.json",
    "card.md",
    "weights.safetensors",
    "model.onnx",
)
FORMAT = 3  # of this version; those before it are read too
# bytes of each part
LARGEST = {
    MANIFEST: 2**16,
    CONTENTS: 2**24,
    CARD: 2**22,
    WEIGHTS: 2**31 - 2**24,
    MODEL: 2**31 - 2**24,
}

_NO_DATE = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s4H2LH")  # of a zip file: PKWARE's APPNOTE 4.3.16
_LISTED = struct.Struct("<4s24x3H12x")  # a part in its list, up to the name: 4.3.12
_LOCAL = struct.Struct("<4s5H3L2H")  # and before its content: 4.3.7
_LIST_BYTES = sum(_LISTED.size + len(name) for name in PARTS)
_BLOCK = 2**20


class Part(BaseModel):
    """What the manifest says of a part: bytes, and their SHA-256 in hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """The first part: what the others are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int = Field(ge=1)
    files: dict[str, Part]


def refusal(path: object, why: object) -> BundleError:
    """Return the error that says why a file is not taken."""
    return BundleError(f"{path} is not a usable bundle: {why}")


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return a bundle's file of its parts but the manifest, which is made here."""
    files = {
        name: Part(bytes=len(parts[name]), sha256=hashlib.sha256(parts[name]).hexdigest())
        for name in PARTS[1:]
    }
    manifest = Manifest(format=FORMAT, files=files).model_dump_json(indent=2).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in PARTS:
            archive.writestr(
                zipfile.ZipInfo(name, _NO_DATE), manifest if name == MANIFEST else parts[name]
            )
    return packed.getvalue()


class Container:
    """An open bundle. What it is made of was checked; the content of a part is, when it is read."""

    def __init__(self, path: Path) -> None:
        """Open a bundle. Raises BundleError where it is none, with what is wrong."""
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise BundleError(f"cannot open the bundle {path}: {error.strerror}") from None
        try:
            _check_end(self._file)
            self._archive = zipfile.ZipFile(self._file)
            _check_parts(self._archive, self._file)
            self.manifest = self._read_manifest()
        except (ValueError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
            self._file.close()
            raise refusal(self.path, error) from None
        except BundleError:
            self._file.close()
            raise

    def read(self, name: str) -> bytes:
        """Return a part. Raises BundleError where its sum is another than the manifest's."""
        return b"".join(self._blocks(name))

    def check(self, name: str) -> None:
        """Read a part and keep nothing of it. Raises BundleError as `read` does."""
        for _ in self._blocks(name):
            pass

    def head(self, name: str, size: int) -> bytes:
        """Return the first bytes of a part, which are not compared with any sum."""
        try:
            with self._archive.open(name) as part:
                return part.read(size)
        except (OSError, EOFError, zipfile.BadZipFile) as error:
            raise refusal(self.path, error) from None

    def _blocks(self, name: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            with self._archive.open(name) as part:
                while block := part.read(_BLOCK):
                    digest.update(block)
                    yield block
        except (OSError, EOFError, zipfile.BadZipFile) as error:
            raise refusal(self.path, error) from None
        if digest.hexdigest() != self.manifest.files[name].sha256:
            raise refusal(
                self.path, f"{name} does not match the manifest: it was damaged or changed"
            )

    def _read_manifest(self) -> Manifest:
        try:
            manifest = Manifest.model_validate_json(self._archive.read(MANIFEST))
        except ValidationError as error:
            raise ValueError(f"its manifest is not valid ({error.errors()[0]['msg']})") from None
        if manifest.format > FORMAT:
            raise BundleError(
                f"{self.path} was written by a newer convladder (format {manifest.format}; this "
                f"one reads up to {FORMAT}): pip install --upgrade convladder"
            )
        found = {name: self._archive.getinfo(name).file_size for name in PARTS[1:]}
        if {name: part.bytes for name, part in manifest.files.items()} != found:
            raise ValueError("its manifest lists other parts or other sizes")
        return manifest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _check_end(file: BinaryIO) -> None:
    """Raise ValueError unless a file ends as by `pack`, before Python reads the list of its parts.

    That is, in a list of just so many parts without extra fields, then the end record: nothing that
    says otherwise (zip64) lies between.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size))
    last = file.read(_END.size)
    if len(last) < _END.size or not last.startswith(b"PK\5\6"):
        raise ValueError("it is not a zip file, or its end is missing")
    _, disk, list_disk, parts_here, parts, length, start, comment = _END.unpack(last)
    if (disk, list_disk, parts_here, parts, comment) != (0, 0, len(PARTS), len(PARTS), 0):
        raise ValueError(f"its parts are not {', '.join(PARTS)}")
    if length != _LIST_BYTES or start + length + _END.size != size:
        raise ValueError("its list of parts is in the wrong place, or has the wrong length")
    file.seek(start)
    listed = file.read(length)
    for name in PARTS:
        head, listed = listed[: _LISTED.size], listed[_LISTED.size + len(name) :]
        signature, name_bytes, extra_bytes, comment_bytes = _LISTED.unpack(head)
        if (signature, name_bytes, extra_bytes, comment_bytes) != (b"PK\1\2", len(name), 0, 0):
            raise ValueError(f"it lists something else in the place of {name}")


def _check_parts(archive: zipfile.ZipFile, file: BinaryIO) -> None:
    """Raise ValueError unless a bundle's parts lie in a row, uncompressed, none too large."""
    place = 0
    for name, part in zip(PARTS, archive.infolist(), strict=True):
        if part.filename != name:
            raise ValueError(f"it has {part.filename!r} where {name} should be")
        if (
            part.compress_type != zipfile.ZIP_STORED
            or part.flag_bits
            or part.file_size != part.compress_size
        ):
            raise ValueError(f"{name} is compressed or encrypted")
        if part.file_size > LARGEST[name]:
            raise ValueError(f"{name} has {part.file_size:,} bytes, over {LARGEST[name]:,}")
        if part.header_offset != place:
            raise ValueError(f"{name} does not begin where the part before it ends")
        file.seek(place)
        if file.read(_LOCAL.size) != _local_header(part):
            raise ValueError(f"the header of {name} does not match the list")
        place += _LOCAL.size + len(name) + part.file_size
    if archive.start_dir != place:
        raise ValueError("there is extra data between its parts and their list")


def _local_header(part: zipfile.ZipInfo) -> bytes:
    """Return the header that stands before a part, up to its name: PKWARE's APPNOTE 4.3.7."""
    date = zipfile.ZipInfo(part.filename, _NO_DATE)
    day = (date.date_time[0] - 1980) << 9 | date.date_time[1] << 5 | date.date_time[2]
    sizes = (part.CRC, part.compress_size, part.file_size)
    return _LOCAL.pack(b"PK\3\4", part.extract_version, 0, 0, 0, day, *sizes, len(part.filename), 0)
