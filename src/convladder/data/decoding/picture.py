"""One image as it is meant to be seen, and how it is brought to the size of a form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from convladder.data.decoding import deep_images, intensity
from convladder.data.decoding.image_form import ImageForm, Pixels
from convladder.data.decoding.intensity import Stretch

ARRAY = "array"  # the format of pixels that never were a file


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


def _levels(image: Image.Image) -> int:
    """Return how many grey levels an image takes up, without its outermost hundredths."""
    counts = np.cumsum((image if image.mode == "L" else image.convert("L")).histogram())
    low, high = (np.searchsorted(counts, share * counts[-1]) for share in (0.01, 0.99))
    return int(high - low)


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
