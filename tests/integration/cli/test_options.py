from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import convladder_here as convladder
from convladder.cli.data_options import READING, SPLITTING, as_settings
from convladder.core.errors import ExperimentError
from convladder.core.formatting import listed
from images_made import MakeFolder


def test_options_become_settings_of_the_data() -> None:
    given = dict.fromkeys([*READING, *SPLITTING]) | {
        "classes": "cat, dog",
        "image_size": "48x64",
        "folds": 5,
    }
    assert as_settings(given) == {
        "data.classes": ["cat", "dog"],
        "data.image_size": (48, 64),
        "data.folds": 5,
    }


def test_a_class_name_that_holds_a_comma_takes_double_quotes(make_folder: MakeFolder) -> None:
    names = ["tench, Tinca tinca", '5" nail', "cat"]
    assert as_settings({"classes": '"tench, Tinca tinca", 5" nail,cat,'})["data.classes"] == names
    assert as_settings({"classes": listed(names)})["data.classes"] == names, (
        "as a message writes them"
    )
    with pytest.raises(ExperimentError, match="in double quotes if a name contains one"):
        as_settings({"classes": '"tench, Tinca'})
    root = make_folder(dict.fromkeys(names, 3))
    done = convladder("check", str(root), "--classes", '"tench, Tinca tinca",cat', "--json")
    assert json.loads(done.stdout)["classes"] == {"cat": {"": 3}, "tench, Tinca tinca": {"": 3}}
    done = convladder("check", str(root), "--classes", "tench, Tinca tinca")
    assert done.returncode == 2
    assert """has no class 'tench': it has 5" nail, cat, "tench, Tinca tinca\"""" in done.stderr


def test_each_option_is_a_setting() -> None:
    from convladder.core.settings.data import Data

    assert {*READING, *SPLITTING} <= set(Data.model_fields)


@pytest.mark.parametrize("text", ["0", "x", "3x4x5", "-1", "64px"])
def test_a_size_that_is_none_says_what_is_expected(text: str) -> None:
    with pytest.raises(ExperimentError, match="--image-size needs N or HEIGHTxWIDTH"):
        as_settings({"image_size": text})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--on-leak", "dorp"], "data.on_leak: Input should be 'refuse', 'drop' or 'keep'"),
        (["--group-pattern", "("], "is not a regular expression"),
        (["--classes", "cat"], "data.classes: expected 2 or more"),
        (["--classes", "cat,cow"], "has no class 'cow': it has cat, dog"),
        (
            ["--folds", "12"],
            "class 'cat' has 9 images to split, and each of 12 folds needs one",
        ),
        (
            ["--folds", "3", "--set", "data.folds=4"],
            "data.folds is given twice, by --set and by --folds",
        ),
        (["--min-images", "50"], "lower --min-images"),
        (["--label-column", "kind"], "--label-column is for a table"),
    ],
)
def test_a_wrong_option_is_one_line(make_folder: MakeFolder, words: list[str], said: str) -> None:
    root = make_folder({"cat": 9, "dog": 9})
    done = convladder("train", str(root), *words, cwd=root.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_check_takes_the_options_of_reading(make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder({"a": 3, "b": 3})
    rows = [f"{letter}/{number:03}.png,{letter}" for letter in "ab" for number in range(3)]
    (tmp_path / "set.csv").write_text("\n".join(["where,what", *rows]))
    words = [
        "--path-column",
        "where",
        "--label-column",
        "what",
        "--image-root",
        str(tmp_path / "images"),
    ]
    done = convladder("check", str(tmp_path / "set.csv"), *words, "--json")
    assert json.loads(done.stdout)["classes"] == {"a": {"": 3}, "b": {"": 3}}


@pytest.mark.xdist_group("climbs")
def test_training_with_folds_is_a_climb_of_one_rung(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"cat": 9, "dog": 9})
    words = [
        "--folds",
        "3",
        "--rung",
        "lenet5",
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "out"),
        "--json",
        "--quiet",
    ]
    done = convladder("train", str(root), *words, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    (rung,) = json.loads(done.stdout)["rungs"]
    assert rung["test_images"] == 18
    runs = sorted(path.name for path in (tmp_path / "out/trials/lenet5").glob("fold-*"))
    assert runs == ["fold-0-seed-0", "fold-1-seed-0", "fold-2-seed-0"]
    page = (tmp_path / "out/report.html").read_text()
    assert "Every image was tested once, in 3 folds." in page
    assert "Nadeau and Bengio 2003" in page
