from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy.ndimage import gaussian_filter

from convladder.data import duplicates
from convladder.data.duplicates import Pair, find_pairs, group
from convladder.data.thumbnails import hash_images, make_thumbnails, reduce_thumbnails

Pixels = NDArray[np.uint8]


def picture(seed: int, side: int = 48) -> Image.Image:
    """Make a picture of soft blobs, as rich as a photograph, that is different for each seed."""
    noise = np.random.default_rng(seed).normal(size=(48, 48, 3))
    blobs = sum(gaussian_filter(noise, (width, width, 0)) * width for width in (1.5, 3, 6))
    pixels = np.clip(128 + 90 * blobs, 20, 210).astype(np.uint8)
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)


def recompressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=50)
    return Image.open(file).convert("RGB")


def shifted(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.pad(np.asarray(image), ((0, 0), (1, 0), (0, 0)), mode="edge")[:, :-1])


def digest(image: Image.Image) -> int:
    return int.from_bytes(hashlib.blake2b(np.asarray(image).tobytes(), digest_size=8).digest(), "big")


def find(images: list[Image.Image]) -> list[Pair]:
    digests = np.array([digest(image) for image in images], dtype=np.uint64)
    thumbnails = make_thumbnails(images)
    coarse = reduce_thumbnails(thumbnails)
    return find_pairs(digests, *hash_images(images), coarse, lambda indices: thumbnails[indices])


def test_an_exact_copy_is_told_from_a_near_one() -> None:
    pairs = find([picture(0), picture(1), picture(0), recompressed(picture(1))])
    assert [(pair.left, pair.right, pair.kind) for pair in pairs] == [(0, 2, "exact"), (1, 3, "near")]
    assert pairs[0].distance == 0 < pairs[1].distance < duplicates.FARTHEST


@pytest.mark.parametrize(
    "change",
    [
        recompressed,
        shifted,
        lambda image: image.resize((24, 24)),
        lambda image: image.resize((72, 72)),
        lambda image: image.resize((720, 720)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.2),
        lambda image: image.resize((60, 40)),
    ],
    ids=["recompressed", "shifted", "halved", "enlarged", "large", "brightened", "stretched"],
)
def test_the_same_picture_is_found_again(change: Callable[[Image.Image], Image.Image]) -> None:
    images = [picture(seed) for seed in range(20)]
    pairs = find([*images, change(images[7])])
    assert [(pair.left, pair.right, pair.kind, pair.mirrored) for pair in pairs] == [(7, 20, "near", False)]


def test_a_mirrored_picture_is_found_and_said_to_be_mirrored() -> None:
    images = [picture(seed) for seed in range(20)]
    (pair,) = find([*images, recompressed(ImageOps.mirror(images[3]))])
    assert (pair.left, pair.right, pair.kind, pair.mirrored) == (3, 20, "near", True)


def test_different_pictures_are_no_duplicates() -> None:
    assert find([picture(seed) for seed in range(200)]) == []


def test_digits_that_look_alike_are_no_duplicates() -> None:
    from sklearn.datasets import load_digits

    zeros_and_ones = [Image.fromarray((15.9 * image).astype(np.uint8)) for image in load_digits(n_class=2).images]
    assert find(zeros_and_ones) == []


def test_pictures_that_differ_in_a_detail_are_no_duplicates() -> None:
    plain, marked = picture(0), picture(0)
    ImageDraw.Draw(marked).rectangle((10, 10, 34, 34), fill=(230, 30, 30))
    assert find([plain, marked]) == []


def test_blank_images_are_duplicates_only_if_exact() -> None:
    draw = np.random.default_rng(0)
    pages = [Image.fromarray(draw.integers(250, 253, (32, 32, 3), dtype=np.uint8)) for _ in range(40)]
    blank = [Image.new("RGB", (32, 32), (grey, grey, grey)) for grey in (0, 10, 200, 10)]
    (pair,) = find(pages + blank)
    assert (pair.left, pair.right, pair.kind) == (41, 43, "exact")


def test_n_copies_of_one_picture_make_n_minus_one_pairs() -> None:
    exact = find([picture(0)] * 50)
    assert [(pair.left, pair.right) for pair in exact] == [(0, copy) for copy in range(1, 50)]
    draw = np.random.default_rng(0)
    pixels = np.asarray(picture(0)).astype(int)
    noisy = [Image.fromarray((pixels + draw.integers(-3, 4, pixels.shape)).astype(np.uint8)) for _ in range(500)]
    assert len(find(noisy)) == 499


def test_many_different_pictures_of_one_hash_do_not_explode(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    thumbnails = make_thumbnails([picture(seed) for seed in range(60)])
    many = np.tile(thumbnails, (50, 1, 1, 1))
    hashes = np.full(len(many), 12345, dtype=np.uint64)
    monkeypatch.setattr(duplicates, "CROWD", 20)
    for left, right in duplicates.propose(hashes, hashes, 0):
        assert (left < right).all()
        looked.append(len(left))
    assert sum(looked) <= 20 * len(many)


def test_all_hashes_within_the_radius_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "COLUMNS", 37)
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 2**64, 150, dtype=np.uint64)
    hashes[100:] = hashes[:50] ^ np.uint64(0b10110)
    proposed = {
        (int(ours), int(theirs))
        for left, right in duplicates.propose(hashes, hashes, 3)
        for ours, theirs in zip(left, right, strict=True)
    }
    assert proposed == {(place, place + 100) for place in range(50)}


@pytest.mark.parametrize("images", [0, 1])
def test_no_image_or_one_has_no_duplicates(images: int) -> None:
    assert find([picture(seed) for seed in range(images)]) == []


def test_groups_join_what_is_connected() -> None:
    pairs = [Pair(0, 3, "exact", False, 0.0), Pair(3, 4, "near", False, 0.01)]
    groups = group(np.array([(pair.left, pair.right) for pair in pairs]), 6)
    assert groups[0] == groups[3] == groups[4]
    assert len(set(groups)) == 4
    assert group(np.empty((0, 2), np.int64), 3).tolist() == [0, 1, 2]
