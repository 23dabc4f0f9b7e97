from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import convladder as cl
from command_line import convladder_here as convladder
from convladder.core.settings.data import Data
from convladder.data.loading import check
from convladder.data.quality.checks import DataCheck
from convladder.data.quality.findings import Finding
from convladder.results.answer.checked import of_check
from faults import picture
from images_made import MakeFolder, write_image


def fill(root: Path, parts: tuple[str, ...] = ("",), images: int = 30) -> Path:
    """Write sharp pictures of two classes into each part, no two alike."""
    number = 0
    for part in parts:
        for label in ("cat", "dog"):
            folder = root / part / label
            folder.mkdir(parents=True)
            for place in range(images):
                number += 1
                noise = np.random.default_rng(number).integers(0, 60, (64, 64, 3), dtype=np.uint8)
                pixels = np.asarray(picture(number, 64)) // 2 + noise
                Image.fromarray(pixels).save(folder / f"{place:02}.png")
    return root


def found(checked: DataCheck) -> dict[str, Finding]:
    return {finding.code: finding for finding in checked.findings}


def test_nothing_is_found_where_all_is_well(tmp_path: Path) -> None:
    root = fill(tmp_path / "images")
    assert check(Data(source=str(root))).findings == []
    done = convladder("check", str(root))
    assert done.returncode == 0
    assert "No problems found in 60 images.\n" in done.stdout
    assert "Training uses 60 of 60 images.\n" in done.stdout


