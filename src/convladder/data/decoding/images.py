"""The decoder: the one way from a file's bytes to pixels, to train, evaluate and predict."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps

from convladder.core.errors import UnreadableImage
from convladder.data.decoding import deep_images, intensity
from convladder.data.decoding.formats import open_image
from convladder.data.decoding.intensity import IntensityRange, Stretch, UnknownRange, Values
from convladder.data.decoding.pillow import unhindered

Pixels = NDArray[np.uint8]

ARRAY = "array"  # the format of pixels that never were a file
OVERSAMPLING = (
    3  # a photograph is decoded at this multiple of the wanted size at least, then resized
)

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


@dataclass(frozen=True)
class ImageForm:
    """The shape that every image is brought to, and how.

    dct_scaling : photographs (JPEG) far larger than the form are decoded at a half, a quarter or an
        eighth.
    intensity : which values of deep images (of more than 8 bits) become black and white; None where
        the set has none.
    """

    height: int
    width: int
    channels: Literal[1, 3]
    resize: Literal["pad", "crop", "stretch"] = "pad"
    background: int = 128
    dct_scaling: bool = True
    intensity: IntensityRange | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ImageForm:
        """Return the form of which these are the values; earlier versions knew of no range."""
        found = values.get("intensity")
        return cls(**{**values, "intensity": IntensityRange(**found) if found else None})

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def mode(self) -> str:
        """Pillow's name of the colours."""
        return "L" if self.channels == 1 else "RGB"

    def inner_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of such an image in the form, not yet padded or cut."""
        if self.resize == "stretch":
            return self.width, self.height
        scales = self.width / width, self.height / height
        scale = min(scales) if self.resize == "pad" else max(scales)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        return (
            (min(self.width, inner[0]), min(self.height, inner[1]))
            if self.resize == "pad"
            else inner
        )


@dataclass(frozen=True)
class Limits:
    """What a file may be at most; more is rejected as `too-large`.

    pixels : of its first frame. Some photographs have 50 million; a decompression bomb has
        billions.
    """

    pixels: int = 100_000_000
    bytes: int = 256 * 2**20
    frames: int = 10_000


LIMITS = Limits()


@dataclass(frozen=True)
class Header:
    """What a file says of its image before decoding; `mode` is that of `deep_images.mode_of`."""

    height: int
    width: int
    mode: str

    @property
    def grey(self) -> bool:
        return deep_images.is_grey(self.mode)

    @property
    def deep(self) -> bool:
        """Whether the image has more than 8 bits."""
        return deep_images.is_deep(self.mode)


@dataclass(frozen=True)
class Picture:
    """An image as it is meant to be seen: upright, in a form's colours, not yet in its size.

    format : told by content, one of `formats.SUFFIXES` or ARRAY. header : what the file says.
        frames : 1 unless it moves. digest : 64 bits of what was read, a file's bytes or an array,
        whatever the form.
    stretched : of a deep image, how it was brought to 8 bits.
    """

    image: Image.Image
    format: str
    header: Header
    digest: int
    frames: int = 1
    stretched: Stretch | None = None

    def misfit(self, form: ImageForm) -> str | None:
        """Say why the image does not fit the range of a form's images; None where it does."""
        if self.stretched is None or form.intensity is None:
            return intensity.misfit(self.header.deep, 0, 0, form.intensity)
        why = intensity.misfit(True, self.stretched.outside, _levels(self.image), form.intensity)
        return why and f"{why} (it has values of {self.stretched})"


def read_header(content: bytes | Values, limits: Limits = LIMITS) -> Header:
    """Read the size (after EXIF orientation) and the colours. Raises UnreadableImage."""
    if not isinstance(content, bytes):
        height, width = content.shape[:2]
        return Header(height, width, deep_images.mode_of_array(content))
    with _rejecting(limits), _opened(content, limits) as image:
        return _header(image)


def format_of(content: bytes) -> str:
    """Return the format of an image file by its content (see `formats`). Raises UnreadableImage."""
    with _rejecting(LIMITS), _opened(content, LIMITS) as image:
        return _kind_of(image)


def open_picture(
    content: bytes | Values, form: ImageForm, limits: Limits = LIMITS, *, measuring: bool = False
) -> Picture:
    """Decode one image: a file's bytes, or pixels `(H, W)` or `(H, W, C)`.

    The format is told by content. EXIF orientation is applied, where it can be read; of several
    frames the first is taken; values of more than 8 bits are stretched from `form.intensity` at
    their full depth; transparency, and values that are no numbers, are laid over `form.background`.

    Raises
    ------
    UnreadableImage
        With reason `empty`, `unsupported`, `too-large`, `truncated` or `corrupt`.
    UnknownRange
        The image has more than 8 bits, and its values are to be found (`measuring`), for the range
        to be chosen.
    """
    if not isinstance(content, bytes):
        return _open_array(content, form, measuring)
    with _rejecting(limits), _opened(content, limits) as image:
        kind = _kind_of(image)
        header, frames = _header(image), 1 if kind == "JPEG" else _count_frames(image, limits)
        if form.dct_scaling:
            _scale_down(image, header, form)
        image.load()
        # Pillow does not mind, if no pixel is missing
        if kind == "PNG" and _PNG_END not in content:
            raise UnreadableImage("truncated", "the end of the PNG file is missing")
        turn = _TURNS.get(_orientation(image))
        seen, stretched = cast(Image.Image, image), None
        if header.deep:
            values, opacity = deep_images.values_of(
                image, header.mode, content, partial(_opened, content, limits)
            )
            seen, stretched = deep_images.to_eight_bits(
                values, opacity, form.intensity, measuring=measuring
            )
        upright = seen.transpose(turn) if turn is not None else seen
        return Picture(_flatten(upright, form), kind, header, _digest(content), frames, stretched)


