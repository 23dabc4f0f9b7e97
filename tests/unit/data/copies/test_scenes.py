from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from convladder.data.copies import scenes

LABELS = np.array([0] * 50 + [1] * 50, dtype=np.int32)


@pytest.mark.parametrize(
    ("members", "scene"),
    [
        (range(20), False),  # copies of one picture, of one class
        (range(30), True),  # most of a class
        (range(40, 60), True),  # of two classes
        ((*range(19), 99), False),  # one of twenty is labelled otherwise: a mistake
        (range(45, 55), False),  # few
    ],
)
def test_a_scene_has_many_pictures_of_several_classes_or_most_of_one(
    members: range, scene: bool
) -> None:
    assert scenes.is_scene(np.array(members), LABELS) == scene


def test_few_pictures_are_a_scene_where_the_set_has_no_more() -> None:
    assert scenes.is_scene(np.arange(5), np.zeros(8, np.int32))
    assert not scenes.is_scene(np.arange(3), np.zeros(4, np.int32))


def exposures(size: int, seed: int = 0) -> NDArray[np.uint8]:
    """Make pictures of one scene, in light of changing strength and side, with noise."""
    draw = np.random.default_rng(seed)
    scene = np.random.default_rng(99).integers(40, 200, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
    slope = np.linspace(-1, 1, 32)[None, :, None]
    images = [
        scene * draw.uniform(0.9, 1.1) * (1 + draw.uniform(-0.1, 0.1) * slope)
        + draw.normal(0, 2, scene.shape)
        for _ in range(size)
    ]
    return np.clip(np.array(images), 0, 255).astype(np.uint8)


def copies(images: NDArray[np.uint8]) -> list[tuple[int, int]]:
    found = scenes.find_copies(np.arange(len(images)), lambda places: images[places])
    assert found is not None
    return [(left, right) for left, right, _ in found]


def test_light_that_changes_makes_no_copies() -> None:
    assert copies(exposures(100)) == []


def test_a_mark_at_one_place_makes_no_copies() -> None:
    images = exposures(60)
    images[:30, 10:13, 12:14] = 10
    images[40:44, 20:23, 5:8] = 240
    assert copies(images) == []


def test_an_exposure_that_occurs_twice_is_found_also_if_it_is_brighter() -> None:
    images = exposures(60)
    again = (images[17] * 0.94 + 4).astype(np.uint8)
    assert copies(np.concatenate([images, again[None]])) == [(17, 60)]


@pytest.mark.parametrize("repeated", [2, 4, 8])
def test_an_exposure_that_occurs_several_times_is_no_variation_of_the_scene(repeated: int) -> None:
    images = exposures(40)
    draw = np.random.default_rng(1)
    again = images[[17] * repeated] + draw.integers(
        0, 2, (repeated, *images.shape[1:]), dtype=np.uint8
    )
    assert copies(np.concatenate([images, again])) == [
        (17, 40 + number) for number in range(repeated)
    ]


def test_one_picture_that_was_changed_a_little_in_many_ways_is_no_scene() -> None:
    picture = exposures(1)[0].astype(int)
    draw = np.random.default_rng(1)
    patterns = draw.normal(0, 4, (3, *picture.shape))  # such as compression leaves
    images = np.array([picture + np.tensordot(draw.normal(size=3), patterns, 1) for _ in range(20)])
    members = np.arange(20)
    assert (
        scenes.find_copies(members, lambda places: images[places].clip(0, 255).astype(np.uint8))
        is None
    )


def test_pictures_are_compared_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    images = exposures(60)
    images = np.concatenate([images, images[[3, 50]] // 8 * 8 + 4])
    whole = copies(images)
    monkeypatch.setattr(scenes, "BLOCK", 7)
    assert sorted(copies(images)) == sorted(whole) == [(3, 60), (50, 61)]


def test_very_many_pictures_are_shortened_before_they_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = exposures(60)
    images = np.concatenate([images, images[[3, 50]]])
    monkeypatch.setattr(scenes, "MOST_WHOLE", 50)
    assert sorted(copies(images)) == [(3, 60), (50, 61)]
