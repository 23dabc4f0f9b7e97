"""A folder of images with everything in it that people's folders have."""

from __future__ import annotations

import io
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WEIRD_NAMES = (
    "emoji 🐈.png",
    "line\nbreak.png",
    "x" * 251 + ".png",  # 255 bytes
    "caf\u00e9.png",  # as most keyboards type it
    "the\u0301.png",  # as macOS stores it
    "<img src=x onerror=alert(1)>.png",
    "=cmd().png",
)

TURNS = {  # what has to be done to an image for its orientation to undo it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Faults:
    """A class folder and what is to become of the files in it.

    rejected : the reason by path. ignored : the number by rule. exact : pairs of equal pixels.
    """

    root: Path
    accepted: int
    rejected: dict[str, str]
    ignored: dict[str, int]
    misnamed: set[str]
    animated: set[str]
    exact: set[tuple[str, str]]

    @property
    def files(self) -> int:
        return self.accepted + len(self.rejected) + sum(self.ignored.values())


def picture(seed: int, side: int = 40) -> Image.Image:
    """Make an image of smooth random shapes, unlike any other seed's."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return coarse.resize((side, side), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """Write by hand a PNG that says it is `side` pixels to a side, in a few hundred bytes."""

    def block(kind: bytes, data: bytes) -> bytes:
        return (
            len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        )

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    start, end = block(b"IHDR", header), block(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + start + block(b"IDAT", zlib.compress(b"\0" * 1000)) + end


def make_faults(root: Path) -> Faults:
    """Write the folder: two good classes of twelve images each, and the faults D1 to D16."""
    for level, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for number in range(12):
            picture(100 * level + number).save(root / name / f"{number:02}.png")
    cat, dog = root / "cat", root / "dog"
    rejected = _write_broken(cat)
    (cat / "is-png.jpg").write_bytes(encode(picture(500)))
    frames = [picture(600), picture(601)]
    for kind in ("gif", "webp", "png"):
        frames[0].save(
            dog / f"moving.{kind}", save_all=True, append_images=frames[1:], lossless=True
        )
    odd = _write_odd_modes(dog)
    for number, name in enumerate(WEIRD_NAMES):
        # the last two are one picture
        (dog / name).write_bytes(encode(picture(700 + min(number, 5))))
    nameless = os.fsdecode(b"not-utf8-\xe9.png")
    good = len(WEIRD_NAMES)
    if sys.platform == "linux":  # other systems refuse such a name
        (dog / nameless).write_bytes(encode(picture(720)))
        good += 1
    (dog / "00-again.png").write_bytes((cat / "00.png").read_bytes())  # with another label
    (cat / "01-again.bmp").write_bytes(encode(Image.open(cat / "01.png").convert("RGB"), "BMP"))
    return Faults(
        root,
        accepted=24 + 1 + 3 + odd + good + 2,
        rejected=rejected,
        ignored=_write_what_is_ignored(root),
        misnamed={"cat/is-png.jpg"},
        animated={"dog/moving.gif", "dog/moving.webp", "dog/moving.png"},
        exact={
            ("cat/00.png", "dog/00-again.png"),
            ("cat/01-again.bmp", "cat/01.png"),
            (f"dog/{WEIRD_NAMES[5]}", f"dog/{WEIRD_NAMES[6]}"),
        },
    )


def _write_broken(folder: Path) -> dict[str, str]:
    """Write what cannot be read (D1, D2, D4, D8, D9); return the reason that each must get."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inside.txt", "no image")
    large = picture(300, 200)
    broken: dict[str, tuple[bytes, str]] = {
        "empty.jpg": (b"", "empty"),
        "page.png": (b"<!doctype html><html><body>404</body></html>", "unsupported"),
        "drawing.png": (
            b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
            "unsupported",
        ),
        "archive.png": (archive.getvalue(), "unsupported"),
        "print.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "unsupported"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64, "unsupported"),
        "phone.avif": (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + b"\0" * 64, "unsupported"),
        "bomb.png": (bomb(30_000), "too-large"),
    }
    for kind in ("PNG", "JPEG"):
        data = encode(large, kind)
        for share in (10, 50, 99):
            broken[f"cut-{share}.{kind.lower()}"] = (data[: share * len(data) // 100], "truncated")
    for name, (data, _) in broken.items():
        (folder / name).write_bytes(data)
    return {f"{folder.name}/{name}": reason for name, (_, reason) in broken.items()}


def _write_odd_modes(folder: Path) -> int:
    """Write images of unusual colours, sizes and orientation (D5, D6, D10); return how many."""
    colour = picture(400)
    grey = np.asarray(colour.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    images = {
        "cmyk.jpg": encode(colour.convert("CMYK"), "JPEG"),
        "deep.png": encode(
            Image.fromarray(np.asarray(picture(401).convert("L")).astype(np.uint16) * 257)
        ),
        "bit.png": encode(picture(402).convert("1")),
        "alpha.png": encode(picture(403).convert("RGBA")),
        "grey-alpha.png": encode(Image.fromarray(np.stack([grey, grey], axis=-1))),
        "palette.gif": encode(picture(404).convert("P"), "GIF", transparency=3),
        "lying.jpg": encode(picture(405), "JPEG", exif=exif),
        "dot.png": encode(Image.new("RGB", (1, 1), "red")),
        "line.png": encode(Image.new("RGB", (1, 10_000), "blue")),
    }
    for name, data in images.items():
        (folder / name).write_bytes(data)
    return len(images)


def _write_what_is_ignored(root: Path) -> dict[str, int]:
    """Write what is no image of the set (D11, D15); return how many files each rule passes over."""
    cat = root / "cat"
    for name in (".DS_Store", "._00.png", "Thumbs.db", "desktop.ini", "notes.txt"):
        (cat / name).write_bytes(b"x")
    for folder in (root / ".ipynb_checkpoints", root / "__MACOSX"):
        folder.mkdir()
        (folder / "00.png").write_bytes((cat / "00.png").read_bytes())
    (root / "contents.png").write_bytes((cat / "00.png").read_bytes())
    (cat / "loop").symlink_to(root)
    (root / "outside").symlink_to("/")
    (cat / "link.png").symlink_to(cat / "00.png")
    os.mkfifo(cat / "pipe.png")
    return {
        "hidden": 3,
        "system file": 3,
        "text beside the images": 1,
        "next to the class folders": 1,
        "symbolic link": 3,
        "not a regular file": 1,
    }
