"""The decoder: the one way from a file's bytes to pixels, to train, evaluate and predict."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from convladder.core.errors import UnreadableImage
from convladder.data.decoding import deep_images
from convladder.data.decoding.formats import open_image
from convladder.data.decoding.image_form import LIMITS, ImageForm, Limits, Pixels
from convladder.data.decoding.intensity import UnknownRange, Values
from convladder.data.decoding.picture import ARRAY, Header, Picture, fit
from convladder.data.decoding.pillow import unhindered

# a photograph is decoded at this multiple of the wanted size at least, then resized
OVERSAMPLING = 3

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
