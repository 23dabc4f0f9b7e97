from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy.ndimage import gaussian_filter

from convladder.data.copies import judging
from convladder.data.copies.duplicates import Pair, find_pairs
from convladder.data.copies.groups import group
from convladder.data.decoding.thumbnails import (
    LARGE_SIDE,
    LEAST_LARGE,
    make_thumbnails,
    reduce_thumbnails,
)

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
    return int.from_bytes(
        hashlib.blake2b(np.asarray(image).tobytes(), digest_size=8).digest(), "big"
    )


def cut(image: Image.Image) -> Image.Image:
    """Cut off a tenth of the width at the right, and a little more of the height."""
    width, height = image.size
    return image.crop((0, round(0.12 * height), round(0.9 * width), height)).resize(image.size)


def in_other_colours(image: Image.Image) -> Image.Image:
    faded = (0.8, 0.2, 0.1, 10, 0.1, 0.6, 0.1, 0, 0.2, 0.2, 0.5, -10)
    return image.convert("RGB", faded)


def with_a_margin(image: Image.Image) -> Image.Image:
    wider = Image.new("RGB", (image.width + 6, image.height + 4), (90, 100, 110))
    wider.paste(image, (2, 3))
    return wider


def find(images: list[Image.Image], labels: list[int] | None = None) -> list[Pair]:
    digests = np.array([digest(image) for image in images], dtype=np.uint64)
    thumbnails = make_thumbnails(images)
    large = (
        make_thumbnails(images, LARGE_SIDE)
        if images and min(images[0].size) >= LEAST_LARGE
        else None
    )
    classes = np.array(labels or [number % 4 for number in range(len(images))], dtype=np.int32)
    larger = None if large is None else large.__getitem__
    return find_pairs(
        digests, reduce_thumbnails(thumbnails), classes, thumbnails.__getitem__, larger
    )


def test_an_exact_copy_is_told_from_a_near_one() -> None:
    pairs = find([picture(0), picture(1), picture(0), recompressed(picture(1))])
    assert [(pair.left, pair.right, pair.kind) for pair in pairs] == [
        (0, 2, "exact"),
        (1, 3, "near"),
    ]
    assert pairs[0].distance == 0 < pairs[1].distance < 1 - judging.LEAST_FINE


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
        cut,
        lambda image: recompressed(cut(image)),
        in_other_colours,
        lambda image: shifted(shifted(shifted(shifted(image)))),
        with_a_margin,
    ],
    ids=[
        *("recompressed", "shifted", "halved", "enlarged", "large", "brightened", "stretched"),
        *(
            "cut",
            "cut and recompressed",
            "in other colours",
            "shifted by a twelfth",
            "with a margin",
        ),
    ],
)
def test_the_same_picture_is_found_again(change: Callable[[Image.Image], Image.Image]) -> None:
    images = [picture(seed) for seed in range(20)]
    pairs = find([*images, change(images[7])])
    assert [(pair.left, pair.right, pair.kind, pair.mirrored) for pair in pairs] == [
        (7, 20, "near", False)
    ]


def test_a_mirrored_picture_is_found_and_said_to_be_mirrored() -> None:
    images = [picture(seed) for seed in range(20)]
    (pair,) = find([*images, recompressed(ImageOps.mirror(images[3]))])
    assert (pair.left, pair.right, pair.kind, pair.mirrored) == (3, 20, "near", True)


def test_different_pictures_are_no_duplicates() -> None:
    assert find([picture(seed) for seed in range(200)]) == []


@pytest.mark.parametrize("few", [20, 40, 80])
def test_few_digits_that_look_alike_are_no_duplicates(few: int) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = [Image.fromarray((15.9 * image).astype(np.uint8)) for image in digits.images[:few]]
    assert find([image.resize((32, 32)) for image in images], digits.target[:few].tolist()) == []


def test_digits_that_look_alike_are_no_duplicates() -> None:
    from sklearn.datasets import load_digits

    zeros_and_ones = [
        Image.fromarray((15.9 * image).astype(np.uint8)) for image in load_digits(n_class=2).images
    ]
    assert find(zeros_and_ones) == []


def test_pictures_that_differ_in_a_detail_are_no_duplicates() -> None:
    plain, marked = picture(0), picture(0)
    ImageDraw.Draw(marked).rectangle((10, 10, 34, 34), fill=(230, 30, 30))
    assert find([plain, marked]) == []


def test_blank_images_are_duplicates_only_if_exact() -> None:
    draw = np.random.default_rng(0)
    pages = [
        Image.fromarray(draw.integers(250, 253, (32, 32, 3), dtype=np.uint8)) for _ in range(40)
    ]
    blank = [Image.new("RGB", (32, 32), (grey, grey, grey)) for grey in (0, 10, 200, 10)]
    (pair,) = find(pages + blank)
    assert (pair.left, pair.right, pair.kind) == (41, 43, "exact")


