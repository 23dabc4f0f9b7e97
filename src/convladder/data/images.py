"""The decoder: the one way from an image file's bytes to pixels, for training, evaluation and prediction."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from convladder.errors import UnreadableImage

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 100_000_000  # some photographs have 50 million; a decompression bomb has billions

_PNG_END = b"IEND\xaeB`\x82"
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class ImageForm:
    """The shape that every image is brought to, and how."""

    height: int
    width: int
    channels: Literal[1, 3]
    resize: Literal["pad", "crop", "stretch"] = "pad"
    background: int = 128

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels


@dataclass(frozen=True)
class Header:
    """What a file says of its image before any pixel is decoded."""

    height: int
    width: int
    grey: bool


def read_header(data: bytes) -> Header:
    """Read the size (as displayed, after EXIF orientation) and whether the image is grey.

    Raises UnreadableImage.
    """
    with _rejecting(), _opened(data) as image:
        width, height = image.size
        if _orientation(image) >= 5:  # these lie on their side
            width, height = height, width
        return Header(height, width, image.mode in ("1", "L", "LA", *_DEEP_MODES))


def decode(data: bytes, form: ImageForm) -> Pixels:
    """Decode one image file to uint8 pixels of shape `form.shape`.

    The format is told by content. EXIF orientation is applied, where it can be read; of several frames the
    first is taken; 16-bit values are scaled, not cut; transparency is laid over `form.background`.

    Raises
    ------
    UnreadableImage
        With reason `empty`, `unsupported`, `too-large`, `truncated` or `corrupt`.
    """
    with _rejecting(), _opened(data) as image:
        image.load()
        if image.format == "PNG" and _PNG_END not in data:  # Pillow does not mind, if no pixel is missing
            raise UnreadableImage("truncated", "the end of the PNG file is missing")
        turn = _TURNS.get(_orientation(image))
        return _fit(_flatten(image.transpose(turn) if turn is not None else image, form), form)


def bring_to_form(pixels: Pixels, form: ImageForm) -> Pixels:
    """Bring decoded pixels `(H, W)` or `(H, W, C)` of any size to `form.shape`."""
    if pixels.shape == form.shape:
        return pixels
    image = Image.fromarray(pixels.squeeze(-1) if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels)
    return _fit(image.convert("L" if form.channels == 1 else "RGB"), form)


@contextlib.contextmanager
def _rejecting() -> Iterator[None]:
    """Turn whatever a decoder raises on a broken file (and that is almost anything) into UnreadableImage."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is judged below, and odd metadata is no fault
            yield
    except UnreadableImage:
        raise
    except UnidentifiedImageError:
        raise UnreadableImage("unsupported", f"not one of {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError as error:
        raise UnreadableImage("too-large", str(error)) from None
    except Exception as error:
        cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
        detail = str(error) or type(error).__name__
        raise UnreadableImage("truncated" if cut else "corrupt", detail) from None


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise UnreadableImage("empty", "the file has no bytes")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableImage("too-large", f"{image.width} x {image.height} is over {MAX_PIXELS:,} pixels")
    return image


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, which is upright, where there is none that can be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block takes no pixel away
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _flatten(image: Image.Image, form: ImageForm) -> Image.Image:
    mode = "L" if form.channels == 1 else "RGB"
    if image.mode in _DEEP_MODES:
        values = np.asarray(image).astype(np.float64) / 257  # 65,535 becomes 255
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert(mode)
    if image.mode == "F":
        raise UnreadableImage("unsupported", "floating-point pixels have no known range")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        under = Image.new("RGBA", over.size, (*(form.background,) * 3, 255))
        return Image.alpha_composite(under, over).convert(mode)
    return image.convert(mode)


def _fit(image: Image.Image, form: ImageForm) -> Pixels:
    size = (form.width, form.height)
    if image.size != size:
        image = {"pad": _pad, "crop": _crop, "stretch": _stretch}[form.resize](image, form)
    return np.asarray(image, dtype=np.uint8).reshape(form.shape)


def _pad(image: Image.Image, form: ImageForm) -> Image.Image:
    scale = min(form.width / image.width, form.height / image.height)
    width = min(form.width, max(1, round(image.width * scale)))
    height = min(form.height, max(1, round(image.height * scale)))
    colour = form.background if form.channels == 1 else (form.background,) * 3
    canvas = Image.new(image.mode, (form.width, form.height), colour)
    inside = image.resize((width, height), Image.Resampling.BILINEAR)
    canvas.paste(inside, ((form.width - width) // 2, (form.height - height) // 2))
    return canvas


def _crop(image: Image.Image, form: ImageForm) -> Image.Image:
    return ImageOps.fit(image, (form.width, form.height), Image.Resampling.BILINEAR)


def _stretch(image: Image.Image, form: ImageForm) -> Image.Image:
    return image.resize((form.width, form.height), Image.Resampling.BILINEAR)
