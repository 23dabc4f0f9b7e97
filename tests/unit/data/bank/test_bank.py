from __future__ import annotations

import gc
import os
import pickle
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.bank import cache as banks
from convladder.data.bank import chunk_decoding, chunks
from convladder.data.decoding.image_form import ImageForm
from convladder.data.decoding.images import decode
from convladder.data.loading import load
from convladder.data.sources.registry import open_source
from faults import TURNS, picture
from images_made import MakeFolder, write_image


def test_the_bank_holds_what_the_decoder_gives(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5}, size=20)
    bank = load(str(root)).bank
    for record, row in zip(bank.records, bank.rows, strict=True):
        assert np.array_equal(
            bank.images[row], decode((root / record.path).read_bytes(), bank.form)
        )


LOSSLESS: dict[str, dict[str, object]] = {
    ".png": {},
    ".webp": {"lossless": True},
    ".bmp": {},
    ".tiff": {},
    ".tif": {"compression": "tiff_lzw"},
}


def write_as(folder: Path, suffix: str, turn: int = 1) -> Path:
    """Write the same ten pictures in a format, stored in an orientation."""
    for number in range(10):
        image = picture(number, 30).resize((40, 30))
        path = folder / "ab"[number % 2] / f"{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = turn
        image = image.transpose(TURNS[turn]) if turn in TURNS else image
        image.save(path, **LOSSLESS[suffix], **({"exif": exif} if turn > 1 else {}))  # type: ignore[arg-type]
    return folder


def pixels_in(folder: Path) -> np.ndarray:
    bank = load(Data(source=str(folder), image_size=(30, 40))).bank
    return np.array(bank.images[bank.rows])


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_every_format_gives_the_same_bank(tmp_path: Path, suffix: str) -> None:
    original = pixels_in(write_as(tmp_path / "original", ".png"))
    assert np.array_equal(pixels_in(write_as(tmp_path / "other", suffix)), original)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_every_orientation_gives_the_same_bank(tmp_path: Path, suffix: str, turn: int) -> None:
    original = pixels_in(write_as(tmp_path / "original", ".png"))
    assert np.array_equal(pixels_in(write_as(tmp_path / "turned", suffix, turn)), original)


def test_processes_build_the_same_bank_as_one(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path / "cache"))  # other tests need theirs
    root = make_folder({"cat": 40, "dog": 40})
    (root / "cat" / "bad.jpg").write_bytes(b"x")
    source, form = open_source(Data(source=str(root))), ImageForm(16, 16, 3)
    alone = banks.open_bank(source, form)
    pixels, rejections = np.array(alone.images[alone.rows]), alone.rejections
    banks.clear_banks()
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 0)
    monkeypatch.setattr(chunks, "CHUNK", 7)
    seen = []
    together = banks.open_bank(
        source, form, progress=lambda what, done, total: seen.append((what, done, total))
    )
    assert np.array_equal(together.images[together.rows], pixels)
    assert together.rejections == rejections
    assert together.fingerprint == alone.fingerprint
    assert seen[0] == ("reading images", 0, 81)
    assert ("reading images", 81, 81) in seen
    assert seen[-1] == ("looking for copies", 80, 80)


def test_garbage_is_looked_for_as_before_when_a_set_is_loaded(make_folder: MakeFolder) -> None:
    root, before = make_folder({"cat": 30, "dog": 30}), gc.get_threshold()
    seen: set[int] = set()
    load(str(root), progress=lambda what, done, total: seen.add(gc.get_threshold()[0]))
    assert seen == {100_000}
    with pytest.raises(DataError):
        load(str(root / "none"))
    assert gc.get_threshold() == before


def test_a_bank_is_built_once_and_again_when_a_file_changes(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    first, again = load(str(root)).bank, load(str(root)).bank
    assert first.folder == again.folder
    write_image(root / "cat" / "000.png", seed=99)
    later = time.time_ns() + 10**9
    os.utime(root / "cat" / "000.png", ns=(later, later))
    changed = load(str(root)).bank
    assert changed.folder != first.folder
    assert changed.fingerprint != first.fingerprint


def test_the_form_is_part_of_the_key(make_folder: MakeFolder) -> None:
    source = open_source(Data(source=str(make_folder({"cat": 5, "dog": 5}))))
    forms = [
        ImageForm(16, 16, 3),
        ImageForm(16, 16, 1),
        ImageForm(16, 16, 3, "crop"),
        ImageForm(20, 16, 3),
    ]
    assert len({banks.open_bank(source, form).folder for form in forms}) == 4


def test_a_pickled_bank_carries_no_pixels(make_folder: MakeFolder) -> None:
    bank = load(str(make_folder({"cat": 50, "dog": 50}, size=64))).bank
    assert bank.images.nbytes > 1_000_000
    data = pickle.dumps(bank)
    assert len(data) < 50_000
    assert np.array_equal(pickle.loads(data).images, bank.images)


def test_a_limit_takes_the_same_share_of_every_class(make_folder: MakeFolder) -> None:
    source = str(make_folder({"cat": 40, "dog": 80}))
    bank = load(Data(source=source, limit=30)).bank
    assert Counter(record.label for record in bank.records) == {0: 10, 1: 20}
    assert load(Data(source=source, limit=30)).bank.records == bank.records
    assert load(Data(source=source, limit=30, split_seed=1)).bank.records != bank.records
    assert len(load(Data(source=source, limit=1000)).bank.records) == 120


def test_banks_are_listed_and_cleared(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path / "cache"))  # other tests need theirs
    root = make_folder({"cat": 5, "dog": 5})
    load(str(root))
    ((bank, size),) = banks.list_banks()
    assert bank.source == str(root)
    assert size > 10 * 16 * 16 * 3
    banks.clear_banks()
    assert list(banks.list_banks()) == []


def test_a_cache_that_cannot_be_written_is_a_clear_error(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(banks.files, "settle", refuse)
    with pytest.raises(DataError, match=r"cannot write the cache .*set CONVLADDER_CACHE"):
        load(str(make_folder({"cat": 5, "dog": 5})))


def test_a_damaged_bank_is_made_again(make_folder: MakeFolder) -> None:
    source = str(make_folder({"cat": 5, "dog": 5}))
    bank = load(source).bank
    for content in (None, "{}", "[]", "no json"):
        (bank.folder / "index.json").unlink()
        if content is not None:
            (bank.folder / "index.json").write_text(content)
        assert bank.folder not in [listed.folder for listed, _ in banks.list_banks()]
        assert load(source).bank.fingerprint == bank.fingerprint


def test_an_edited_file_does_not_touch_an_open_bank(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    bank = load(str(root)).bank
    before = np.array(bank.images)
    for path in root.glob("*/*.png"):
        path.unlink()
    assert np.array_equal(bank.images, before)
