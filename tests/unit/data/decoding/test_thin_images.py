"""Images that consist of single pixels, or of one value: no range of intensities may make them all
alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convladder.core.settings.data import Data
from convladder.data import in_memory
from convladder.data.decoding.intensity import (
    Extremes,
    find_ends,
    find_extremes,
    find_extremes_of_all,
    find_range,
    stretch,
)
from convladder.data.loading import load

Images = NDArray[Any]
COUNT, SIDE = 40, 16


def strokes() -> Images:
    """Return black strokes on white, a pixel wide."""
    images = np.ones((COUNT, SIDE, SIDE), np.float32)
    for number, image in enumerate(images):
        image[2 + number % 12, 2:-2] = 0
    return images


def hits(side_by_side: int = 0) -> Images:
    """Return sparse hits on nothing, with energies to hundreds; of some images, small ones side by
    side.
    """
    draw = np.random.default_rng(1)
    images = np.zeros((COUNT, SIDE, SIDE))
    for number, image in enumerate(images):
        image[::2, ::2][draw.random((8, 8)) < 0.3] = 1
        image[:] *= draw.exponential(60, image.shape)
        if number < side_by_side:
            image[1:3, 1:3] = 0.5
    return images


def crossed_hits() -> Images:
    return hits(side_by_side=20)


def checks() -> Images:
    """Return checkerboards: each square of 2 x 2 holds both values."""
    board = np.indices((SIDE, SIDE)).sum(axis=0) % 2
    return np.stack(
        [1000 + 100 * (board if number % 2 else 1 - board) for number in range(COUNT)]
    ).astype(np.uint16)


def mostly_flat() -> Images:
    """Return images of one value, but for one."""
    images = np.full((COUNT, SIDE, SIDE), 5, np.int32)
    images[7] = 5 + np.arange(SIDE)
    return images


THIN = [strokes, hits, crossed_hits, checks, mostly_flat]


@pytest.mark.parametrize("make", THIN)
def test_a_range_keeps_apart_what_varies(make: Callable[[], Images]) -> None:
    images = make()
    low, high = find_ends([find_extremes(image) for image in images])
    assert low < high
    background = np.median(images)
    shown = images[images != background]
    assert ((shown >= low) & (shown <= high)).mean() > 0.9
    found = find_range([find_extremes(image) for image in images], mixed=False)
    assert stretch(images, found)[images != background].std() > 10 or len(np.unique(shown)) == 1


@pytest.mark.parametrize("make", THIN)
def test_it_does_so_in_arrays_that_are_loaded_and_in_the_estimator(
    make: Callable[[], Images], tmp_path: Path
) -> None:
    images = make()
    np.savez(tmp_path / "set.npz", x=images, y=np.arange(COUNT) % 2)
    settings = Data(
        source=str(tmp_path / "set.npz"), on_leak="keep", copies="off", image_size=(SIDE, SIDE)
    )
    bank = load(settings).bank
    rows = images.reshape(COUNT, -1)
    known = in_memory.PixelRange.of(rows, (SIDE, SIDE, 1))
    for pixels in (bank.images, known.pixels(rows)):
        assert pixels.std() > 5
        assert np.ptp(pixels) > 200
    assert not known.misfits(rows).any()


def test_a_hot_pixel_among_sparse_hits_does_not_take_the_range() -> None:
    images = hits()
    images[3, 4, 4] = 1e6
    assert find_ends([find_extremes(image) for image in images])[1] < 2000


def test_a_set_of_one_value_is_black_and_nothing_warns() -> None:
    for value, kind in (
        (7, np.float64),
        (1e17, np.float64),
        (-3, np.int16),
        (2**60, np.int64),
        (0, np.float32),
    ):
        rows = np.full((3, 64), value, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = find_range([find_extremes(rows.reshape(3, 8, 8)[0])], mixed=False)
            assert found.low < found.high
            assert not stretch(rows, found).any()
            known = in_memory.PixelRange.of(rows, (8, 8, 1))
            assert not known.pixels(rows).any()
            assert known.levels == 0
            assert not known.misfits(rows).any()


def test_values_that_are_no_numbers_have_no_part_in_a_range() -> None:
    images = strokes()
    images[:, 0], images[0] = np.nan, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [find_extremes(image) for image in images]
        assert find_ends(found[1:]) == (0, 1)
        assert np.isnan(found[0].largest)
        assert find_extremes_of_all(images[1:, ..., np.newaxis]) == found[1:]


def test_what_varies_is_told_of_a_large_image_by_some_of_its_values() -> None:
    image = np.zeros((600, 600), np.float32)
    image[::3, ::3] = np.random.default_rng(0).uniform(1, 2, (200, 200))
    found = find_extremes(image)
    assert (found.low, found.high) == (0, 0)
    assert 1 < found.usual_low < 1.2
    assert 1.8 < found.usual_high < 2


def test_extremes_that_an_earlier_version_left_are_read() -> None:
    old = [Extremes(0, 1, 0, 1, True), Extremes(0, 2, 0, 2, True)]
    assert find_ends(old) == (0, 2)
