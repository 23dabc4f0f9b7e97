"""What is known of an image besides its pixels: measured once, when it is decoded, and kept with the bank."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convladder.data.duplicates import COARSE, SIDE, hash_image, make_thumbnail, reduce_thumbnail
from convladder.data.images import ImageForm, Picture, Pixels

FACTS = np.dtype(
    [
        ("format", "S8"),  # of the content: JPEG, PNG, …; "array" where there was no file
        ("mode", "S8"),  # as stored: RGB, L, CMYK, …
        ("height", "u4"),  # as displayed
        ("width", "u4"),
        ("frames", "u4"),
        ("digest", "u8"),  # of the decoded pixels before they are brought to a form
        ("content", "u8", (2,)),  # a digest of the pixels in the bank
        ("hash", "u8"),  # perceptual, of the image and of its mirror image
        ("mirrored", "u8"),
        ("coarse", "u1", (COARSE, COARSE)),  # grey pixels of the thumbnail
        ("low", "u1"),  # grey levels that 1 and 99 % of the pixels do not exceed
        ("high", "u1"),
        ("deviation", "f4"),  # of the grey levels
        ("sharpness", "f4"),  # variance of the Laplacian at no more than SHARPNESS_SIDE pixels to a side
    ]
)

Facts = NDArray[Any]  # of dtype FACTS

SHARPNESS_SIDE = 256


def measure(picture: Picture, pixels: Pixels) -> tuple[Any, ...]:
    """Return the facts of an image, in the order of FACTS; `pixels` are what the bank keeps of it."""
    image, header = picture.image, picture.header
    grey = image.convert("L")
    shares = np.cumsum(grey.histogram()) / (grey.width * grey.height)
    own, mirrored = hash_image(image)
    return (
        picture.format,
        header.mode,
        header.height,
        header.width,
        picture.frames,
        digest_pixels(image),
        digest_content(pixels),
        own,
        mirrored,
        reduce_thumbnail(make_thumbnail(image)),
        np.searchsorted(shares, 0.01),
        np.searchsorted(shares, 0.99),
        _deviation(grey),
        measure_sharpness(grey),
    )


def digest_content(pixels: Pixels) -> NDArray[np.uint64]:
    """Return a 128-bit digest of an image's pixels in the bank, as two numbers."""
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
    return np.frombuffer(digest, dtype="<u8")


def digest_pixels(image: Image.Image) -> int:
    """Return a 64-bit digest of an image's size, mode and pixels."""
    digest = hashlib.blake2b(repr((image.size, image.mode)).encode(), digest_size=8)
    digest.update(image.tobytes())
    return int.from_bytes(digest.digest(), "little")


def measure_sharpness(grey: Image.Image) -> float:
    """Return the variance of the Laplacian of a grey image; 0 where it is less than 3 pixels to a side.

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR.
    """
    if max(grey.size) > SHARPNESS_SIDE:
        grey = grey.copy()
        grey.thumbnail((SHARPNESS_SIDE, SHARPNESS_SIDE))
    if min(grey.size) < 3:
        return 0.0
    levels = np.asarray(grey, dtype=np.float32)
    inner = levels[1:-1, 1:-1]
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    return float((around - 4 * inner).var())


def _deviation(grey: Image.Image) -> float:
    return float(np.asarray(grey, dtype=np.float32).std())


def thumbnails(pixels: Pixels, facts: Facts, form: ImageForm) -> Pixels:
    """Return images of a bank, `(N, height, width, channels)`, without their padding, as `(N, 32, 32, 3)`."""
    small = np.empty((len(pixels), SIDE, SIDE, 3), dtype=np.uint8)
    for place, (image, fact) in enumerate(zip(pixels, facts, strict=True)):
        inside = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
        if form.resize == "pad":
            width, height = form.inner_size(int(fact["width"]), int(fact["height"]))
            left, top = (form.width - width) // 2, (form.height - height) // 2
            inside = inside.crop((left, top, left + width, top + height))
        small[place] = make_thumbnail(inside)
    return small
