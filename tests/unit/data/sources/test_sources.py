from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from convladder.data.sources import builtin
from convladder.data.sources.folders.folder import walk
from convladder.data.sources.registry import open_source
from convladder.data.split_names import SPLIT_NAMES
from images_made import MakeFolder, write_image


def parts(dataset: SplitDataset) -> dict[str, int]:
    return {part: len(indices) for part, indices in vars(dataset.splits).items()}


def test_a_class_folder_is_split_by_class(make_folder: MakeFolder) -> None:
    dataset = load(str(make_folder({"cat": 20, "dog": 40})))
    assert dataset.bank.kind == "class folder"
    assert dataset.class_names == ("cat", "dog")
    assert dataset.counts() == {
        "train": {"cat": 14, "dog": 28},
        "validation": {"cat": 3, "dog": 6},
        "test": {"cat": 3, "dog": 6},
    }


@pytest.mark.parametrize("name", ["val", "validation", "valid"])
def test_a_split_folder_is_kept_as_it_is(make_folder: MakeFolder, name: str) -> None:
    for part, count in (("train", 10), (name, 4), ("test", 5)):
        root = make_folder({f"{part}/cat": count, f"{part}/dog": count})
    dataset = load(str(root))
    assert dataset.bank.kind == "split folder"
    assert parts(dataset) == {"train": 20, "validation": 8, "test": 10}


def test_a_missing_split_is_cut_from_train(make_folder: MakeFolder) -> None:
    make_folder({"train/cat": 20, "train/dog": 20})
    dataset = load(str(make_folder({"test/cat": 5, "test/dog": 5})))
    assert parts(dataset) == {"train": 34, "validation": 6, "test": 10}


def test_classes_are_matched_by_name_where_a_split_lacks_one(make_folder: MakeFolder) -> None:
    make_folder({"train/ape": 6, "train/cat": 6, "train/dog": 6})
    root = make_folder({"test/cat": 2, "test/dog": 3})
    assert load(str(root)).counts()["test"] == {"ape": 0, "cat": 2, "dog": 3}


def test_a_class_may_be_named_train(make_folder: MakeFolder) -> None:
    assert load(str(make_folder({"car": 9, "train": 9}))).class_names == ("car", "train")


def test_what_is_no_image_is_ignored_by_a_named_rule(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    for name in (".DS_Store", "Thumbs.db", "._000.png", "notes.txt"):
        (root / "cat" / name).write_bytes(b"x")
    (root / "contents.png").touch()
    (root / ".ipynb_checkpoints").mkdir()
    (root / "cat" / ".ipynb_checkpoints").mkdir()
    write_image(root / "cat" / ".ipynb_checkpoints" / "000-checkpoint.png", seed=1)
    (root / "cat" / "loop").symlink_to(root)
    (root / "dog" / "link.png").symlink_to(root / "cat" / "000.png")
    os.mkfifo(root / "dog" / "pipe.png")
    bank = load(str(root)).bank
    assert bank.class_names == ("cat", "dog")
    assert len(bank.records) == 20
    assert bank.ignored == {
        "hidden": 3,
        "system file": 1,
        "text beside the images": 1,
        "symbolic link": 2,
        "next to the class folders": 1,
        "not a regular file": 1,
    }


def test_bad_files_are_rejected_with_a_reason_and_the_rest_goes_on(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 60, "dog": 60})
    (root / "cat" / "bad.jpg").write_bytes(b"this is no image")
    bank = load(str(root)).bank
    assert len(bank.records) == 120
    assert [(bad.path, bad.reason) for bad in bank.rejections] == [("cat/bad.jpg", "unsupported")]


