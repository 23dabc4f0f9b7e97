"""Images made worse: each corruption does what its name says, more so with each strength."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv
from numpy.typing import NDArray
from scipy import ndimage

from convladder.evaluation import corruptions
from convladder.evaluation.corruptions import NAMES, STRENGTHS, corrupt, first_recipe, recipe

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module", params=[(32, 1), (32, 3), (64, 3)], ids=["grey", "colour", "large"])
def images(request: pytest.FixtureRequest) -> Pixels:
    """Return 40 smooth images, such as photographs are."""
    side, channels = request.param
    noise = np.random.default_rng(0).normal(size=(40, side, side, channels))
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    return np.clip(110 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def harm(images: Pixels, name: str, strength: int) -> float:
    return float(np.abs(corrupt(images, name, strength).astype(float) - images).mean())


@pytest.mark.parametrize("name", NAMES)
def test_each_strength_is_worse_than_the_one_before(images: Pixels, name: str) -> None:
    made = corrupt(images, name, 1)
    assert made.shape == images.shape
    assert made.dtype == np.uint8
    harms = [harm(images, name, strength) for strength in range(1, STRENGTHS + 1)]
    assert harms[0] > 0
    assert harms == sorted(harms)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_depends_on_the_seed_alone(images: Pixels, name: str) -> None:
    assert np.array_equal(corrupt(images, name, 3), corrupt(images, name, 3))
    if name in ("gaussian_noise", "shift", "rotation"):
        assert not np.array_equal(corrupt(images, name, 3), corrupt(images, name, 3, seed=1))


def test_an_image_is_corrupted_as_it_is_in_any_order_of_strengths(images: Pixels) -> None:
    before = corrupt(images, "gaussian_noise", 2)
    corrupt(images, "shift", 5)
    assert np.array_equal(before, corrupt(images, "gaussian_noise", 2))


def test_noise_has_the_deviation_of_the_paper() -> None:
    grey = np.full((20, 32, 32, 3), 128, np.uint8)
    large = np.full((4, 64, 64, 3), 128, np.uint8)
    assert corrupt(grey, "gaussian_noise", 5).std() / 255 == pytest.approx(0.10, rel=0.02)
    assert corrupt(large, "gaussian_noise", 1).std() / 255 == pytest.approx(0.08, rel=0.02)


def test_contrast_leaves_the_mean_and_the_share_of_the_paper() -> None:
    image = np.zeros((1, 16, 16, 1), np.uint8)
    image[:, :8] = 200
    made = corrupt(image, "contrast", 4)
    assert made.mean() == pytest.approx(100, abs=0.5)
    assert np.ptp(made) == pytest.approx(0.3 * 200, abs=1)


def test_brightness_adds_to_the_value_and_leaves_hue_and_saturation() -> None:
    image = np.random.default_rng(1).integers(40, 150, (1, 16, 16, 3)).astype(np.uint8)
    before, after = rgb_to_hsv(image[0] / 255), rgb_to_hsv(corrupt(image, "brightness", 5)[0] / 255)
    assert after[..., 2] == pytest.approx(before[..., 2] + 0.3, abs=0.003)
    assert after[..., 1] == pytest.approx(before[..., 1], abs=0.02)


def test_black_becomes_grey_when_brightened() -> None:
    black = np.zeros((1, 16, 16, 3), np.uint8)
    assert set(corrupt(black, "brightness", 2).ravel().tolist()) == {26}


def test_a_shift_moves_every_pixel_by_so_many_places_and_repeats_the_edge() -> None:
    image = np.zeros((64, 32, 32, 1), np.uint8)
    image[:, 16, 16] = 255
    made = corrupt(image, "shift", 3)
    places = {tuple((np.argwhere(each[..., 0] == 255)[0] - 16).tolist()) for each in made}
    assert places == {(y, x) for y in (-6, 0, 6) for x in (-6, 0, 6)} - {(0, 0)}


def test_a_rotation_turns_to_both_sides_about_the_centre() -> None:
    image = np.zeros((64, 33, 33, 1), np.uint8)
    image[:, :17, 16] = 255  # a hand that points up
    tips = corrupt(image, "rotation", 5)[:, 2, :, 0].argmax(axis=1) - 16
    assert set(np.sign(tips).tolist()) == {-1, 1}
    assert np.abs(tips) == pytest.approx(14 * np.tan(np.radians(30)), abs=1)


def test_a_recipe_is_that_of_the_size() -> None:
    small, large = recipe(32, 48), recipe(64, 64)
    assert small.names == large.names == NAMES
    assert small.severities[NAMES.index("gaussian_noise")] == (0.04, 0.06, 0.08, 0.09, 0.10)
    assert large.severities[NAMES.index("gaussian_noise")] == (0.08, 0.12, 0.18, 0.26, 0.38)
    assert recipe(63, 200) == small


def test_what_runs_without_a_record_were_made_worse_by_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert first_recipe(NAMES, 32, 32) == recipe(32, 32)
    rotation = replace(corruptions.CORRUPTIONS["rotation"], small=(1, 2, 3, 4, 5))
    monkeypatch.setitem(corruptions.CORRUPTIONS, "rotation", rotation)
    monkeypatch.setattr(corruptions, "VERSION", 2)
    assert first_recipe(NAMES, 32, 32).version == 1
    assert first_recipe(NAMES, 32, 32).severities[-1] == (5, 10, 15, 20, 30)
    assert recipe(32, 32).severities[-1] == (1, 2, 3, 4, 5)


HARMS = {  # by version: mean change of a pixel in the five strengths
    1: {
        "gaussian_noise": [7.91, 11.82, 15.69, 17.61, 19.51],
        "gaussian_blur": [0.14, 1.14, 1.58, 2.04, 3.09],
        "brightness": [8.72, 17.12, 25.27, 33.18, 47.1],
        "contrast": [11.02, 22.05, 26.46, 30.87, 37.48],
        "jpeg_compression": [4.94, 6.33, 6.82, 7.33, 8.19],
        "shift": [23.17, 41.28, 51.18, 56.77, 60.8],
        "rotation": [11.13, 21.71, 31.23, 39.39, 50.51],
    }
}


def test_what_is_done_differently_has_another_version() -> None:
    """Where this fails since `corrupt` does something else: raise VERSION, and put down the new
    figures.
    """
    noise = np.random.default_rng(0).normal(size=(200, 32, 32, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    pictures = np.clip(110 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    assert tuple(HARMS[corruptions.VERSION]) == NAMES
    for name, harms in HARMS[corruptions.VERSION].items():
        found = [harm(pictures, name, strength) for strength in range(1, STRENGTHS + 1)]
        assert found == pytest.approx(harms, rel=0.02, abs=0.02), name
