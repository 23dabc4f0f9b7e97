from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from convladder.data.copies import candidates
from convladder.data.copies.candidates import propose, views
from convladder.data.decoding.thumbnails import reduce_thumbnails

Pixels = NDArray[np.uint8]


def pictures(size: int, seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).normal(size=(size, 32, 32, 3))
    layers = [gaussian_filter(noise, (0, width, width, 0)) * width for width in (1.5, 4)]
    return np.clip(128 + 50 * np.sum(layers, axis=0), 0, 255).astype(np.uint8)


def proposed(thumbnails: Pixels) -> set[tuple[int, int]]:
    found = propose(reduce_thumbnails(thumbnails))
    ends = np.sort(np.stack([found.sought, found.whole], axis=1), axis=1)
    return set(map(tuple, ends.tolist()))


def enlarge(thumbnail: Pixels) -> Pixels:
    """Cut three pixels off at two sides, and stretch what is left."""
    places = np.linspace(0, 28, 32).round().astype(int)
    return thumbnail[places][:, places]


@pytest.mark.parametrize(
    "change", [lambda image: image // 2 + 60, enlarge, lambda image: enlarge(image[:, ::-1])]
)
def test_a_copy_is_proposed_also_if_it_was_cut_or_mirrored(change) -> None:  # type: ignore[no-untyped-def]
    images = pictures(60)
    assert (7, 60) in proposed(np.concatenate([images, change(images[7])[None]]))


def test_few_of_many_pairs_are_proposed() -> None:
    assert len(proposed(pictures(200))) < 100


def test_of_a_crowd_each_image_has_few_candidates() -> None:
    draw = np.random.default_rng(0)
    crowd = pictures(1).repeat(300, axis=0).astype(int) + draw.integers(-3, 4, (300, 32, 32, 3))
    assert 150 <= len(proposed(crowd.clip(0, 255).astype(np.uint8))) <= 300 * candidates.MOST


def test_cells_find_what_comparing_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(400)
    images = np.concatenate([images, images[:50] // 2 + 60])
    monkeypatch.setattr(candidates, "ONE_CELL", 100)
    found = proposed(images)
    assert sum((number, 400 + number) in found for number in range(50)) >= 49


@pytest.mark.parametrize("size", [0, 1, 2])
def test_few_images_have_few_candidates(size: int) -> None:
    assert proposed(pictures(size)) == set()


def test_blocks_are_told_as_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "BLOCK", 32)
    told: list[int] = []
    propose(reduce_thumbnails(pictures(80)), told.append)
    assert told == [32, 64, 80]


def test_the_first_view_is_the_whole_image() -> None:
    assert views()[0].start == (1, 1, 0, 0)
    assert len(set(views())) == len(views())
