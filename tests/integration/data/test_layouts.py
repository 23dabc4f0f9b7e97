"""How people lay out their folders, and what is made and said of each."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command_line import convladder_here as convladder
from convladder.core.errors import ConvladderError, DataError
from convladder.core.settings.data import Data
from convladder.data.dataset import SplitDataset
from convladder.data.loading import check, load, load_bank
from convladder.data.quality.checks import DataCheck
from convladder.data.sources.folders.file_names import NUMBERED
from convladder.data.sources.registry import open_source
from convladder.experiments.inference import evaluated
from images_made import MakeFolder, write_image

Place = Callable[[Path], str]


def as_it_is(root: Path) -> str:
    return str(root)


def zipped(root: Path) -> str:
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(root.rglob("*")):
            if each.is_file():
                archive.write(each, each.relative_to(root).as_posix())
    return str(path)


def tarred(root: Path) -> str:
    """Pack a folder as people do, with the folder itself around all."""
    path = root.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        archive.add(root, root.name)
    return str(path)


EVERYWHERE = pytest.mark.parametrize("place", [as_it_is, zipped, tarred])


def read(source: str, **more: object) -> SplitDataset:
    return load(Data.model_validate({"source": source} | more))


def said(found: SplitDataset | DataCheck) -> str:
    return "\n".join((*found.notes, *getattr(found, "decisions", ())))


@EVERYWHERE
def test_splits_in_each_class_folder_are_splits(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder({"cat/train": 8, "cat/test": 3, "dog/train": 8, "dog/test": 4})
    found = read(place(root))
    assert found.class_names == ("cat", "dog")
    assert found.counts()["test"] == {"cat": 3, "dog": 4}
    assert "the folders 'test', 'train' in the class folders are used as splits" in said(found)


def test_splits_in_each_class_folder_may_be_named_in_other_words(make_folder: MakeFolder) -> None:
    root = make_folder(
        {"cat/Training": 8, "cat/dev": 3, "dog/training": 8, "dog/Val": 4, "dog/test": 2}
    )
    counts = check(Data(source=str(root))).counts
    assert counts["cat"] == {"train": 8, "validation": 3, "test": 0}
    assert counts["dog"] == {"train": 8, "validation": 4, "test": 2}


@pytest.mark.parametrize("odd", [{"dog": 9}, {"dog/a": 9}, {"dog/train": 5, "dog": 2}])
def test_splits_in_some_class_folders_alone_are_refused(
    make_folder: MakeFolder, odd: dict[str, int]
) -> None:
    root = make_folder({"cat/train": 8, "cat/test": 3} | odd)
    with pytest.raises(
        DataError, match="cat holds 'test', 'train', which are names of splits, but 'dog' is not"
    ):
        read(str(root))


def test_a_class_of_vehicles_may_hold_trains(make_folder: MakeFolder) -> None:
    root = make_folder({"rail/train": 6, "rail/tram": 6, "road/car": 6, "road/bus": 6})
    assert read(str(root)).class_names == ("rail", "road")
    assert read(str(root), class_level="leaf").class_names == ("bus", "car", "train", "tram")


def test_a_folder_of_mvtec_sets_says_to_give_one(make_folder: MakeFolder) -> None:
    for kind in ("bottle", "cable"):
        counts = {f"{kind}/train/good": 5, f"{kind}/test/good": 2, f"{kind}/test/broken": 2}
        root = make_folder(counts | {f"{kind}/ground_truth/broken": 2})
    with pytest.raises(
        DataError, match=r"several data sets \('bottle', 'cable'\).*give one, such as .*/bottle"
    ):
        read(str(root))
    with pytest.raises(DataError, match=r"fewer than two classes in train \(none of 'broken'\)"):
        read(str(root / "bottle"))
    assert "'ground_truth' next to the split folders is not read" in said(
        check(Data(source=str(root / "bottle")))
    )


@EVERYWHERE
def test_of_a_hierarchy_the_outer_folders_are_classes_and_it_is_said(
    make_folder: MakeFolder, place: Place
) -> None:
    source = place(
        make_folder({"animal/cat": 5, "animal/dog": 5, "plant/rose": 5, "plant/tulip": 5})
    )
    found = read(source)
    assert found.class_names == ("animal", "plant")
    assert "used as classes (animal, plant), not those inside them (cat, dog, rose, tulip)" in said(
        found
    )
    assert "--class-level leaf" in said(found)
    assert "taken as classes" not in said(read(source, class_level="top"))
    assert read(source, class_level="leaf").class_names == ("cat", "dog", "rose", "tulip")


def test_the_level_of_classes_is_below_the_split_folders(make_folder: MakeFolder) -> None:
    inner = {"animal/cat": 6, "animal/dog": 6, "plant/rose": 6}
    root = make_folder(
        {f"{split}/{name}": count for split in ("train", "test") for name, count in inner.items()}
    )
    assert read(str(root)).class_names == ("animal", "plant")
    leaf = read(str(root), class_level="leaf")
    assert leaf.class_names == ("cat", "dog", "rose")
    assert leaf.counts()["test"] == {"cat": 6, "dog": 6, "rose": 6}


def test_leaves_of_one_name_are_told_apart_by_their_paths(make_folder: MakeFolder) -> None:
    root = make_folder({"a/home/outdoor": 4, "a/home/indoor": 4, "s/shop/outdoor": 4})
    found = read(str(root), class_level="leaf")
    assert found.class_names == ("a/home/indoor", "a/home/outdoor", "s/shop/outdoor")
    assert "end alike" in said(found)


@EVERYWHERE
def test_leaves_may_all_be_in_one_folder(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder({"animal/cat": 5, "animal/dog": 5})
    assert read(place(root), class_level="leaf").class_names == ("cat", "dog")
    with pytest.raises(
        DataError, match=r"holds one folder, which holds folders itself: did you mean .*/animal\?"
    ):
        read(str(root))


def test_leaves_in_one_folder_of_splits_are_no_classes(make_folder: MakeFolder) -> None:
    root = make_folder(
        {"set/train/cat": 5, "set/train/dog": 5, "set/test/cat": 3, "set/test/dog": 3}
    )
    with pytest.raises(DataError, match=r"did you mean .*/set\?"):
        read(str(root), class_level="leaf")


def test_leaves_in_one_folder_beside_masks(make_folder: MakeFolder) -> None:
    root = make_folder({"images/animal/cat": 5, "images/animal/dog": 5, "masks/cat": 5})
    found = read(str(root), class_level="leaf")
    assert found.class_names == ("cat", "dog")
    assert found.bank.ignored == {"next to the folders of images": 5}


def test_leaves_may_hold_splits(make_folder: MakeFolder) -> None:
    kinds = ("animal/cat", "animal/dog", "plant/rose")
    root = make_folder({f"{kind}/{split}": 5 for kind in kinds for split in ("train", "test")})
    found = read(str(root), class_level="leaf")
    assert found.class_names == ("cat", "dog", "rose")
    assert found.counts()["test"] == {"cat": 5, "dog": 5, "rose": 5}


def test_annotations_beside_images_are_no_class(make_folder: MakeFolder) -> None:
    root = make_folder({"images/cat": 5, "images/dog": 5, "annotations/trimaps": 5})
    with pytest.raises(DataError, match=r"\(next to 'annotations'\): did you mean .*/images\?"):
        read(str(root))
    for pack in (zipped, tarred):
        packed = read(pack(root))
        assert packed.class_names == ("cat", "dog")
        assert packed.bank.ignored == {"next to the folders of images": 5}
        assert "'annotations' lies next to the folder of images and is not read" in said(packed)


@EVERYWHERE
def test_a_folder_of_text_is_no_class(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    (root / "lists").mkdir()
    (root / "lists" / "all.txt").write_text("x")
    found = read(place(root))
    assert found.class_names == ("cat", "dog")
    if place is not zipped:  # which has no folders but around files
        assert "'lists' holds text but no images, and is no class" in said(found)


def test_images_beside_labels_in_text_say_what_is_needed(make_folder: MakeFolder) -> None:
    root = make_folder({"images": 5})
    (root / "labels").mkdir()
    (root / "labels" / "000.txt").write_text("0 0.5 0.5 1 1")
    with pytest.raises(
        DataError, match=r"has 'images' beside 'labels', and no class folders.*give a table"
    ):
        read(str(root))


@EVERYWHERE
def test_sets_for_object_detection_say_what_is_needed(
    make_folder: MakeFolder, place: Place
) -> None:
    root = make_folder({"train/images": 5, "valid/images": 3})
    for split in ("train", "valid"):
        (root / split / "labels").mkdir()
        (root / split / "labels" / "000.txt").write_text("0 0.5 0.5 1 1")
    with pytest.raises(
        DataError, match="with 'images' and no class folders, as sets for object detection do"
    ):
        read(place(root))


@EVERYWHERE
def test_dev_and_eval_are_splits(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder(
        {f"{split}/{kind}": 6 for split in ("train", "dev", "eval") for kind in ("cat", "dog")}
    )
    sizes = {part: len(indices) for part, indices in vars(read(place(root)).splits).items()}
    assert sizes == {"train": 12, "validation": 12, "test": 12}


@EVERYWHERE
def test_test_images_without_labels_are_told_and_not_used(
    make_folder: MakeFolder, place: Place
) -> None:
    root = make_folder({"train/cat": 8, "train/dog": 8, "test": 3})
    found = read(place(root))
    assert found.class_names == ("cat", "dog")
    assert found.bank.ignored == {"in no class folder, so without a label": 3}
    assert "3 images in 'test' are in no class folder" in said(found)
    assert "convladder predict" in said(found)


@pytest.mark.parametrize(
    "counts", [{"train": 6, "test": 3}, {"train": 6, "test/cat": 3, "test/dog": 3}]
)
def test_split_folders_without_class_folders_say_so(
    make_folder: MakeFolder, counts: dict[str, int]
) -> None:
    with pytest.raises(
        DataError, match="train holds images, but it has no class folders: put each class's"
    ):
        read(str(make_folder(counts)))


@EVERYWHERE
def test_a_second_copy_of_all_is_not_read(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder({"train/cat": 6, "train/dog": 6, "test/cat": 3, "test/dog": 3})
    inner = root / "pets"
    for split in ("train", "test"):
        shutil.copytree(root / split, inner / split)
    found = read(place(root))
    assert found.bank.ignored == {"in a second copy of all": 18}
    assert "'pets' holds the folders 'test', 'train' again" in said(found)
    write_image(inner / "train" / "cat" / "new.png", seed=5)
    with pytest.raises(
        DataError, match=r"'pets' holds folders of the same names: give .*pets, or move it away"
    ):
        read(place(root))


def test_a_second_copy_of_the_class_folders_is_no_class(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 6, "dog": 6})
    for kind in ("cat", "dog"):
        shutil.copytree(root / kind, root / "pets" / kind)
    assert read(str(root)).class_names == ("cat", "dog")


@pytest.mark.parametrize("splits", [("train", "val"), ("train", "val", "test")])
def test_a_class_that_train_lacks_is_refused(
    make_folder: MakeFolder, splits: tuple[str, ...]
) -> None:
    shared = {f"{split}/{kind}": 6 for split in splits for kind in ("cat", "dog")}
    root = make_folder(shared | {"val/owl": 4, "train/fox": 6})
    with pytest.raises(
        DataError, match=r"no image of class 'owl' in train: .*leave the class out with --classes"
    ):
        read(str(root))
    assert read(str(root), classes=("cat", "dog", "fox")).counts()["validation"]["fox"] == 0


def test_a_class_that_is_called_as_a_split_is_told(make_folder: MakeFolder) -> None:
    found = read(
        str(make_folder({"car": 9, "train": 9, "_": 9, "=1+1": 9, "tench, Tinca tinca": 9}))
    )
    assert len(found.class_names) == 5
    assert "'train' is a class here" in said(found)


@EVERYWHERE
def test_classes_in_the_names_of_files(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder({"all": 0})
    (root / "all").rmdir()
    for number in range(6):
        write_image(root / f"cat.{number}.jpg", seed=number)
        write_image(root / f"great_pyrenees_{number}.jpg", seed=100 + number, level=1)
    source = place(root)
    with pytest.raises(
        DataError, match=r"file names \(cat, great_pyrenees\)\?.*--label-pattern"
    ) as raised:
        read(source)
    pattern = str(raised.value).split("--label-pattern '")[1].split("' ")[0]
    assert read(source, label_pattern=pattern).class_names == ("cat", "great_pyrenees")


def test_classes_in_the_names_of_files_of_split_folders(make_folder: MakeFolder) -> None:
    root = make_folder({"train": 0, "test": 2})
    for number in range(6):
        write_image(root / "train" / f"cat.{number}.jpg", seed=number)
        write_image(root / "train" / f"dog.{number}.jpg", seed=100 + number, level=1)
    with pytest.raises(DataError, match="--label-pattern"):
        read(str(root))
    found = read(str(root), label_pattern=r"(cat|dog)\.\d")
    assert found.class_names == ("cat", "dog")
    assert found.bank.ignored == {"no label in its path": 2}
    assert (
        "2 files left out: the label pattern does not match their paths, such as test/000.png"
        in said(found)
    )


@EVERYWHERE
def test_a_label_pattern_leaves_masks_out(make_folder: MakeFolder, place: Place) -> None:
    root = make_folder({"images": 0, "annotations/trimaps": 0})
    for number in range(5):
        for level, kind in enumerate(("cat", "dog")):
            name = f"{kind}_{number}.png"
            write_image(root / "images" / name, seed=10 * number + level, level=level)
            write_image(root / "annotations" / "trimaps" / name, seed=500 + 10 * number + level)
    found = read(place(root), label_pattern=NUMBERED)
    assert found.class_names == ("cat", "dog")
    assert len(found.bank.records) == 10
    assert found.bank.ignored == {"next to the folders of images": 10}
    assert "'annotations' next to 'images' is no class" in said(found)


def test_a_label_pattern_keeps_the_splits_beside_masks(make_folder: MakeFolder) -> None:
    root = make_folder({"train": 0, "test": 0, "masks": 0})
    for place, count in {"train": 6, "test": 3, "masks": 6}.items():
        for number in range(count):
            seed = 1000 * len(place) + 10 * number
            write_image(root / place / f"cat.{number}.png", seed=seed)
            write_image(root / place / f"dog.{number}.png", seed=seed + 1, level=1)
    found = read(str(root), label_pattern=NUMBERED)
    assert found.counts()["test"] == {"cat": 3, "dog": 3}
    assert len(found.bank.records) == 18


def test_a_label_pattern_takes_no_second_copy(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5, "bird": 5})
    for kind in ("cat", "dog", "bird"):
        shutil.copytree(root / kind, root / "all" / kind)
    found = read(str(root), label_pattern=r"(cat|dog|bird)/")
    assert len(found.bank.records) == 15
    assert "'all' holds the folders 'bird', 'cat', 'dog' again" in said(found)


def test_images_without_classes_beside_masks_name_the_masks_once(make_folder: MakeFolder) -> None:
    root = make_folder({"images": 5, "annotations": 5})
    with pytest.raises(DataError, match=r"has 'images' beside 'annotations', and no class folders"):
        read(str(root))


def test_a_label_pattern_that_finds_nothing_or_is_none_says_so(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    with pytest.raises(
        DataError, match=r"label pattern 'bird' matches no path, such as 'cat/000.png'"
    ):
        read(str(root), label_pattern="bird")
    with pytest.raises(ValueError, match="is not a regular expression"):
        Data(label_pattern="(")
    with pytest.raises(ValueError, match="exclude each other"):
        Data(label_pattern="a", class_level="leaf")


@pytest.mark.parametrize("setting", [{"class_level": "leaf"}, {"label_pattern": "a"}])
def test_what_only_folders_have_is_refused_elsewhere(
    tmp_path: Path, setting: dict[str, str]
) -> None:
    (tmp_path / "labels.csv").write_text("path,label\na.png,cat\n")
    for source in ("digits", str(tmp_path / "labels.csv")):
        with pytest.raises(ConvladderError, match="is for a folder of images or an archive of it"):
            open_source(Data.model_validate({"source": source} | setting))


@EVERYWHERE
def test_a_folder_of_test_images_alone_can_be_evaluated_on(
    make_folder: MakeFolder, place: Place
) -> None:
    source = place(make_folder({"test/cat": 4, "test/dog": 5}))
    bank, notes = load_bank(Data(source=source))
    assert len(evaluated(bank)) == 9
    assert any("no 'train' folder ('test')" in note for note in notes)
    with pytest.raises(DataError, match=r"no 'train' folder or split.*convladder evaluate"):
        read(source)


def test_the_check_says_what_was_made_of_the_folders(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"animal/cat": 5, "animal/dog": 5, "plant/rose": 5, "plant/tulip": 5})
    page = tmp_path / "check.html"
    done = convladder("check", str(root), "--quiet", "--html", str(page))
    assert "--class-level leaf" in done.stdout
    assert "--class-level leaf" in page.read_text()
    leaf = convladder("check", str(root), "--quiet", "--class-level", "leaf")
    assert "tulip" in leaf.stdout
    assert "--class-level" not in leaf.stdout.partition("\nnext:\n")[0]


def test_an_npz_of_test_images_alone_can_be_evaluated_on(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", x_test=pixels, y_test=np.tile([0, 1], 4))
    bank, _ = load_bank(Data(source=str(tmp_path / "set.npz")))
    assert len(evaluated(bank)) == 8
    with pytest.raises(DataError, match="no 'train' folder or split"):
        read(str(tmp_path / "set.npz"))
