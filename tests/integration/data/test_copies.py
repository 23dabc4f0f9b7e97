"""Copies in a set as a person has it: which count, what is said of them, and when they are looked
for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.bank.bank import PAIRS_FILE
from convladder.data.copies import in_bank
from convladder.data.loading import check, load

SIDE = 48


def scene(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3))
    layers = [gaussian_filter(noise, (width, width, 0)) * width for width in (1, 2, 4)]
    return np.clip(120 + 60 * np.sum(layers, axis=0), 20, 230)


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def fixed_camera(tmp_path: Path) -> Path:
    """Forty exposures of one scene; half have a scratch somewhere."""
    draw = np.random.default_rng(0)
    for number in range(40):
        pixels = scene(0) * draw.uniform(0.97, 1.03) + draw.normal(0, 5, (SIDE, SIDE, 3))
        if number % 2:
            down, right = draw.integers(4, SIDE - 12, 2)
            pixels[down : down + 2, right : right + 8] = 10
        save(pixels, tmp_path / "camera" / ("good", "scratch")[number % 2] / f"{number:02}.png")
    return tmp_path / "camera"


@pytest.fixture
def with_copies(tmp_path: Path) -> Path:
    """Twenty pictures; the first three of `a` again: as they are, paler, and cut."""
    for number in range(20):
        save(scene(number), tmp_path / "set" / "ab"[number % 2] / f"{number:02}.png")
    save(scene(0), tmp_path / "set" / "a" / "same.png")
    save(0.7 * scene(2) + 30, tmp_path / "set" / "a" / "paler.png")
    cut = Image.fromarray(scene(4).astype(np.uint8)).crop((0, 4, 44, 48)).resize((48, 48))
    save(np.asarray(cut), tmp_path / "set" / "a" / "cut.png")
    return tmp_path / "set"


def test_pictures_of_a_fixed_camera_are_trained_on_and_it_is_said_what_cannot_be_told_of_them(
    fixed_camera: Path,
) -> None:
    dataset = load(Data(source=str(fixed_camera)))
    assert len(dataset.bank.pairs) == 0
    assert sum(map(len, vars(dataset.splits).values())) == 40
    (said,) = (note for note in dataset.notes if "one scene" in note)
    assert said.startswith("40 images show one scene, as from a fixed camera.")
    checked = check(Data(source=str(fixed_camera)))
    assert said in checked.notes
    assert [finding.code for finding in checked.findings] == []


def test_of_a_set_of_different_pictures_no_scene_is_told(with_copies: Path) -> None:
    assert not any("scene" in note for note in check(Data(source=str(with_copies))).notes)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (
            "near",
            {("a/00.png", "a/same.png"), ("a/02.png", "a/paler.png"), ("a/04.png", "a/cut.png")},
        ),
        ("exact", {("a/00.png", "a/same.png")}),
        ("off", set()),
    ],
)
def test_the_setting_says_which_copies_count(
    with_copies: Path, kind: str, found: set[tuple[str, str]]
) -> None:
    bank = load(Data.model_validate({"source": str(with_copies), "copies": kind})).bank
    paths = [record.path for record in bank.records]
    assert {(paths[pair["left"]], paths[pair["right"]]) for pair in bank.pairs} == found
    groups = np.unique(bank.copies)
    assert len(groups) == len(paths) - len(found)


def test_near_copies_are_looked_for_only_where_they_count_and_then_once(
    with_copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    find = in_bank.find
    monkeypatch.setattr(in_bank, "find", lambda *arguments: calls.append(1) or find(*arguments))
    exact = load(Data(source=str(with_copies), copies="exact")).bank
    assert not (exact.folder / PAIRS_FILE).exists()
    for _ in range(2):
        near = load(Data(source=str(with_copies))).bank
    assert near.folder == exact.folder
    assert calls == [1]


def test_messages_about_copies_name_the_setting(with_copies: Path, tmp_path: Path) -> None:
    for number in range(3):
        save(scene(50) * (1 - 0.1 * number), tmp_path / "set" / "c" / f"{number}.png")
    with pytest.raises(DataError, match="set --copies exact"):
        load(Data(source=str(with_copies)))
    advice = [finding.advice for finding in check(Data(source=str(with_copies))).findings]
    assert any("--copies exact (data.copies)" in each for each in advice)
