"""The small forms of images: what the hash is, bit by bit, and that any image has one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from convladder.data.thumbnails import hash_images, make_thumbnails, reduce_thumbnails


def waves(height: int, width: int) -> Image.Image:
    """Make an image by a formula in whole numbers."""
    y, x = np.mgrid[:height, :width]
    colours = [(x * x + 3 * y * k + (x * y) // (k + 1)) % 256 for k in (1, 2, 5)]
    return Image.fromarray(np.stack(colours, axis=-1).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "own", "mirrored"),
    [
        ((32, 32), 0x80071E083EFC7F7C, 0xD5524B5D7B2D1059),
        ((48, 40), 0x8101031F1C1F7FFE, 0xD454564A55564AEF),
    ],
)
def test_a_hash_is_what_imagehash_makes_of_it(size: tuple[int, int], own: int, mirrored: int) -> None:
    # imagehash 4.3.2: phash(image) and phash(ImageOps.mirror(image))
    hashes = hash_images([waves(*size)])
    assert [int(each[0]) for each in hashes] == [own, mirrored]


def test_the_mirror_hash_is_the_hash_of_the_mirror_image() -> None:
    upright, mirrored = hash_images([waves(32, 32), ImageOps.mirror(waves(32, 32))])
    assert upright.tolist() == mirrored[::-1].tolist()
    assert upright[0] != mirrored[0]


def test_images_are_hashed_together_as_alone() -> None:
    images = [waves(32, 32), waves(20, 70), waves(300, 500).convert("L")]
    assert hash_images(images)[0].tolist() == [int(hash_images([image])[0][0]) for image in images]


@pytest.mark.parametrize(
    "image", [Image.new("L", (1, 1)), Image.new("RGB", (1, 3000)), Image.new("P", (900, 700))]
)
def test_any_image_has_a_hash_and_a_thumbnail(image: Image.Image) -> None:
    assert [len(each) for each in hash_images([image])] == [1, 1]
    assert make_thumbnails([image]).shape == (1, 32, 32, 3)


def test_a_thumbnail_has_a_grey_pixel_for_every_sixteen() -> None:
    halves = np.zeros((32, 32, 3), np.uint8)
    halves[:, 16:] = (30, 60, 90)
    (reduced,) = reduce_thumbnails(make_thumbnails([Image.fromarray(halves)]))
    assert reduced.tolist() == [[0] * 4 + [60] * 4] * 8


def test_no_images_have_no_hashes() -> None:
    assert [len(each) for each in hash_images([])] == [0, 0]
    assert make_thumbnails([]).shape == (0, 32, 32, 3)
