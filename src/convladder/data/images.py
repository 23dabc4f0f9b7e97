"""The decoder: the one way from an image file's bytes to pixels, for training, evaluation and prediction."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from convladder.data.pillow import unhindered
from convladder.errors import UnreadableImage

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
SUFFIXES = {  # by which a name says a format, also one that cannot be read
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "HEIF": (".heic", ".heif", ".avif"),
    "SVG": (".svg",),
    "PDF": (".pdf",),
}
ARRAY = "array"  # the format of pixels that never were a file
OVERSAMPLING = 3  # a photograph is decoded at this multiple of the wanted size at least, then resized

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
    """The shape that every image is brought to, and how.

    dct_scaling : photographs (JPEG) far larger than the form are decoded at a half, a quarter or an eighth.
    """

    height: int
    width: int
    channels: Literal[1, 3]
    resize: Literal["pad", "crop", "stretch"] = "pad"
    background: int = 128
    dct_scaling: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def mode(self) -> str:
        """Pillow's name of the colours."""
        return "L" if self.channels == 1 else "RGB"

    def inner_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height that an image of this size has in the form, before it is padded or cut."""
        if self.resize == "stretch":
            return self.width, self.height
        scales = self.width / width, self.height / height
        scale = min(scales) if self.resize == "pad" else max(scales)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        return (min(self.width, inner[0]), min(self.height, inner[1])) if self.resize == "pad" else inner


@dataclass(frozen=True)
class Limits:
    """What a file may be at most; more is rejected as `too-large`.

    pixels : of its first frame. Some photographs have 50 million; a decompression bomb has billions.
    """

    pixels: int = 100_000_000
    bytes: int = 256 * 2**20
    frames: int = 10_000


LIMITS = Limits()


@dataclass(frozen=True)
class Header:
    """What a file says of its image before any pixel is decoded. `mode` is Pillow's name of its colours."""

    height: int
    width: int
    mode: str

    @property
    def grey(self) -> bool:
        return self.mode in ("1", "L", "LA", *_DEEP_MODES)


@dataclass(frozen=True)
class Picture:
    """An image as it is meant to be seen: upright, in the colours of a form, but not brought to its size yet.

    format : told by content, one of FORMATS or ARRAY. header : what the file says. frames : 1 unless it moves.
    digest : 64 bits of what was read, a file's bytes or an array, whatever the form.
    """

    image: Image.Image
    format: str
    header: Header
    digest: int
    frames: int = 1


def read_header(content: bytes | Pixels, limits: Limits = LIMITS) -> Header:
    """Read the size (as displayed, after EXIF orientation) and the colours. Raises UnreadableImage."""
    if not isinstance(content, bytes):
        height, width = content.shape[:2]
        return Header(height, width, "L" if content.ndim == 2 or content.shape[-1] == 1 else "RGB")
    with _rejecting(limits), _opened(content, limits) as image:
        return _header(image)


def format_of(content: bytes) -> str:
    """Return the format of an image file, one of FORMATS, told by its content. Raises UnreadableImage."""
    with _rejecting(LIMITS), _opened(content, LIMITS) as image:
        return _kind_of(image)


def open_picture(content: bytes | Pixels, form: ImageForm, limits: Limits = LIMITS) -> Picture:
    """Decode one image: a file's bytes, or pixels `(H, W)` or `(H, W, C)`.

    The format is told by content. EXIF orientation is applied, where it can be read; of several frames the
    first is taken; 16-bit values are scaled, not cut; transparency is laid over `form.background`.

    Raises
    ------
    UnreadableImage
        With reason `empty`, `unsupported`, `too-large`, `truncated` or `corrupt`.
    """
    if not isinstance(content, bytes):
        flat = content.squeeze(-1) if content.ndim == 3 and content.shape[-1] == 1 else content
        return Picture(Image.fromarray(flat).convert(form.mode), ARRAY, read_header(content), _digest(content))
    with _rejecting(limits), _opened(content, limits) as image:
        kind = _kind_of(image)
        header, frames = _header(image), 1 if kind == "JPEG" else _count_frames(image, limits)
        if form.dct_scaling:
            _scale_down(image, header, form)
        image.load()
        if kind == "PNG" and _PNG_END not in content:  # Pillow does not mind, if no pixel is missing
            raise UnreadableImage("truncated", "the end of the PNG file is missing")
        turn = _TURNS.get(_orientation(image))
        upright = image.transpose(turn) if turn is not None else image
        return Picture(_flatten(upright, form), kind, header, _digest(content), frames)


