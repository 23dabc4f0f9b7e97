"""What every image is brought to, and what a file may be at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convladder.data.decoding.intensity import IntensityRange

Pixels = NDArray[np.uint8]


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
