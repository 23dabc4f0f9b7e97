"""The table of changes: each setting turns one on, and none draws otherwise for the others."""

from __future__ import annotations

import pytest

from convladder.core.settings.augmentation import Augmentation
from convladder.training import augmentation
from convladder.training.augmentation import OF_BATCHES, OF_IMAGES


@pytest.mark.parametrize("name", Augmentation.model_fields)
def test_each_setting_turns_one_change_on(name: str) -> None:
    settings = Augmentation(**{name: 1 if name in ("flip", "crop") else 0.5})
    on = [each for each in (*OF_IMAGES, *OF_BATCHES) if each.is_on(settings)]
    assert [name in each.settings for each in on] == [True]
    made = [*augmentation.build(settings, 0), augmentation.build_mixing(settings, 0)]
    assert len([layer for layer in made if layer is not None]) == 1


def test_nothing_is_on_by_default() -> None:
    assert augmentation.build(Augmentation(), 0) == []
    assert augmentation.build_mixing(Augmentation(), 0) is None


def test_changes_of_images_draw_from_streams_of_their_own() -> None:
    streams = [each.stream for each in OF_IMAGES]
    assert len(set(streams)) == len(streams)
    mixing = {each.stream for each in OF_BATCHES}  # of which one is on at most
    assert sorted({*streams, *mixing}) == list(range(len(streams) + 1))
