"""Images of more than 8 bits: told by their header, and read at their full depth.

Pillow has no colours of 16 bits: it gives the upper byte of each value. The lower one comes of
reading a file again with its bytes in the other order.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from convladder.core.errors import UnreadableImage
from convladder.core.formatting import plural
from convladder.data.decoding import intensity
from convladder.data.decoding.intensity import IntensityRange, Pixels, Stretch, UnknownRange, Values

Opened = Callable[[], ImageFile.ImageFile]  # opens the same file again

# Pillow's modes of whole numbers; I may hold 16 bits or 32
GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
FLOAT = "F"
HOLDERS = ("PNG", "TIFF", "PPM")  # formats that have colours of 16 bits
# at the end of what is called RGB;16, RGBA;16, LA;16 here, which Pillow calls RGB, RGBA, LA
COLOUR = ";16"

_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
# TIFF 6.0: PlanarConfiguration, SamplesPerPixel, …
_PLANES, _SAMPLES, _BITS, _SIGNED = (284, 277, 258, 339)


def is_deep(mode: str) -> bool:
    """Whether a mode, as `mode_of` says it, is one of more than 8 bits."""
    return mode in (*GREY, FLOAT) or ";" in mode


def is_grey(mode: str) -> bool:
    """Whether a mode, as `mode_of` says it, is one without colours."""
    return mode in ("1", "L", "LA", "LA;16", FLOAT, *GREY) or mode.startswith("I;")


def is_float(mode: str) -> bool:
    """Whether a mode is one of floats."""
    return mode.partition("+")[0] == FLOAT or mode.endswith(";F")


def without_range() -> UnreadableImage:
    """Return what is said of floats where no range is known: they may be of any scale."""
    return UnreadableImage("unsupported", "floating-point pixels have no known range")


def say_depth(mode: str) -> str:
    """Say how deep a mode is, to people."""
    if is_float(mode):
        return "floating-point"
    bits = mode.partition(";")[2].partition("+")[0].rstrip("SLBN") or "32"
    return "signed 8-bit" if bits == "8" else f"{bits}-bit"


def mode_of(image: ImageFile.ImageFile) -> str:
    """Return the colours of an image before it is loaded: Pillow's mode, or 16 bits (see COLOUR).

    Pillow's I has 32 bits here; where a file has 16, it is I;16, or I;16S of signed ones. A `+2`
    behind it says that the file has two bands more, which are left out. Raises UnreadableImage
    where Pillow would take the bytes of one value for two.
    """
    if image.format not in HOLDERS:
        return image.mode
    if image.mode in ("RGB", "RGBA", "LA") and _is_sixteen(image):
        return ("LA" if _raw_mode(image.tile[0]).startswith("LA") else image.mode) + COLOUR
    if image.format == "TIFF":
        bands, bits = _tag(image, _SAMPLES, 1), _tag(image, _BITS, (8,))
        if _tag(image, _PLANES, 1) == 2 and np.max(bits) > 8 and bands > 1:
            why = (
                f"{bands} bands of {np.max(bits)} bits, stored band by band: save them pixel by "
                "pixel"
            )
            raise UnreadableImage("unsupported", why)
        known = len(image.getbands())
        if image.mode not in ("P", "PA", "YCbCr") and bands > known:
            return f"{image.mode}+{bands - known}"
        return "I;16S" if image.mode == "I" and np.max(bits) == 16 else image.mode
    # Pillow widens what these formats have in two bytes
    return "I;16" if image.mode == "I" else image.mode


def mode_of_array(values: Values) -> str:
    """Return the mode of the file that an array `(H, W)` or `(H, W, C)` could have come from."""
    grey = values.ndim == 2 or values.shape[-1] == 1
    if values.dtype == np.uint8:
        return "L" if grey else "RGB"
    if values.dtype.kind == "f":
        return FLOAT if grey else "RGB;F"
    signed = "S" if values.dtype.kind == "i" else ""
    return f"{'I' if grey else 'RGB'};{8 * values.dtype.itemsize}{signed}"


def values_of(
    image: ImageFile.ImageFile, mode: str, content: bytes, again: Opened
) -> tuple[Values, Pixels | None]:
    """Return a deep image's values, `(height, width)` or `(height, width, 3)`, and its opacity.

    image : loaded. again : opens it once more.
    """
    if mode not in GREY and mode.endswith(COLOUR):
        values = _colour_values(image, mode, content, again)
        channels = {"RGB": 3, "RGBA": 3, "LA": 1}[mode.removesuffix(COLOUR)]
        opacity = (
            (values[..., channels] >> 8).astype(np.uint8) if values.shape[2] > channels else None
        )
        return values[..., 0] if channels == 1 else values[..., :channels], opacity
    values = np.asarray(image)
    if (
        mode == "I"
        and image.format == "TIFF"
        and _tag(image, _SIGNED, (1,))[0] == 1
        and values.itemsize == 4
    ):
        return values.view(np.uint32), None  # Pillow has no unsigned ones of 32 bits
    return values, opacity_of(values)


def opacity_of(values: Values) -> Pixels | None:
    """Return 0 for no numbers, else 255; None where all are numbers. Raises UnreadableImage."""
    if values.dtype.kind != "f":
        return None
    known = np.isfinite(values).reshape(*values.shape[:2], -1).all(axis=2)
    if not known.any():
        raise UnreadableImage("unsupported", "none of its values is a number")
    if known.all():
        return None
    opacity: Pixels = np.where(known, np.uint8(255), np.uint8(0))
    return opacity


def to_eight_bits(
    values: Values, opacity: Pixels | None, chosen: IntensityRange | None, *, measuring: bool
) -> tuple[Image.Image, Stretch]:
    """Return values as an ordinary image, and how they were stretched.

    Without a range whole numbers are those of 16 bits. Raises UnknownRange where they are only to
    be measured, and UnreadableImage where they are floats without a range.
    """
    extremes = intensity.find_extremes(values)
    if measuring:
        raise UnknownRange(extremes)
    if chosen is None:
        if values.dtype.kind == "f":
            raise without_range()
        chosen = intensity.FULL
    pixels = intensity.stretch(values, chosen)
    image = Image.fromarray(pixels if opacity is None else np.dstack([pixels, opacity]))
    return image, Stretch(extremes.least, extremes.largest, intensity.share_outside(values, chosen))


def say_bands(content: bytes) -> str | None:
    """Say what bands a TIFF file has; None of other files, or where its header is unreadable."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    try:
        tags = ImageFileDirectory_v2(content[:8])
        file = io.BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        bands, bits = int(tags.get(_SAMPLES, 1)), tags.get(_BITS, (1,))
    except Exception:  # whatever is wrong with it, it is no image that can be read
        return None
    kind = {1: "", 2: ", signed", 3: ", floating-point"}.get(tags.get(_SIGNED, (1,))[0], "")
    found = f"{plural(bands, 'band')} of {np.max(bits)} bits{kind}"
    return f"a TIFF file of {found}: save the bands that matter as grey or RGB"


