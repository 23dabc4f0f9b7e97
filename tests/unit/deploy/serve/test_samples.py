"""Which pictures the page offers to click, and to whom."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from convladder.core.errors import DataError, ExperimentError
from convladder.deploy.serve import samples
from convladder.deploy.serve.launch import ServeOptions, samples_of
from made_runs import make_run
from stored_bundle import STORED, make_folder

KEPT = 4  # test images of a made run


@pytest.fixture(scope="module")
def predictor() -> cl.Predictor:
    return cl.Predictor.open(STORED)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    right = np.array([True, True, True, False])
    return make_run(tmp_path / "run", right=right).folder


def options(**changes: object) -> ServeOptions:
    usual = {"host": "127.0.0.1", "port": 0, "hosts": (), "origins": (), "token_file": None,
             "corrections": None, "log": False}  # fmt: skip
    return ServeOptions(**usual | changes)  # type: ignore[arg-type]


def test_those_of_a_folder_are_of_all_its_classes_as_they_are(
    predictor: cl.Predictor, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "new", images=20)
    found = samples.of_place(folder, predictor)
    assert [each.label for each in found[:3]] == ["blue", "green", "red"]
    assert len(found) == samples.SHOWN
    assert found[0].content == (folder / "blue" / "000.png").read_bytes()
    assert (found[0].media_type, found[0].name) == ("image/png", "000.png")


def test_a_folder_of_another_name_is_no_label(predictor: cl.Predictor, tmp_path: Path) -> None:
    make_folder(tmp_path, images=1)
    (tmp_path / "red").rename(tmp_path / "unsorted")
    assert [each.label for each in samples.of_place(tmp_path, predictor)] == ["blue", "green", None]


def test_what_browsers_do_not_show_or_cannot_be_read_is_passed_over(
    predictor: cl.Predictor, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "1.tif")
    (tmp_path / "2.png").write_bytes(b"no image")
    Image.new("RGB", (20, 20), "red").save(tmp_path / "3.jpg")
    (found,) = samples.of_place(tmp_path, predictor)
    assert (found.name, found.media_type) == ("3.jpg", "image/jpeg")


def test_a_place_without_any_says_what_to_give(predictor: cl.Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image in"):
        samples.of_place(tmp_path, predictor)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "1.tif")
    with pytest.raises(ExperimentError, match="give a folder of files in JPEG, PNG"):
        samples.of_place(tmp_path, predictor)


def test_those_of_a_run_are_what_its_network_saw_mistakes_among_them(
    predictor: cl.Predictor, run: Path
) -> None:
    found = samples.of_place(run, predictor)
    assert sorted(each.name for each in found) == ["0000.png", "0001.png", "0002.png", "0003.png"]
    assert [each.label for each in found] == ["cat", "cat", "dog", "dog"]
    with Image.open(io.BytesIO(found[0].content)) as image:
        assert (image.size, image.mode) == ((16, 16), "L")


def test_a_run_of_deep_images_keeps_none_that_fit(
    predictor: cl.Predictor, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned = samples.Decoded(np.zeros((12, 12, 3), np.uint8), "it has 8 bits")
    monkeypatch.setattr(predictor, "try_to_decode", lambda content: warned)
    assert samples.of_run(run, predictor) == ()


def test_a_run_shows_its_test_images_to_its_own_machine_and_says_so(
    predictor: cl.Predictor, run: Path
) -> None:
    said: list[str] = []
    assert len(samples_of(options(run=run), predictor, said.append)) == KEPT
    assert said == ["the page shows 4 test images of the run (--no-samples hides them)"]


@pytest.mark.parametrize("others", [
    {"host": "0.0.0.0"}, {"host": "192.0.2.2"}, {"hosts": ("cats.example.org",)},
    {"origins": ("*",)}, {"token_file": Path("token")}, {"show_samples": False}, {"run": None},
])  # fmt: skip
def test_nobody_else_is_shown_any_unless_that_is_asked_for(
    predictor: cl.Predictor, run: Path, others: dict[str, object]
) -> None:
    said: list[str] = []
    assert samples_of(options(**({"run": run} | others)), predictor, said.append) == ()
    assert said == []


def test_who_asks_for_them_shows_them_to_all(predictor: cl.Predictor, run: Path) -> None:
    said: list[str] = []
    how = options(host="0.0.0.0", samples=run)
    assert len(samples_of(how, predictor, said.append)) == KEPT
    assert said == [f"the page shows 4 pictures of {run} to all its visitors"]


def test_a_run_whose_samples_are_damaged_is_served_without_them(
    predictor: cl.Predictor, run: Path
) -> None:
    (run / "samples.npz").write_bytes(b"damaged")
    said: list[str] = []
    assert samples_of(options(run=run), predictor, said.append) == ()
    assert said[0].startswith("warning: the page shows no pictures of the run: cannot read")