def test_images_that_stand_out_are_found(tmp_path: Path) -> None:
    root = fill(tmp_path / "images")
    cat = root / "cat"
    sharp = Image.open(cat / "00.png")
    Image.new("RGB", (64, 64), "teal").save(cat / "blank.png")
    Image.fromarray(np.asarray(picture(501, 64)) // 8).save(cat / "dark.png")
    Image.fromarray(225 + np.asarray(picture(502, 64)) // 9).save(cat / "bright.png")
    Image.open(cat / "05.png").filter(ImageFilter.GaussianBlur(5)).save(cat / "blurred.png")
    sharp.resize((400, 64)).save(cat / "long.png")
    sharp.resize((6, 6)).save(cat / "tiny.png")
    odd = found(check(Data(source=str(root))))
    planted = {
        "blank": "cat/blank.png",
        "extremely-dark": "cat/dark.png",
        "extremely-bright": "cat/bright.png",
        "blurred": "cat/blurred.png",
        "extremely-long": "cat/long.png",
        "tiny": "cat/tiny.png",
    }
    for code, path in planted.items():
        told = {row["path"] for row in odd[code].rows}
        assert path in told
        assert told <= set(planted.values())  # some are odd in more than one way


def test_copies_across_splits_come_first_with_both_their_names(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"))
    (root / "train/cat/again.png").write_bytes((root / "test/cat/00.png").read_bytes())
    Image.open(root / "test/dog/00.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        root / "train/cat/flip.png"
    )
    checked = check(Data(source=str(root)))
    first = checked.findings[0]
    assert first.code == "copies-across-splits"
    assert [(row["path"], row["other_path"], row["detail"]) for row in first.rows] == [
        ("train/cat/again.png", "test/cat/00.png", "the same pixels"),
        ("train/cat/flip.png", "test/dog/00.png", "mirrored, with different labels"),
    ]
    assert "1 pair has different labels as well" in first.advice
    assert len(checked.findings) == 1, "the pair is told once"
    said = of_check(checked).said()
    assert said.startswith("Found: copies in different splits (2). Fix first")


def test_a_copy_with_another_label_is_told_once(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"), images=5)
    for part, label in (("train", "dog"), ("train", "cat"), ("test", "cat")):
        (root / part / label / "again.png").write_bytes((root / "train/cat/00.png").read_bytes())
    kinds = found(check(Data(source=str(root))))
    pairs = {
        code: [(row["path"], row["other_path"], row["detail"]) for row in kinds[code].rows]
        for code in kinds
    }
    assert pairs == {
        "copies-across-splits": [
            ("train/cat/00.png", "test/cat/again.png", "the same pixels"),
            ("train/cat/again.png", "test/cat/again.png", "the same pixels"),
            ("train/dog/again.png", "test/cat/again.png", "the same pixels, with different labels"),
        ],
        "exact-copies": [("train/cat/again.png", "train/cat/00.png", "the same pixels")],
    }


def test_copies_with_different_labels_in_one_split_are_no_exact_copies(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"), images=5)
    (root / "train/dog/again.png").write_bytes((root / "train/cat/00.png").read_bytes())
    kinds = found(check(Data(source=str(root))))
    assert list(kinds) == ["conflicting-labels"]
    (row,) = kinds["conflicting-labels"].rows
    assert {row["path"], row["other_path"]} == {"train/dog/again.png", "train/cat/00.png"}


def test_many_copies_of_one_picture_are_each_told_once(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"), images=5)
    for part in ("train", "train", "test", "test"):
        for number in range(3):
            (root / part / "cat" / f"again-{number}.png").write_bytes(
                (root / "train/cat/00.png").read_bytes()
            )
    kinds = found(check(Data(source=str(root))))
    assert len(kinds["copies-across-splits"].rows) == 4  # each of train, with one of test
    assert len(kinds["exact-copies"].rows) == 3 + 2


def test_groups_across_splits_are_found(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"), images=4)
    rows = found(check(Data(source=str(root), group_pattern=r"(\d+)\.png")))[
        "groups-across-splits"
    ].rows
    assert len(rows) == 8
    assert rows[0]["detail"] == "group 00"


def test_classes_are_looked_at(make_folder: MakeFolder) -> None:
    make_folder({"train/ape": 2, "train/cat": 40, "train/dog": 4, "test/cat": 2})
    root = make_folder({"test/dog": 3})
    kinds = found(check(Data(source=str(root))))
    assert [row["label"] for row in kinds["few-images"].rows] == ["ape"]
    assert [(row["label"], row["split"]) for row in kinds["missing-classes"].rows] == [
        ("ape", "test")
    ]
    assert kinds["imbalance"].rows[0]["detail"] == "cat has 42 images, ape has 2"


def test_a_class_of_few_groups_and_one_without_images_are_found(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", images=6)
    (root / "ant").mkdir()
    checked = check(Data(source=str(root), group_pattern="cat"))
    details = [(row["label"], row["detail"]) for row in found(checked)["few-images"].rows]
    assert details == [("cat", "6 images, in 1 group")]
    assert [row["label"] for row in found(checked)["untrained-classes"].rows] == ["ant"]
    assert "missing-classes" not in found(checked)


def test_a_class_that_train_lacks_comes_first_and_stops_training(make_folder: MakeFolder) -> None:
    root = make_folder(
        {f"{split}/{kind}": 4 for split in ("train", "test") for kind in ("cat", "dog")}
    )
    (root / "train/cat/again.png").write_bytes((root / "test/cat/000.png").read_bytes())
    shutil.copytree(root / "test/dog", root / "test/owl")
    for number, path in enumerate(sorted((root / "test/owl").iterdir())):
        write_image(path, seed=900 + number, level=2)
    checked = cl.check(root, quiet=True)
    assert [finding.code for finding in checked.findings][:2] == [
        "untrained-classes",
        "copies-across-splits",
    ]
    assert [finding.stops for finding in checked.findings][:2] == [True, False]
    assert checked.headline().startswith(
        "Training cannot start: classes without an image to train on (1), and 1 other problem."
    )
    assert checked.rows("untrained-classes")["label"].tolist() == ["owl"]
    assert "missing-classes" not in found(checked)
    assert (
        "classes without an image to train on (stops training)"
        in convladder("check", str(root)).stdout
    )
    with pytest.raises(cl.ConvladderError, match="no image of class 'owl' in train"):
        cl.load(root, quiet=True)


def test_a_set_for_tests_alone_lacks_no_class_to_train_on(make_folder: MakeFolder) -> None:
    checked = check(Data(source=str(make_folder({"test/cat": 4, "test/dog": 4}))))
    assert not any(finding.stops for finding in checked.findings)


def test_the_counts_are_by_class_and_split(make_folder: MakeFolder) -> None:
    make_folder({"train/cat": 3, "train/dog": 4})
    checked = check(Data(source=str(make_folder({"test/cat": 2, "test/dog": 1}))))
    assert checked.counts == {"cat": {"train": 3, "test": 2}, "dog": {"train": 4, "test": 1}}
    assert checked.properties == {"format": {"PNG": 10}, "mode": {"RGB": 10}, "size": {"16x16": 10}}


def test_what_is_in_memory_is_checked_too() -> None:
    assert check(Data(source="digits")).files["accepted"] == 1797


def test_from_python_there_are_tables_and_a_page(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"), images=5)
    (root / "train/cat/again.png").write_bytes((root / "test/cat/00.png").read_bytes())
    (root / "train/cat/bad.png").write_bytes(b"")
    checked = cl.check(root, quiet=True)
    assert checked.table()["finding"].tolist() == ["copies-across-splits", "rejected"]
    assert checked.rows("rejected")["detail"].tolist() == ["empty: the file has no bytes"]
    with pytest.raises(
        cl.ConvladderError,
        match="there is no finding 'blank': the findings are copies-across-splits",
    ):
        checked.rows("blank")
    page = checked.report(tmp_path / "check.html").read_text()
    assert "train/cat/again.png" in page
    assert page.count("data:image/png") > 2
    assert "Found: copies in different splits (1), and 1" in checked._repr_html_()


def test_the_page_shows_a_pair_once_with_the_worst_that_was_found_of_it(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", images=5)
    (root / "dog/other.png").write_bytes((root / "cat/00.png").read_bytes())
    (root / "cat/again.png").write_bytes((root / "cat/01.png").read_bytes())
    page = cl.check(root, quiet=True).report(tmp_path / "check.html").read_text()
    problems = page.partition('<section id="found">')[2].partition("</section>")[0]
    found_of = {
        each.partition('"')[0]: each for each in problems.split('<details class="rung" id="')
    }
    assert found_of["conflicting-labels"].count("<img") == 2
    assert found_of["exact-copies"].count("<img") == 2, "of the other pair"
    assert "dog/other.png" not in found_of["exact-copies"]


def test_the_page_shows_a_pair_once_that_is_a_copy_and_of_a_group(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", ("train", "test"), images=5)
    (root / "test/cat/00.png").rename(root / "test/cat/again.png")
    shutil.copy(root / "test/cat/again.png", root / "train/cat/again.png")
    checked = cl.check(root, changes={"data.group_pattern": "again"}, quiet=True)
    page = checked.report(tmp_path / "check.html").read_text()
    assert "1 pair of these is shown above." in page.partition('id="groups-across-splits"')[2]


def test_the_page_of_the_command_names_itself(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", images=5)
    (root / "cat" / "bad.png").write_bytes(b"")
    done = convladder("check", str(root), "--html", "page.html", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["report"] == "page.html"
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("nowhere/check.html", "there is no folder nowhere"),
        (".", "is a folder: give the name of a file"),
    ],
)
def test_a_page_that_cannot_be_written_is_told_before_reading(
    tmp_path: Path, page: str, said: str
) -> None:
    done = convladder("check", "digits", "--html", page, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_any_setting_of_the_data_can_be_set(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", images=3)
    done = convladder("check", str(root), "--set", "data.max_pixels=1000", "--json")
    assert json.loads(done.stdout)["files"] == {
        "files": 6,
        "accepted": 0,
        "rejected": 6,
        "ignored": 0,
    }


def test_a_folder_without_a_readable_image_is_listed(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.heic").write_bytes(b"\0\0\0\x18ftypheic")
    checked = check(Data(source=str(tmp_path)))
    assert {each.path for each in checked.bank.rejections} == {"cat/1.heic", "dog/1.heic"}
    said = of_check(checked).said()
    assert said.startswith("Found: unreadable files (2)")
    assert "Can you train? Not yet. No image could be read. " in said
    assert "all are for validation or test" not in said
    assert "0 of 2 images could be read." in said


def test_one_class_and_groups_are_told(tmp_path: Path) -> None:
    root = fill(tmp_path / "images", images=6)
    alone = check(Data(source=str(root), group_pattern=r"0[0-3]"))
    assert alone.groups == "groups: 4, of up to 2 images; 4 images in none"
    for path in (root / "dog").iterdir():
        path.unlink()
    (root / "dog").rmdir()
    assert "one-class" in found(check(Data(source=str(root))))


def test_what_cannot_be_read_has_another_status(tmp_path: Path) -> None:
    done = convladder("check", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "no data at" in done.stderr