def _digest(content: bytes | Pixels) -> int:
    """Return a 64-bit digest of a file's bytes, or of an array and its shape."""
    digest = hashlib.blake2b(digest_size=8)
    if not isinstance(content, bytes):
        digest.update(repr(content.shape).encode())
        content = content.tobytes()
    digest.update(content)
    return int.from_bytes(digest.digest(), "little")


def decode(content: bytes | Pixels, form: ImageForm, limits: Limits = LIMITS) -> Pixels:
    """Decode one image, as `open_picture` does, to uint8 pixels of shape `form.shape`."""
    return fit(open_picture(content, form, limits), form)


def bring_to_form(pixels: Pixels, form: ImageForm) -> Pixels:
    """Bring decoded pixels `(H, W)` or `(H, W, C)` of any size to `form.shape`."""
    return pixels if pixels.shape == form.shape else decode(pixels, form)


@contextlib.contextmanager
def _rejecting(limits: Limits) -> Iterator[None]:
    """Turn whatever a decoder raises on a broken file (and that is almost anything) into UnreadableImage."""
    try:
        with unhindered(limits.pixels):  # the size is judged below, and odd metadata is no fault
            yield
    except (UnreadableImage, MemoryError):  # of memory, whoever limits it says more
        raise
    except UnidentifiedImageError:
        raise UnreadableImage("unsupported", f"not one of {', '.join(FORMATS)}: convert it") from None
    except Image.DecompressionBombError:
        raise UnreadableImage("too-large", f"over {limits.pixels:,} pixels (data.max_pixels)") from None
    except Exception as error:
        cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
        detail = str(error) or type(error).__name__
        raise UnreadableImage("truncated" if cut else "corrupt", detail) from None


def _opened(data: bytes, limits: Limits) -> Image.Image:
    if not data:
        raise UnreadableImage("empty", "the file has no bytes")
    if len(data) > limits.bytes:
        raise UnreadableImage("too-large", f"over {limits.bytes:,} bytes (data.max_bytes)")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > limits.pixels:
        raise UnreadableImage(
            "too-large", f"{image.width} x {image.height} is over {limits.pixels:,} pixels (data.max_pixels)"
        )
    return image


def _kind_of(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else image.format or ""  # phones put several JPEGs in one file


def _header(image: Image.Image) -> Header:
    width, height = image.size
    if image.format != "TIFF" and _orientation(image) >= 5:  # these lie on their side; of TIFF, Pillow knows
        width, height = height, width
    return Header(height, width, image.mode)


def _count_frames(image: Image.Image, limits: Limits) -> int:
    if not getattr(image, "is_animated", False):
        return 1
    frames = int(getattr(image, "n_frames", 1))
    if frames > limits.frames:
        raise UnreadableImage("too-large", f"{frames:,} frames are over {limits.frames:,} (data.max_frames)")
    image.seek(0)
    return frames


def _scale_down(image: Image.Image, header: Header, form: ImageForm) -> None:
    """Let the JPEG decoder leave out detail that resizing would average away; other formats stay as they are."""
    inner = form.inner_size(header.width, header.height)
    wanted = inner if (header.width, header.height) == image.size else inner[::-1]
    image.draft(None, (OVERSAMPLING * wanted[0], OVERSAMPLING * wanted[1]))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, which is upright, where there is none that can be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block takes no pixel away
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _flatten(image: Image.Image, form: ImageForm) -> Image.Image:
    mode = form.mode
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


def fit(picture: Picture, form: ImageForm) -> Pixels:
    """Bring an image in the form's colours to its size; return `form.shape`."""
    image = picture.image
    if image.size != (form.width, form.height):
        image = {"pad": _pad, "crop": _crop, "stretch": _stretch}[form.resize](picture, form)
    return np.asarray(image, dtype=np.uint8).reshape(form.shape)


def _pad(picture: Picture, form: ImageForm) -> Image.Image:
    image = picture.image
    width, height = form.inner_size(picture.header.width, picture.header.height)  # not of what is scaled down
    colour = form.background if form.channels == 1 else (form.background,) * 3
    canvas = Image.new(image.mode, (form.width, form.height), colour)
    inside = image.resize((width, height), Image.Resampling.BILINEAR)
    canvas.paste(inside, ((form.width - width) // 2, (form.height - height) // 2))
    return canvas


def _crop(picture: Picture, form: ImageForm) -> Image.Image:
    return ImageOps.fit(picture.image, (form.width, form.height), Image.Resampling.BILINEAR)


def _stretch(picture: Picture, form: ImageForm) -> Image.Image:
    return picture.image.resize((form.width, form.height), Image.Resampling.BILINEAR)
