"""Image files of more than 8 bits, as no writer of Pillow's makes them: colours of 16 bits, and
many bands.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # of a PNG file, by its channels


def encode(values: NDArray[Any], kind: str = "PNG") -> bytes:
    """Encode grey values as Pillow does."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, format=kind)
    return file.getvalue()


def png16(values: NDArray[np.uint16]) -> bytes:
    """Encode values `(H, W)` or `(H, W, C)` as PNG of 16 bits, each row as the difference from its
    left.
    """
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    before = np.pad(rows, ((0, 0), (2 * channels, 0)))[:, : rows.shape[1]]
    filtered = np.hstack([np.ones((height, 1), np.uint8), rows - before])
    head = struct.pack(">IIBBBBB", width, height, 16, _KINDS[channels], 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def tiff(
    values: NDArray[Any],
    *,
    extra: tuple[int, ...] = (),
    deflated: bool = False,
    planes: bool = False,
) -> bytes:
    """Encode values `(H, W, bands)` as TIFF; RGB where there are three bands or more, but for
    `extra` ones.
    """
    height, width, bands = values.shape
    bits, kind = 8 * values.dtype.itemsize, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    ordered = values.transpose(2, 0, 1) if planes else values
    data = ordered.astype(values.dtype.newbyteorder("<")).tobytes()
    data = zlib.compress(data) if deflated else data
    offsets, sizes = (8,), (len(data),)
    if planes:
        offsets, sizes = (
            tuple(8 + number * len(data) // bands for number in range(bands)),
            (len(data) // bands,) * bands,
        )
    colour = 2 if bands - len(extra) == 3 else 1
    tags = [
        (256, 4, (width,)), (257, 4, (height,)), (258, 3, (bits,) * bands),
        (259, 3, (8 if deflated else 1,)),
        (262, 3, (colour,)), (273, 4, offsets), (277, 3, (bands,)),
        (278, 4, (height,)), (279, 4, sizes),
        (284, 3, (2 if planes else 1,)),
        *([(338, 3, extra)] if extra else []), (339, 3, (kind,) * bands),
    ]  # fmt: skip
    return _directory(tags, data)


def _directory(tags: list[tuple[int, int, tuple[int, ...]]], data: bytes) -> bytes:
    start = 8 + len(data) + len(data) % 2
    beyond, entries = start + 2 + 12 * len(tags) + 4, b""
    spill = b""
    for number, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            entries += struct.pack("<HHII", number, kind, len(values), beyond + len(spill))
            spill += packed
        else:
            entries += struct.pack("<HHI", number, kind, len(values)) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", start) + data.ljust(start - 8, b"\0")
    return head + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + spill


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def stripes(number: int, *, lying: bool, side: int = 16) -> NDArray[np.int64]:
    """Return stripes as a camera of 12 bits sees them: 900 +- 150 of 4,095, with noise."""
    draw = np.random.default_rng([number, lying])
    along = np.mgrid[:side, :side][0 if lying else 1]
    wave = 150 * np.sign(np.sin(along * draw.uniform(0.5, 0.9) + draw.uniform(0, 6)))
    values: NDArray[np.int64] = (900 + draw.normal(0, 20, (side, side)) + wave).astype(np.int64)
    return values


def write_stripes(
    root: Path, scale: float = 1, kind: Any = np.uint16, count: int = 24, suffix: str = "tif"
) -> Path:
    """Write a set of stripes, times a scale; return its folder."""
    for name in ("lying", "standing"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            values = stripes(number, lying=name == "lying") * scale
            Image.fromarray(values.astype(kind)).save(root / name / f"{number:03}.{suffix}")
    return root