def _is_sixteen(image: ImageFile.ImageFile) -> bool:
    """Whether all of a file's colours are of 16 bits, in an order that can be turned."""
    if image.format == "PPM":
        decoder, _, _, args = image.tile[0]
        return decoder == "ppm" and isinstance(args, tuple) and int(args[1]) > 255
    return bool(image.tile) and all(
        _raw_mode(each).rpartition(";")[2] in ("16B", "16L", "16N") for each in image.tile
    )


def _raw_mode(tile: Any) -> str:
    args = tile[3]
    found = args[0] if isinstance(args, tuple) and args else args
    return found if isinstance(found, str) else ""


def _colour_values(image: ImageFile.ImageFile, mode: str, content: bytes, again: Opened) -> Values:
    """Return the values of all channels, `(height, width, channels)`."""
    if image.format == "PPM":
        return _binary_values(image.size, again().tile[0], content)
    # there is no other order of these; two bytes of each are four channels of 8 bits
    if mode == "LA;16":
        bytewise = again()
        bytewise._mode = "RGBA"
        bytewise.tile = [_with_raw_mode(each, "RGBA") for each in bytewise.tile]
        pairs = np.asarray(bytewise).astype(np.uint16)
        return pairs[..., ::2] << 8 | pairs[..., 1::2]
    turned = again()
    names = [_raw_mode(each) for each in turned.tile]
    others = [name[:-1] + _OTHER_ORDER[name[-1]] for name in names]
    turned.tile = [_with_raw_mode(*each) for each in zip(turned.tile, others, strict=True)]
    values = np.asarray(image).astype(np.uint16)
    values <<= 8  # in its place: such images may be large
    values |= np.asarray(turned)
    return values


def _binary_values(size: tuple[int, int], tile: Any, content: bytes) -> NDArray[np.uint16]:
    """Return the colours of a binary PPM file, which says itself what is its largest value."""
    found = np.frombuffer(content, ">u2", 3 * size[0] * size[1], tile[2]).reshape(
        size[1], size[0], 3
    )
    scaled: NDArray[np.uint16] = np.rint(found * (intensity.DEEPEST / tile[3][1])).astype(np.uint16)
    return scaled


def _with_raw_mode(tile: Any, raw_mode: str) -> Any:
    args = (raw_mode, *tile[3][1:]) if isinstance(tile[3], tuple) else raw_mode
    return tile._replace(args=args)


def _tag(image: ImageFile.ImageFile, number: int, otherwise: Any) -> Any:
    return getattr(image, "tag_v2", {}).get(number, otherwise)
