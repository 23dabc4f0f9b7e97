"""Image files that programs often read differently, made of real images for exports."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from convladder.data.decoding.image_form import Pixels

LARGEST_SIDE = 1600  # of what is written here

_TURNED, _TRANSPOSED = 6, 5  # EXIF orientations
_ORIENTATION = 0x0112  # the EXIF tag
_LARGER = 8  # times as large, photographs are decoded at a fraction of their size

Named = tuple[str, bytes]


def make(images: Sequence[Pixels]) -> Iterator[Named]:
    """Yield names and contents of files, made of uint8 images `(height, width, channels)`."""
    for number, pixels in enumerate(images):
        shown = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).convert(
            "RGB"
        )
        shown.thumbnail((LARGEST_SIDE // 2, LARGEST_SIDE // 2))
        wide = shown.resize((3 * shown.width // 2 + 1, shown.height + 3), Image.Resampling.BICUBIC)
        for name, write in _WRITERS.items():
            yield f"{number}-{name}", write(wide)
        yield f"{number}-large.jpg", _large(shown)


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _half_transparent(image: Image.Image) -> bytes:
    """The left is opaque, the right clear, with all between."""
    alpha = np.linspace(255, 0, image.width).astype(np.uint8)
    image.putalpha(Image.fromarray(np.tile(alpha, (image.height, 1))))
    return _encode(image, "PNG")


def _grey_with_alpha(image: Image.Image) -> bytes:
    grey = image.convert("LA")
    grey.putalpha(128)
    return _encode(grey, "PNG")


def _palette(image: Image.Image) -> bytes:
    """One of its colours is clear."""
    return _encode(image.quantize(16), "PNG", transparency=3)


def _deep(image: Image.Image, kind: str) -> bytes:
    """Values of 16 bits, not all of which are a multiple of 257."""
    grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
    return _encode(Image.fromarray(grey - grey // 300), kind)


def _oriented(image: Image.Image, kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return _encode(image, kind, exif=exif)


def _moving(image: Image.Image) -> bytes:
    """Its second frame is the negative of the first."""
    negative = image.point(lambda value: 255 - value)
    return _encode(image, "GIF", save_all=True, append_images=[negative])


def _large(image: Image.Image) -> bytes:
    scale = min(_LARGER, LARGEST_SIDE / max(image.size))
    size = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    return _encode(image.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=90)


def _cut(image: Image.Image) -> bytes:
    """It cannot be read, and that should be said."""
    whole = _encode(image, "PNG")
    return whole[: len(whole) // 2]


_WRITERS: dict[str, Callable[[Image.Image], bytes]] = {
    "half-transparent.png": lambda image: _half_transparent(image.copy()),
    "16-bit-grey.png": lambda image: _deep(image, "PNG"),
    "16-bit-grey.tif": lambda image: _deep(image, "TIFF"),
    "palette-with-transparency.png": _palette,
    "grey-with-alpha.png": _grey_with_alpha,
    "1-bit.png": lambda image: _encode(image.convert("1"), "PNG"),
    "cmyk.jpg": lambda image: _encode(image.convert("CMYK"), "JPEG", quality=95),
    "exif-turned.jpg": lambda image: _oriented(image, "JPEG", _TURNED),
    "exif-transposed.png": lambda image: _oriented(image, "PNG", _TRANSPOSED),
    "animated.gif": _moving,
    "cut.png": _cut,
}
