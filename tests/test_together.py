from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convladder.config import Data, Experiment
from convladder.data.dataset import Dataset, load
from convladder.errors import DataError, ExperimentError
from faults import picture

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a picture to each path below a folder: `make({"cat/1.png": 7})`."""

    def make(pictures: dict[str, int | Image.Image]) -> Path:
        for name, seed in pictures.items():
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            (picture(seed) if isinstance(seed, int) else seed).save(path)
        return tmp_path / "images"

    return make


def filled(parts: tuple[str, ...] = ("",), images: int = 10) -> dict[str, int]:
    """Name pictures of two classes in each part, no two alike."""
    names = [
        f"{part}{label}/{number}.png" for part in parts for label in ("cat", "dog") for number in range(images)
    ]
    return {name: number for number, name in enumerate(names)}


def splits_of(dataset: Dataset) -> dict[str, str]:
    """Return the split of each path."""
    return {path: part for part, indices in vars(dataset.splits).items() for path in dataset.paths(indices)}


def test_copies_are_never_parted(make: Make) -> None:
    copies = {f"cat/copy-{number}.png": 0 for number in range(9)}
    split = splits_of(load(str(make(filled() | copies))))
    assert len({split[path] for path in ["cat/0.png", *copies]}) == 1


def test_a_near_copy_stays_with_its_picture(make: Make) -> None:
    larger = {f"dog/larger-{number}.png": picture(number, 60) for number in range(10)}
    split = splits_of(load(str(make(filled() | larger))))
    assert [split[f"dog/larger-{number}.png"] for number in range(10)] == [
        split[f"cat/{number}.png"] for number in range(10)
    ]


def test_groups_from_the_path_are_never_parted(make: Make) -> None:
    pictures = {
        f"{label}/patient{number // 4:02}-{number}.png": 100 * level + number
        for level, label in enumerate(("cat", "dog"))
        for number in range(48)
    }
    root = make(pictures)
    parts: dict[str, set[str]] = {}
    dataset = load(Data(source=str(root), group_pattern=r"patient(\d+)"))
    for path, part in splits_of(dataset).items():
        parts.setdefault(path.split("patient")[1][:2], set()).add(part)
    assert all(len(found) == 1 for found in parts.values())
    assert {part: len(indices) for part, indices in vars(dataset.splits).items()} == {
        "train": 64,
        "validation": 16,
        "test": 16,
    }
    assert any("12 groups of images that belong together" in note for note in dataset.decisions)


def test_a_pattern_that_finds_nothing_or_is_none_says_so(make: Make) -> None:
    root = make(filled())
    with pytest.raises(DataError, match=r"is found in no path, such as 'cat/0\.png'"):
        load(Data(source=str(root), group_pattern="patient"))
    with pytest.raises(ExperimentError, match="is no regular expression"):
        Experiment().replace({"data.group_pattern": "("})


def test_a_leak_across_named_splits_is_refused_with_the_way_out(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 20})
    with pytest.raises(
        DataError,
        match=r"leak: 1 of train are copies of images of test .train/cat/again.png and .*0.png.*--on-leak drop",
    ):
        load(str(root))


def test_a_leak_is_dropped_from_the_lesser_split_or_kept_as_told(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 20})
    dropped = load(Data(source=str(root), on_leak="drop"))
    assert "train/cat/again.png" not in splits_of(dropped)
    assert len(dropped.bank.records) == 40
    assert any(note.startswith("left out a leak: 1 of train") for note in dropped.decisions)
    kept = load(Data(source=str(root), on_leak="keep"))
    assert splits_of(kept)["train/cat/again.png"] in ("train", "validation")
    assert any(note.startswith("kept a leak") for note in kept.decisions)
    assert dropped.bank.fingerprint != kept.bank.fingerprint


def test_what_a_leak_did_is_told_with_the_run(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 20})
    told = load(Data(source=str(root), on_leak="drop")).provenance()
    assert any("left out a leak" in note for note in told["notes"])


def test_a_group_across_named_splits_is_a_leak_too(make: Make) -> None:
    root = make(filled(("train/", "val/", "test/")))
    with pytest.raises(
        DataError, match="20 of train are of one group with images of test and 20 of validation are"
    ):
        load(Data(source=str(root), group_pattern=r"(\d+).png", min_images=1, on_leak="refuse"))


def test_copies_inside_one_split_are_no_leak(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 0, "test/dog/again.png": 39})
    assert len(load(str(root)).bank.records) == 42


def test_a_class_in_too_few_groups_is_named(make: Make) -> None:
    root = make(
        {f"cat/{number}.png": number for number in range(9)} | {f"dog/{number}.png": 50 for number in range(9)}
    )
    with pytest.raises(DataError, match=r"class 'dog' has 9 images in 1 group that stay together .*--classes"):
        load(str(root))


def test_folds_test_every_image_once_and_part_no_group(make: Make) -> None:
    root = make(filled(images=20) | {"dog/again.png": 3})
    dataset = load(Data(source=str(root), folds=5))
    folds = dataset.each_fold()
    tested = [path for fold in folds for path in fold.paths(fold.splits.test)]
    assert sorted(tested) == sorted(record.path for record in dataset.bank.records)
    for fold in folds:
        split = splits_of(fold)
        assert split["dog/again.png"] == split["cat/3.png"]
        assert set(np.unique(fold.bank.labels[fold.splits.validation])) == {0, 1}
    assert [fold.settings.fold for fold in folds] == [0, 1, 2, 3, 4]


def test_folds_part_the_images_of_named_splits_anew(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 20})
    folds = load(Data(source=str(root), folds=4)).each_fold()
    assert sum(len(fold.splits.test) for fold in folds) == 41


def test_too_many_folds_for_a_class_are_refused(make: Make) -> None:
    with pytest.raises(DataError, match="class 'cat' has 10 images to share out, and each of 12 folds needs one"):
        load(Data(source=str(make(filled())), folds=12))


def test_small_classes_can_be_left_out(make: Make) -> None:
    root = make(filled() | {"ant/0.png": 60, "emu/0.png": 61})
    with pytest.raises(DataError, match=r"class 'ant' has 1 image .*--min-images"):
        load(str(root))
    dataset = load(Data(source=str(root), min_images=3))
    assert dataset.class_names == ("cat", "dog")
    assert set(dataset.bank.labels) == {0, 1}
    assert "left out 2 classes of fewer than 3 images (ant, emu)" in dataset.decisions
    with pytest.raises(DataError, match="lower --min-images"):
        load(Data(source=str(root), min_images=99))


def test_classes_can_be_chosen(make: Make) -> None:
    root = make(filled() | {f"emu/{number}.png": 60 + number for number in range(5)})
    dataset = load(Data(source=str(root), classes=("emu", "cat")))
    assert dataset.class_names == ("cat", "emu")
    assert dataset.bank.ignored == {"of a class left out": 10}
    with pytest.raises(DataError, match="no class 'cow': it has cat, dog, emu"):
        load(Data(source=str(root), classes=("cow", "cat")))
