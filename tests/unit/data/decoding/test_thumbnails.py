from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from convladder.data.decoding.thumbnails import make_thumbnails, reduce_thumbnails


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(32, 32), (5, 3), (700, 300)])
def test_every_image_has_a_thumbnail(mode: str, size: tuple[int, int]) -> None:
    thumbnails = make_thumbnails([Image.new("RGB", size, (200, 100, 50)).convert(mode)])
    assert thumbnails.shape == (1, 32, 32, 3)
    assert thumbnails.dtype == np.uint8


def test_of_no_images_there_are_no_thumbnails() -> None:
    assert make_thumbnails([]).shape == (0, 32, 32, 3)
    assert reduce_thumbnails(make_thumbnails([])).shape == (0, 16, 16, 3)


def test_a_reduced_thumbnail_is_the_mean_of_four_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    expected = np.rint(pixels[0, 4:6, 8:10].mean((0, 1)))
    assert reduce_thumbnails(pixels)[0, 2, 4].tolist() == expected.tolist()
