"""Images in a grid, as axes and as one picture."""

from pathlib import Path

import numpy as np
from PIL import Image

from convladder.report.galleries import Gallery, draw_gallery
from convladder.report.pictures import GAP, SIDE, save_gallery

RED = np.full((32, 32, 3), (255, 0, 0), np.uint8)
GREY = np.full((5, 5, 1), 128, np.uint8)
WIDE = np.full((200, 400, 3), (0, 0, 255), np.uint8)


def read(gallery: Gallery, path: Path) -> np.ndarray:
    save_gallery(gallery, path)
    return np.asarray(Image.open(path))


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def test_each_image_fills_its_place_as_far_as_its_shape_allows(tmp_path: Path) -> None:
    picture = read(
        Gallery([RED, GREY, WIDE], ["", "", ""], columns=2), tmp_path / "plots" / "all.png"
    )
    assert picture.shape == (2 * SIDE + 3 * GAP, 2 * SIDE + 3 * GAP, 3)
    assert count(picture, (255, 0, 0)) == count(picture, (128, 128, 128)) == SIDE**2
    assert count(picture, (0, 0, 255)) == SIDE**2 // 2
    assert tuple(picture[GAP, GAP]) == (255, 0, 0)
    assert tuple(picture[GAP, -GAP - 1]) == (128, 128, 128)


def test_a_title_stands_above_its_image_in_any_script(tmp_path: Path) -> None:
    plain = read(Gallery([RED], [""]), tmp_path / "plain.png")
    titled = read(Gallery([RED], ["cat 猫 $x\n(is dog)"], ["#0072b2"]), tmp_path / "titled.png")
    below = SIDE + GAP
    assert len(titled) > len(plain)
    assert (titled[-below:] == plain[-below:]).all()
    assert (titled[:-below] < 255).any()


def test_the_same_gallery_makes_axes_for_a_notebook() -> None:
    grid = draw_gallery(Gallery([RED, GREY, WIDE], ["red", "grey", "wide"], columns=2))
    assert grid.shape == (2, 2)
    assert [axes.get_title() for axes in grid.flat] == ["red", "grey", "wide", ""]
