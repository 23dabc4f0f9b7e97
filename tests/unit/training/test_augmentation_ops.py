"""Operations on images are those of Pillow, and are drawn for each image by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from convladder.training import augmentation_ops
from convladder.training.augmentation_ops import AugMix, RandomOperations

Picture = Image.Image
FACTOR = 1 + 0.9 * 0.5
SIDE = 80  # so large that Pillow equalizes finely


def pictures(count: int = 4, channels: int = 3) -> NDArray[np.float32]:
    """Return smooth images of few levels, and not of all."""
    draw = np.random.default_rng(0)
    small = draw.uniform(20, 220, (count, 4, 4, channels))
    large = small.repeat(SIDE // 4, axis=1).repeat(SIDE // 4, axis=2)
    return np.rint(large + draw.uniform(-9, 9, large.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "strength", "pillow", "apart"),
    [
        ("brightness", 0.5, lambda image: ImageEnhance.Brightness(image).enhance(FACTOR), 1),
        ("contrast", 0.5, lambda image: ImageEnhance.Contrast(image).enhance(FACTOR), 2),
        ("colour", 0.5, lambda image: ImageEnhance.Color(image).enhance(FACTOR), 2),
        ("colour", -0.5, lambda image: ImageEnhance.Color(image).enhance(2 - FACTOR), 2),
        ("posterize", -0.5, lambda image: ImageOps.posterize(image, 6), 0),
        ("posterize", 1.0, lambda image: ImageOps.posterize(image, 4), 0),
        ("solarize", 0.5, lambda image: ImageOps.solarize(image, 128), 0),
        ("autocontrast", 0.5, ImageOps.autocontrast, 1.01),
        ("equalize", 0.5, ImageOps.equalize, 12),
    ],
)
def test_an_operation_is_that_of_pillow(
    name: str, strength: float, pillow: Callable[[Picture], Picture], apart: float
) -> None:
    images = pictures()
    strengths = np.full((len(images), 1, 1, 1), strength, np.float32)
    made = np.asarray(augmentation_ops.COLOURS[name](images, strengths))
    expected = np.stack(
        [np.asarray(pillow(Image.fromarray(each.astype(np.uint8)))) for each in images]
    )
    assert np.abs(made - expected).max() <= apart
    assert not np.allclose(made, images)


def test_a_histogram_that_is_equalized_is_flat() -> None:
    made = np.asarray(augmentation_ops.equalize(pictures(), np.zeros((4, 1, 1, 1), np.float32)))
    for image in made:
        for channel in range(3):
            shares = np.sort(image[..., channel].ravel()) / 255
            assert np.abs(shares - np.linspace(0, 1, shares.size)).max() < 0.05


def test_sharpness_moves_away_from_the_mean_of_neighbours_and_towards_it() -> None:
    images = pictures()
    mean = np.asarray(
        augmentation_ops.sharpness(images, np.full((4, 1, 1, 1), -1 / 0.9, np.float32))
    )
    inner = np.mean(
        [images[:, y : SIDE - 2 + y, x : SIDE - 2 + x] for y in range(3) for x in range(3)], axis=0
    )
    assert np.allclose(mean[:, 1:-1, 1:-1], inner, atol=1e-3)
    sharper = np.asarray(augmentation_ops.sharpness(images, np.full((4, 1, 1, 1), 0.5, np.float32)))
    assert sharper.std() > images.std()


@pytest.mark.parametrize("name", augmentation_ops.COLOURS)
def test_each_image_has_its_own_strength_and_grey_ones_are_taken_too(name: str) -> None:
    images = pictures(channels=1)
    both = np.asarray(
        augmentation_ops.COLOURS[name](
            images, np.linspace(-1, 1, 4, dtype=np.float32).reshape(4, 1, 1, 1)
        )
    )
    assert both.shape == images.shape
    assert both.min() >= 0
    assert both.max() <= 255.001
    for number, strength in enumerate(np.linspace(-1, 1, 4, dtype=np.float32)):
        alone = augmentation_ops.COLOURS[name](
            images[number : number + 1], np.full((1, 1, 1, 1), strength)
        )
        assert np.allclose(both[number], alone[0], atol=1e-3)


@pytest.mark.parametrize("name", augmentation_ops.GEOMETRIC)
def test_something_is_moved_as_far_as_its_name_says(name: str) -> None:
    images = np.zeros((64, 41, 41, 1), np.float32)
    images[:, 18:23, 18:23] = 255
    images[:, 30, 20] = 100
    moved = np.asarray(RandomOperations((name,), 1, 1.0, seed=0, name="x")(images, training=True))
    different = np.unique(moved.round(1), axis=0)
    assert len(different) == 2, "to one side or to the other"
    centres = [np.argwhere(each[..., 0] > 200).mean(axis=0) - 20 for each in different]
    if name.startswith("shift"):
        axis = 1 if name == "shift-x" else 0
        assert sorted(centre[axis] for centre in centres) == pytest.approx([-12.3, 12.3], abs=0.6)
    else:
        assert np.allclose(centres, 0, atol=0.5)


def test_operations_are_drawn_for_each_image_by_itself() -> None:
    images = np.stack([pictures(1)[0]] * 200)
    names = (*augmentation_ops.GEOMETRIC, *augmentation_ops.COLOURS, "nothing")
    layer = RandomOperations(names, 1, 0.5, seed=1, name="randaugment")
    made = np.asarray(layer(images, training=True))
    assert 17 <= len(np.unique(made.round(2), axis=0)) <= 5 * 2 + 4 * 2 + 4 + 1, (
        "one for each, or two of two sides"
    )
    same = np.mean([np.array_equal(each, images[0]) for each in made])
    assert 0.02 < same < 0.15, "one of fourteen does nothing"
    assert not np.array_equal(made, np.asarray(layer(images, training=True)))
    assert np.array_equal(layer(images, training=False), images)


@pytest.mark.parametrize("name", sorted(augmentation_ops.COLOURS))
def test_what_has_no_direction_is_not_undone_by_a_second_draw(name: str) -> None:
    images = np.stack([pictures(1)[0]] * 40)
    made = np.asarray(RandomOperations((name,), 2, 0.4, seed=0, name="x")(images, training=True))
    same = sum(np.array_equal(each, images[0]) for each in made)
    directed = name in ("brightness", "contrast", "colour", "sharpness")
    assert (same > 0) == directed, (
        "two draws of other signs cancel where a sign means a direction, and there alone"
    )
    if name in augmentation_ops.UNDIRECTED:
        twice = augmentation_ops.COLOURS[name](images, np.full((40, 1, 1, 1), 0.8, np.float32))
        assert np.array_equal(made, twice)


def test_augmix_stays_near_to_the_image_and_is_anew_for_each() -> None:
    images = np.stack([pictures(1)[0]] * 50)
    layer = AugMix(0.3, seed=1)
    made = np.asarray(layer(images, training=True))
    assert len(np.unique(made.round(2), axis=0)) > 45
    assert made.min() >= -1e-3
    assert made.max() <= 255.001
    alike = [np.corrcoef(each.ravel(), images[0].ravel())[0, 1] for each in made]
    assert np.mean(alike) > 0.7
    assert np.array_equal(layer(images, training=False), images)