def test_too_many_bad_files_stop_and_name_the_way_on(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    (root / "cat" / "bad.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 21 files .*1 empty.*cat/bad.jpg.*--allow-rejects"):
        load(str(root))
    assert len(load(str(root), allow_rejects=True).bank.records) == 20


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"cat": 5}, "one class only \\('cat'\\)"),
        ({"cat": 9, "dog": 0}, "no readable image of class 'dog'"),
        ({"cat": 9, "dog": 1}, "class 'dog' has 1 image to split"),
        ({"cat": 9, "Cat": 9}, "differ only in case"),
        ({"caf\u00e9": 9, "cafe\u0301": 9}, "differ only in the encoding of their accents"),
        (
            {"train/cat": 9, "train/dog": 9, "extra/cat": 9},
            "split folders \\('train'\\) next to 'extra'",
        ),
        ({"val/cat": 9, "val/dog": 9}, "but no 'train' folder"),
        ({"train/cat": 9, "val/cat": 9, "valid/cat": 9}, "two folders for one split"),
        ({"train1/cat": 9, "Testing/cat": 9}, "'Testing' but no 'train': did you mean 'train1'"),
        ({"inner/cat": 9, "inner/dog": 9}, "did you mean .*inner"),
    ],
)
def test_a_folder_that_cannot_be_a_data_set_says_why(
    make_folder: MakeFolder, counts: dict[str, int], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        load(str(make_folder(counts)))


def test_empty_folders_and_wrong_paths_say_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty: it has no class folders"):
        open_source(Data(source=str(tmp_path)))
    with pytest.raises(DataError, match=r"no data at .*nowhere.*digits"):
        open_source(Data(source=str(tmp_path / "nowhere")))
    (tmp_path / "file.jpg").touch()
    with pytest.raises(DataError, match="is not a kind of file"):
        open_source(Data(source=str(tmp_path / "file.jpg")))


def test_the_folder_of_one_class_says_that_its_parent_may_be_meant(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    said = (
        r"holds images, but it has no class folders "
        rf"\(did you mean {root}, of which this is one class\?\)"
    )
    with pytest.raises(DataError, match=said):
        load(str(root / "cat"))


@pytest.mark.parametrize(
    ("given", "beside"), [("shots", None), ("shots", "notes"), ("test", "cat")]
)
def test_a_folder_that_is_no_class_of_its_parent_says_nothing_of_it(
    make_folder: MakeFolder, given: str, beside: str | None
) -> None:
    root = make_folder({given: 3} | ({beside: 3} if beside else {}))
    for path in (root / "notes").glob("*"):
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match="holds images, but it has no class folders: put each"):
        load(str(root / given))


def test_folders_deeper_than_calls_can_be_are_read(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    deep = [root / "cat" / "/".join("d" * depth) for depth in range(1, 1501)]
    for folder in deep:
        folder.mkdir()
    write_image(deep[-1] / "1.png", seed=9)
    assert len(load(str(root)).bank.records) == 11
    (deep[-1] / "1.png").unlink()
    for folder in reversed(deep):  # what removes the folders of tests does call itself
        folder.rmdir()


def test_what_is_deleted_while_a_folder_is_read_is_passed_over(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    found = []
    for entry, _ in walk(root, ""):
        found.append(entry.path)
        if entry.path == "cat":
            (root / "cat" / "001.png").unlink()
            shutil.rmtree(root / "dog")
    assert found == ["cat", "cat/000.png", "cat/002.png"]


def test_an_ignored_file_leaves_the_fingerprint_as_it_is(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    before = open_source(Data(source=str(root))).fingerprint
    (root / "cat" / ".DS_Store").write_bytes(b"x")
    source = open_source(Data(source=str(root)))
    assert source.fingerprint == before
    assert [each.path for each in source.listing().ignored] == ["cat/.DS_Store"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_class_folder_that_is_not_utf8_keeps_its_name(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    (root / "cat").rename(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))
    dataset = load(str(root))
    assert dataset.class_names == (os.fsdecode(b"caf\xe9"), "dog")
    assert dataset.bank.records[0].path == os.fsdecode(b"caf\xe9/000.png")


def test_odd_names_are_read(tmp_path: Path) -> None:
    root = tmp_path / "images"
    names = ["cat 🐈", "<b>&dog", "li\nne", "=cmd()"]
    for level, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(3):
            write_image(root / name / f"{'x' * 240}{number}.png", seed=number, level=level)
    path = os.fsencode(root / names[0]) + b"/caf\xe9.png"
    write_image(root / "plain.png", seed=9)
    (root / "plain.png").rename(os.fsdecode(path))
    dataset = load(str(root))
    assert sorted(dataset.class_names) == sorted(names)
    assert len(load(str(root)).bank.records) == 13


def test_images_that_cannot_be_written_are_read(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    for path in (*root.rglob("*.png"), *root.iterdir(), root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert len(load(str(root)).bank.records) == 10
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_an_npz_with_splits(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    arrays = {
        f"x_{part}": draw.integers(0, 255, (12, 16, 16, 3), dtype=np.uint8)
        for part in ("train", "test")
    }
    labels = {f"y_{part}": np.tile([3, 7], 6)[:, np.newaxis] for part in ("train", "test")}
    np.savez(tmp_path / "set.npz", **arrays, **labels)
    dataset = load(str(tmp_path / "set.npz"))
    assert dataset.class_names == ("3", "7")
    assert parts(dataset) == {"train": 10, "validation": 2, "test": 12}
    assert np.array_equal(dataset.bank.images[:12], arrays["x_train"])


def test_an_npz_with_x_and_y_in_words(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", x=images, y=np.array(["cat", "dog"] * 10))
    dataset = load(str(tmp_path / "set.npz"))
    assert dataset.class_names == ("cat", "dog")
    assert dataset.bank.form.shape == (16, 16, 1)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"x": np.zeros((4, 8, 8), bool), "y": np.arange(4)},
            "bool: expected numbers, such as uint8",
        ),
        (
            {"x": np.zeros((4, 8, 8), np.uint8), "y": np.arange(3)},
            "labels are 3, but there are 4 images",
        ),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": np.eye(4)}, r"one-hot: y.argmax\(axis=1\)"),
        (
            {"x": np.zeros((4, 8, 8), np.uint8), "y": np.array([0, 1, np.nan, 1])},
            "not whole numbers",
        ),
        ({"x": np.zeros((0, 8, 8), np.uint8), "y": np.zeros(0)}, "the array is empty"),
        ({"x": np.zeros((4, 8), np.uint8), "y": np.arange(4)}, r"shape \(4, 8\): expected"),
        ({"x_train": np.zeros((4, 8, 8), np.uint8)}, "'x_train' but no 'y_train'"),
        ({"images": np.zeros((4, 8, 8), np.uint8)}, "'images': expected 'x' and 'y'"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": np.zeros(4, int)}, "one class only"),
    ],
)
def test_a_wrong_npz_says_what_was_expected(
    tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(DataError, match=said):
        load(str(tmp_path / "set.npz"))


def test_an_npz_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "set.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"cannot read .*set.npz"):
        load(str(tmp_path / "set.npz"))


def test_digits_come_enlarged_and_said_so() -> None:
    dataset = load("digits")
    assert dataset.bank.images.shape == (1797, 16, 16, 1)
    assert parts(dataset) == {"train": 1259, "validation": 269, "test": 269}
    assert "16x16 (the images are all 8x8" in dataset.notes[0]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_keras_sets_are_read_through_keras(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import keras

    (height, width, mode), class_names = builtin._KERAS_SETS[name]
    classes = len(class_names or range(10))
    shape = (height, width) if mode == "L" else (height, width, 3)
    draw = np.random.default_rng(0)

    def make(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.tile(np.arange(classes), count)[:, np.newaxis]
        return draw.integers(0, 255, (len(labels), *shape), dtype=np.uint8), labels

    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: (make(4), make(2)))
    dataset = load(name)
    assert len(dataset.class_names) == classes
    assert parts(dataset) == {"train": 3 * classes, "validation": classes, "test": 2 * classes}


def test_a_download_that_fails_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def fail() -> None:
        raise Exception(
            "URL fetch failure on https://example.org: None -- Name or service not known"
        )

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fail)
    monkeypatch.setenv("CONVLADDER_CACHE", "/nonexistent/never-written")
    source = open_source(Data(source="cifar10"))
    with pytest.raises(
        DataError, match=r"could not download cifar10 .*check the connection, or use 'digits'"
    ):
        source.listing()


def test_the_image_size_is_inferred_from_the_images(make_folder: MakeFolder) -> None:
    make_folder({"cat": 6}, size=300)
    root = make_folder({"dog": 6}, size=120)
    dataset = load(str(root))
    assert dataset.bank.form.shape == (96, 96, 3)
    assert "96x96 (the images are of different sizes" in dataset.notes[0]


def test_a_split_is_named_alike_wherever_it_is_named(tmp_path: Path) -> None:
    """In an array file as in folders and tables: by all its names, in any case."""
    pixels, labels = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])
    arrays = {"x_Training": pixels, "y_Training": labels, "x_EVAL": pixels, "y_EVAL": labels}
    np.savez(tmp_path / "set.npz", **arrays)
    source = open_source(Data(source=str(tmp_path / "set.npz")))
    assert {record.split for record in source.listing().records} == {"train", "test"}


def test_the_docs_name_all_names_of_splits() -> None:
    page = (Path(__file__).parents[4] / "docs/data.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if "Their names, in any case" in line)
    names = re.findall(r"`(\w+)`", line.partition("Their names")[2])
    assert names == list(SPLIT_NAMES)
