"""What the page of a check says first, and what it says to do next."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from convladder.results import check_steps
from convladder.results.answer import Answer, plain
from convladder.results.answer import checked as answers
from images_made import MakeFolder, write_image


def answer_of(root: Path) -> Answer:
    return answers.of_check(cl.check(root, quiet=True))


@pytest.fixture
def split(make_folder: MakeFolder) -> Path:
    """Images of two classes in two splits, of which nothing is wrong."""
    kinds = [f"{part}/{kind}" for part in ("train", "test") for kind in ("cat", "dog")]
    return make_folder(dict.fromkeys(kinds, 6))


def test_where_nothing_is_wrong_the_page_says_so(split: Path, tmp_path: Path) -> None:
    checked = cl.check(split, quiet=True)
    answer = answers.of_check(checked)
    assert answer.title == "No problems found in 24 images."
    assert [card.heading for card in answer.cards] == [
        "Nothing to fix",
        "Can you train? Yes",
        "Your images",
    ]
    assert "24 images in 2 classes, 12 of each." in plain(*answer.cards[2].sentences)
    page = checked.report(tmp_path / "check.html").read_text()
    assert 'id="found"' not in page
    commands = [step.command for step in check_steps.of_check(checked, tmp_path / "check.html")]
    assert commands == [f"convladder climb {split}", f"convladder plan {split}"]


def test_the_worst_problem_comes_first(split: Path, tmp_path: Path) -> None:
    again = split / "train/dog/again.png"
    again.write_bytes((split / "test/cat/000.png").read_bytes())
    (split / "train/cat/broken.png").write_bytes(b"")
    Image.open(split / "train/cat/001.png").save(split / "train/cat/late.png", format="JPEG")
    checked = cl.check(split, quiet=True)
    answer = answers.of_check(checked)
    assert re.fullmatch(
        r"Found: copies in different splits \(\d\), and \d other problems\.",
        answer.title,
    )
    first, train, _ = answer.cards
    assert first.heading == "Fix first: copies in different splits"
    said = plain(*first.sentences)
    assert "train/dog/again.png and test/cat/000.png" in said
    assert "different labels as well" in said
    assert "unreadable files (1)" in said
    assert train.heading == "Can you train? Not yet"
    assert "--on-leak drop" in plain(*train.sentences)
    assert "--allow-rejects" in plain(*train.sentences)
    (climb,) = check_steps.of_check(checked, tmp_path / "check.html")
    assert climb.command == f"convladder climb {split} --on-leak drop --allow-rejects"


def test_what_stops_training_is_the_title(split: Path, tmp_path: Path) -> None:
    for number in range(4):
        path = split / "test/owl" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        write_image(path, seed=900 + number, level=2)
    checked = cl.check(split, quiet=True)
    answer = answers.of_check(checked)
    assert answer.title == ("Training cannot start: classes without an image to train on (1).")
    (step,) = check_steps.of_check(checked, tmp_path / "check.html")
    assert step.command == f"convladder check {split} --html {tmp_path / 'check.html'}"


def test_images_for_tests_alone_train_nothing(make_folder: MakeFolder) -> None:
    answer = answer_of(make_folder({"test/cat": 6, "test/dog": 6}))
    assert "no images to train on" in plain(*answer.cards[1].sentences)


def test_a_single_problem_is_named(make_folder: MakeFolder) -> None:
    answer = answer_of(make_folder({"cat": 40, "dog": 3}))
    assert answer.title == "Found: classes of very different sizes (1)."
    assert "from 3 (dog) to 40 (cat)" in plain(*answer.cards[2].sentences)


def test_images_in_memory_have_no_command(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    checked = cl.check(pixels, ["cat", "dog"] * 15, quiet=True)
    assert check_steps.of_check(checked, tmp_path / "check.html") == []
    assert 'id="next"' not in checked.report(tmp_path / "check.html").read_text()


def test_many_classes_are_folded_and_their_names_escaped(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    names = [f"<b>Übergröße</b> {number:02} 猫".replace("/", "⁄") for number in range(15)]
    root = make_folder(dict.fromkeys(names, 3))
    page = cl.check(root, quiet=True).report(tmp_path / "check.html").read_text()
    assert "3 more classes" in page
    assert all(html.escape(name) in page for name in names)
    assert "<b>Über" not in page
