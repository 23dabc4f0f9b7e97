"""What to do next with images: the same options, as they were typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import commands_said, convladder_here
from images_made import MakeFolder


def test_good_images_lead_to_a_climb_with_the_same_options(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    make_folder({"cat": 12, "dog": 12}, at="my images")
    done = convladder_here("check", "my images", "--image-size", "16", "--quiet", cwd=tmp_path)
    assert commands_said(done.stdout)[-2:] == [
        ["convladder", "climb", "my images", "--image-size", "16"],
        ["convladder", "plan", "my images", "--image-size", "16"],
    ]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"cat": 5}, "once this is repaired: A classifier needs two or more classes."),
        ({"cat": 9, "dog": 1}, "once this is repaired: Splitting a class takes 3 images"),
    ],
)
def test_what_training_refuses_is_repaired_first(
    counts: dict[str, int], said: str, make_folder: MakeFolder, tmp_path: Path
) -> None:
    make_folder(counts, at="few")
    done = convladder_here("check", "few", "--quiet", cwd=tmp_path)
    assert done.returncode == 1
    assert commands_said(done.stdout) == [
        ["convladder", "check", "few", "--html", "check.html"],
        ["convladder", "check", "few"],
    ]
    assert said in done.stdout


def test_leaks_are_left_out(make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder({"cat": 8, "dog": 8}, at="images/train")
    make_folder({"cat": 4, "dog": 4}, at="images/test")
    copy = (tmp_path / "images/train/cat/000.png").read_bytes()
    (tmp_path / "images/test/cat/copy.png").write_bytes(copy)
    page = ["--html", str(tmp_path / "check.html")]
    done = convladder_here("check", "images", *page, "--quiet", cwd=tmp_path)
    assert commands_said(done.stdout) == [["convladder", "climb", "images", "--on-leak", "drop"]]


def test_a_plan_leads_to_its_climb(make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder({"cat": 12, "dog": 12}, at="pair")
    words = ["--rungs", "lenet5,max-pooling", "--accuracy", "70", "--margin", "2", "-q"]
    done = convladder_here("plan", "pair", *words, cwd=tmp_path)
    assert commands_said(done.stdout) == [
        ["convladder", "climb", "pair", "--rungs", "lenet5,max-pooling", "--margin", "2"]
    ]
