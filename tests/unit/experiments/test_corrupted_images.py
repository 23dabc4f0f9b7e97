"""Test images in every corruption: the same whether a climb keeps them or a trial makes them."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convladder.data.dataset import SplitDataset
from convladder.evaluation import corruptions
from convladder.experiments.corrupted_images import CHUNK, CorruptedImages, worth_keeping


def pixels(worsened: CorruptedImages, name: str, strength: int) -> np.ndarray:
    return np.concatenate([images for _, images in worsened.batches(name, strength)])


@pytest.mark.parametrize("name", corruptions.NAMES)
def test_what_is_kept_is_what_is_made(few_digits: SplitDataset, tmp_path: Path, name: str) -> None:
    kept, made = CorruptedImages.of(few_digits, tmp_path), CorruptedImages.of(few_digits)
    kept.keep(name, emit=print)
    assert [path.name for path in tmp_path.glob("*/*")] == [name]
    _, images = next(kept.batches(name, 1))
    assert isinstance(images, np.memmap)
    for strength in range(1, corruptions.STRENGTHS + 1):
        assert (pixels(kept, name, strength) == pixels(made, name, strength)).all()


def test_each_chunk_has_a_draw_of_its_own(few_digits: SplitDataset) -> None:
    everything = np.arange(len(few_digits.bank.records))
    dataset = replace(few_digits, splits=replace(few_digits.splits, test=everything))
    worsened = CorruptedImages.of(dataset)
    images = dataset.bank.images[dataset.bank.rows]
    found = pixels(worsened, "gaussian_noise", 2)
    assert len(found) == len(images) == 300
    for chunk in range(5):
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        expected = corruptions.corrupt(images[part], "gaussian_noise", 2, seed=chunk)
        assert (found[part] == expected).all()


def test_a_climb_keeps_what_there_is_room_for(
    few_digits: SplitDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = CorruptedImages.of(few_digits, tmp_path)
    for units, kept in ((0, 0), (9, 2), (1000, 3)):
        free = units * each.bytes
        monkeypatch.setattr(
            shutil, "disk_usage", lambda folder, free=free: shutil._ntuple_diskusage(1, 1, free)
        )
        assert len(worth_keeping([each] * 3, tmp_path)) == kept


def test_a_disk_that_fills_keeps_nothing_half(
    few_digits: SplitDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def fill(self: CorruptedImages, *how: Any) -> Any:
        if made:
            raise OSError(errno.ENOSPC, "No space left on device")
        made.append(how)
        return np.zeros(1, np.uint8)

    monkeypatch.setattr(CorruptedImages, "_make", fill)
    worsened = CorruptedImages.of(few_digits, tmp_path)
    with pytest.raises(OSError, match="No space"):
        worsened.keep("shift", emit=print)
    assert worsened.kept is not None
    assert not list(worsened.kept.iterdir())