def noisy(image: Image.Image, draw: np.random.Generator, deviation: float = 3) -> Image.Image:
    pixels = np.asarray(image) + draw.normal(0, deviation, (*image.size[::-1], 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def test_n_copies_of_one_picture_make_n_minus_one_pairs() -> None:
    exact = find([picture(0)] * 50)
    assert [(pair.left, pair.right) for pair in exact] == [(0, copy) for copy in range(1, 50)]
    draw = np.random.default_rng(0)
    changed = [noisy(picture(0), draw) for _ in range(10)]
    others = [picture(seed) for seed in range(1, 100)]
    assert len(find(changed + others, [0] * 60 + [1] * 49)) == 9


def test_exposures_of_a_fixed_camera_are_no_copies() -> None:
    draw = np.random.default_rng(0)
    images = [noisy(picture(0, side=96), draw, deviation=5) for _ in range(60)]
    marked = []
    for image in images[30:]:
        right, down = draw.integers(5, 80, 2)
        ImageDraw.Draw(image).line((right, down, right + 8, down + 4), fill=(20, 20, 20), width=2)
        marked.append(image)
    labels = [0] * 30 + [1] * 30
    assert find(images[:30] + marked, labels) == []


def test_a_copy_among_exposures_of_a_fixed_camera_is_found() -> None:
    draw = np.random.default_rng(0)
    images = [noisy(picture(0, side=96), draw, deviation=5) for _ in range(60)]
    copies = [images[7].resize((120, 120)), ImageEnhance.Brightness(images[40]).enhance(1.05)]
    labels = [number % 2 for number in range(60)]
    pairs = find(images + copies, [*labels, labels[7], labels[40]])
    assert {(pair.left, pair.right) for pair in pairs} == {(7, 60), (40, 61)}


def recompressed_at(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def test_exposures_that_were_mirrored_are_copies_of_what_they_were_made_of() -> None:
    draw = np.random.default_rng(0)
    images = [noisy(picture(0, side=96), draw, deviation=5) for _ in range(60)]
    copies = [recompressed_at(ImageOps.mirror(image), 95) for image in images[:5]]
    pairs = find(images + copies, [number % 2 for number in range(65)])
    assert {(pair.left, pair.right, pair.mirrored) for pair in pairs} == {
        (n, 60 + n, True) for n in range(5)
    }


@pytest.mark.parametrize("labels", [[0] * 30, [number % 5 for number in range(30)], [9] * 30])
def test_one_picture_that_was_recompressed_often_is_no_scene_whatever_its_labels(
    labels: list[int],
) -> None:
    draw = np.random.default_rng(0)
    photograph = noisy(picture(0, side=96), draw, deviation=8)
    images = [recompressed_at(photograph, int(quality)) for quality in draw.integers(40, 96, 30)]
    others = [picture(seed, side=96) for seed in range(1, 60)]
    pairs = find(images + others, labels + [number % 5 for number in range(59)])
    groups = group(np.array([(pair.left, pair.right) for pair in pairs]), 89)
    assert len(set(groups[:30])) == 1
    assert len(set(groups)) == 60


def test_lamps_of_two_colours_in_one_scene_are_no_copies_with_different_labels() -> None:
    draw = np.random.default_rng(0)
    images = []
    for number in range(40):
        image = noisy(picture(0, side=96), draw, deviation=5)
        ImageDraw.Draw(image).ellipse(
            (60, 20, 68, 28), fill=((230, 30, 30), (30, 200, 60))[number % 2]
        )
        images.append(image)
    assert find(images, [number % 2 for number in range(40)]) == []


def test_cameras_that_see_different_scenes_are_told_apart() -> None:
    draw = np.random.default_rng(0)
    images = [noisy(picture(seed % 5, side=64), draw, deviation=5) for seed in range(150)]
    assert find(images, [number // 75 for number in range(150)]) == []


def stripes(number: int) -> Image.Image:
    draw = np.random.default_rng(number)
    down, right = np.mgrid[:32, :32]
    waves = np.sin((down, right)[number % 2] * draw.uniform(0.5, 0.9) + draw.uniform(0, 6))
    return Image.fromarray(
        (128 + 90 * np.sign(waves) + draw.normal(0, 10, (32, 32))).clip(0, 255).astype(np.uint8)
    )


def test_stripes_are_no_copies_of_stripes_that_lie_elsewhere() -> None:
    assert (
        find([stripes(number) for number in range(80)], [number % 2 for number in range(80)]) == []
    )


def shirt(seed: int) -> Image.Image:
    """Make a shirt of one outline on one carpet; the cloth of each is its own."""
    draw = np.random.default_rng(seed)
    image = Image.fromarray(draw.integers(120, 150, (96, 96, 3), dtype=np.uint8))
    cloth = Image.fromarray(draw.integers(20, 90, (96, 96, 3), dtype=np.uint8))
    outline = Image.new("L", (96, 96))
    ImageDraw.Draw(outline).polygon(
        [(20, 20), (40, 14), (56, 14), (76, 20), (70, 84), (26, 84)], fill=255
    )
    image.paste(cloth, mask=outline)
    return image


def test_shirts_of_one_outline_are_no_copies() -> None:
    assert find([shirt(seed) for seed in range(30)]) == []


def test_pictures_that_were_multiplied_before_they_were_split_are_copies() -> None:
    draw = np.random.default_rng(0)
    originals = [picture(seed) for seed in range(30)]
    images = originals + [noisy(cut(image), draw) for image in originals for _ in range(5)]
    groups = group(
        np.array(
            [
                (pair.left, pair.right)
                for pair in find(images, [0] * 15 + [1] * 15 + [0] * 75 + [1] * 75)
            ]
        ),
        len(images),
    )
    assert all(
        (groups[30 + 5 * number : 35 + 5 * number] == groups[number]).all() for number in range(30)
    )
    assert len(set(groups)) == 30


@pytest.mark.parametrize("images", [0, 1])
def test_no_image_or_one_has_no_duplicates(images: int) -> None:
    assert find([picture(seed) for seed in range(images)]) == []


def test_groups_join_what_is_connected() -> None:
    pairs = [Pair(0, 3, "exact", False, 0.0), Pair(3, 4, "near", False, 0.01)]
    groups = group(np.array([(pair.left, pair.right) for pair in pairs]), 6)
    assert groups[0] == groups[3] == groups[4]
    assert len(set(groups)) == 4
    assert group(np.empty((0, 2), np.int64), 3).tolist() == [0, 1, 2]
