from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from convladder.data.copies.alignment import compare

STILL = (1.0, 1.0, 0.0, 0.0)


def blobs(seed: int, side: int = 48) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(size=(side, side, 3))
    layers = [gaussian_filter(noise, (width, width, 0)) * width for width in (1, 2, 4)]
    return np.clip(128 + 60 * np.sum(layers, axis=0), 0, 255)


def window(seed: int, down: int = 8, right: int = 8) -> NDArray[np.uint8]:
    return blobs(seed)[None, down : down + 32, right : right + 32].astype(np.uint8)


def start(*place: float) -> NDArray[np.float32]:
    return np.array([place or STILL], dtype=np.float32)


def test_a_picture_is_like_itself() -> None:
    same = compare(window(0), window(0), start())
    assert same.band[0] == pytest.approx(1, abs=1e-3)
    assert same.fine[0] == pytest.approx(1, abs=1e-3)
    assert same.coarse[0] == pytest.approx(1, abs=1e-3)
    assert same.gain[0] == pytest.approx(1, abs=1e-3)
    assert same.moved[0] == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize(("down", "right"), [(1, 0), (2, -1), (-2, 2)])
def test_a_shift_is_found(down: int, right: int) -> None:
    found = compare(window(0), window(0, 8 + down, 8 + right), start())
    assert found.fine[0] > 0.97
    assert found.moved[0] == pytest.approx(max(abs(down), abs(right)) / 32, abs=0.01)


def test_a_scale_is_found() -> None:
    enlarged = zoom(window(0)[0].astype(float), (1.15, 1.15, 1), order=3)[2:34, 2:34].clip(0, 255)
    assert compare(window(0), enlarged[None].astype(np.uint8), start(1.1, 1.1, 0, 0)).fine[0] > 0.9


def test_colours_and_contrast_may_differ() -> None:
    paler = (window(0) * np.array([0.8, 0.6, 0.7]) + 30).astype(np.uint8)
    found = compare(window(0), paler, start())
    assert found.fine[0] > 0.95
    assert found.gain[0] == pytest.approx(1 / 0.7, abs=0.1)


def test_other_pictures_are_given_up() -> None:
    left = np.concatenate([window(seed) for seed in range(60)])
    right = np.concatenate([window(seed) for seed in range(100, 160)])
    found = compare(left, right, np.tile(start(), (60, 1)))
    assert (found.fine < 0.5).all()


def test_a_thing_before_a_plain_wall_has_its_contrast_in_few_blocks() -> None:
    plain = np.full((1, 32, 32, 3), 150, dtype=np.uint8)
    plain[0, 12:18, 12:18] = 40
    assert (
        compare(plain, plain, start()).spread[0]
        < 16
        < compare(window(0), window(0), start()).spread[0]
    )


def test_pictures_without_contrast_are_like_nothing() -> None:
    blank = np.full((1, 32, 32, 3), 150, dtype=np.uint8)
    assert compare(blank, blank, start()).fine[0] == 0