def _open_array(content: NDArray[Any], form: ImageForm, measuring: bool) -> Picture:
    flat = content.squeeze(-1) if content.ndim == 3 and content.shape[-1] == 1 else content
    header, stretched = read_header(content), None
    if header.deep:
        opacity = deep_images.opacity_of(flat)
        image, stretched = deep_images.to_eight_bits(
            flat, opacity, form.intensity, measuring=measuring
        )
    else:
        image = Image.fromarray(flat)
    return Picture(_flatten(image, form), ARRAY, header, _digest(content), stretched=stretched)


def _levels(image: Image.Image) -> int:
    """Return how many grey levels an image takes up, without its outermost hundredths."""
    counts = np.cumsum((image if image.mode == "L" else image.convert("L")).histogram())
    low, high = (np.searchsorted(counts, share * counts[-1]) for share in (0.01, 0.99))
    return int(high - low)


def _digest(content: bytes | Values) -> int:
    """Return a 64-bit digest of a file's bytes, or of an array and its shape."""
    digest = hashlib.blake2b(digest_size=8)
    if not isinstance(content, bytes):
        digest.update(repr(content.shape).encode())
        content = content.tobytes()
    digest.update(content)
    return int.from_bytes(digest.digest(), "little")


def decode(content: bytes | Values, form: ImageForm, limits: Limits = LIMITS) -> Pixels:
    """Decode one image, as `open_picture` does, to uint8 pixels of shape `form.shape`."""
    return fit(open_picture(content, form, limits), form)


def bring_to_form(pixels: Values, form: ImageForm) -> Pixels:
    """Bring decoded pixels `(H, W)` or `(H, W, C)` of any size to `form.shape`."""
    return (
        pixels if pixels.shape == form.shape and pixels.dtype == np.uint8 else decode(pixels, form)
    )


@contextlib.contextmanager
def _rejecting(limits: Limits) -> Iterator[None]:
    """Turn whatever a decoder raises on a broken file, almost anything, into UnreadableImage."""
    try:
        with unhindered(limits.pixels):  # the size is judged below, and odd metadata is no fault
            yield
    except (UnreadableImage, UnknownRange, MemoryError):  # of memory, whoever limits it says more
        raise
    except Image.DecompressionBombError:
        raise UnreadableImage(
            "too-large", f"over {limits.pixels:,} pixels (data.max_pixels)"
        ) from None
    except Exception as error:
        cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
        detail = str(error) or type(error).__name__
        raise UnreadableImage("truncated" if cut else "corrupt", detail) from None


def _opened(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    if not data:
        raise UnreadableImage("empty", "the file has no bytes")
    if len(data) > limits.bytes:
        raise UnreadableImage("too-large", f"over {limits.bytes:,} bytes (data.max_bytes)")
    image = open_image(data)
    if image.width * image.height > limits.pixels:
        raise UnreadableImage(
            "too-large",
            f"{image.width} x {image.height} is over {limits.pixels:,} pixels (data.max_pixels)",
        )
    return image


def _kind_of(image: ImageFile.ImageFile) -> str:
    # phones put several JPEGs in one file
    return "JPEG" if image.format == "MPO" else image.format or ""


def _header(image: ImageFile.ImageFile) -> Header:
    mode = deep_images.mode_of(image)  # before the orientation, for which Pillow loads a PNG file
    width, height = image.size
    # these lie on their side; of TIFF, Pillow knows
    if image.format != "TIFF" and _orientation(image) >= 5:
        width, height = height, width
    return Header(height, width, mode)


def _count_frames(image: Image.Image, limits: Limits) -> int:
    if not getattr(image, "is_animated", False):
        return 1
    frames = int(getattr(image, "n_frames", 1))
    if frames > limits.frames:
        raise UnreadableImage(
            "too-large", f"{frames:,} frames are over {limits.frames:,} (data.max_frames)"
        )
    image.seek(0)
    return frames


def _scale_down(image: Image.Image, header: Header, form: ImageForm) -> None:
    """Let the JPEG decoder leave out detail that resizing averages away, and no other."""
    inner = form.inner_size(header.width, header.height)
    wanted = inner if (header.width, header.height) == image.size else inner[::-1]
    image.draft(None, (OVERSAMPLING * wanted[0], OVERSAMPLING * wanted[1]))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, which is upright, where none can be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block takes no pixel away
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _flatten(image: Image.Image, form: ImageForm) -> Image.Image:
    mode = form.mode
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
    # not of what is scaled down
    width, height = form.inner_size(picture.header.width, picture.header.height)
    colour = form.background if form.channels == 1 else (form.background,) * 3
    canvas = Image.new(image.mode, (form.width, form.height), colour)
    inside = image.resize((width, height), Image.Resampling.BILINEAR)
    canvas.paste(inside, ((form.width - width) // 2, (form.height - height) // 2))
    return canvas


def _crop(picture: Picture, form: ImageForm) -> Image.Image:
    return ImageOps.fit(picture.image, (form.width, form.height), Image.Resampling.BILINEAR)


def _stretch(picture: Picture, form: ImageForm) -> Image.Image:
    return picture.image.resize((form.width, form.height), Image.Resampling.BILINEAR)
