from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from convladder.api import inputs
from convladder.core.errors import DataError, ExperimentError
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder, Rung
from convladder.core.settings.data import Data
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from convladder.experiments import climb_plan
from convladder.report import progress
from faults import picture

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a picture to each path below a folder: `make({"cat/1.png":
    7})`.
    """

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
        f"{part}{label}/{number}.png"
        for part in parts
        for label in ("cat", "dog")
        for number in range(images)
    ]
    return {name: number for number, name in enumerate(names)}


def splits_of(dataset: SplitDataset) -> dict[str, str]:
    """Return the split of each path."""
    return {
        path: part
        for part, indices in vars(dataset.splits).items()
        for path in dataset.paths(indices)
    }


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
    with pytest.raises(DataError, match=r"matches no path, such as 'cat/0\.png'"):
        load(Data(source=str(root), group_pattern="patient"))
    with pytest.raises(ExperimentError, match="is not a regular expression"):
        Experiment().replace({"data.group_pattern": "("})


def test_a_leak_across_named_splits_is_refused_with_the_way_out(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 20})
    with pytest.raises(
        DataError,
        match=r"leak: 1 of train are copies of images of test "
        r".train/cat/again.png and .*0.png.*--on-leak drop",
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
        DataError, match="20 of train are in one group with images of test and 20 of validation are"
    ):
        load(Data(source=str(root), group_pattern=r"(\d+).png", min_images=1, on_leak="refuse"))


def test_copies_inside_one_split_are_no_leak(make: Make) -> None:
    root = make(filled(("train/", "test/")) | {"train/cat/again.png": 0, "test/dog/again.png": 39})
    assert len(load(str(root)).bank.records) == 42


def test_a_class_in_too_few_groups_is_named(make: Make) -> None:
    root = make(
        {f"cat/{number}.png": number for number in range(9)}
        | {f"dog/{number}.png": 50 for number in range(9)}
    )
    with pytest.raises(
        DataError, match=r"class 'dog' has 9 images in 1 group that stay together .*--classes"
    ):
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
    with pytest.raises(
        DataError, match="class 'cat' has 10 images to split, and each of 12 folds needs one"
    ):
        load(Data(source=str(make(filled())), folds=12))


def test_small_classes_can_be_left_out(make: Make) -> None:
    root = make(filled() | {"ant/0.png": 60, "emu/0.png": 61})
    with pytest.raises(DataError, match=r"class 'ant' has 1 image .*--min-images"):
        load(str(root))
    dataset = load(Data(source=str(root), min_images=3))
    assert dataset.class_names == ("cat", "dog")
    assert set(dataset.bank.labels) == {0, 1}
    assert "left out 2 classes with fewer than 3 images (ant, emu)" in dataset.decisions
    with pytest.raises(DataError, match="lower --min-images"):
        load(Data(source=str(root), min_images=99))


def test_classes_can_be_chosen(make: Make) -> None:
    root = make(filled() | {f"emu/{number}.png": 60 + number for number in range(5)})
    dataset = load(Data(source=str(root), classes=("emu", "cat")))
    assert dataset.class_names == ("cat", "emu")
    assert dataset.bank.ignored == {"in a class left out": 10}
    with pytest.raises(DataError, match="no class 'cow': it has cat, dog, emu"):
        load(Data(source=str(root), classes=("cow", "cat")))


def test_copies_of_an_image_that_is_left_out_stay_together(make: Make) -> None:
    """The first of twelve equal images, with which the others were compared, is in a class that is
    left out.
    """
    copies = {"ant/only.png": 70} | {f"cat/copy-{number:02}.png": 70 for number in range(11)}
    dataset = load(Data(source=str(make(filled() | copies)), min_images=3, split_seed=2))
    split = splits_of(dataset)
    assert dataset.class_names == ("cat", "dog")
    assert len({split[f"cat/copy-{number:02}.png"] for number in range(11)}) == 1


def test_a_leak_is_found_also_where_the_image_between_is_left_out(make: Make) -> None:
    copies = {"train/ant/only.png": 70, "train/cat/copy.png": 70, "test/cat/copy.png": 70}
    root = make(filled(("train/", "test/")) | copies)
    with pytest.raises(DataError, match="1 of train are copies of images of test"):
        load(Data(source=str(root), min_images=3))


def test_a_class_of_which_no_file_can_be_read_stops_the_training(make: Make) -> None:
    root = make(filled(images=200))
    (root / "rare").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (root / "rare" / name).write_bytes(b"broken")
    with pytest.raises(
        DataError, match=r"no readable image of class 'rare': .*--min-images or --classes"
    ):
        load(str(root))
    assert load(Data(source=str(root), min_images=2)).class_names == ("cat", "dog")
    assert load(Data(source=str(root), classes=("cat", "dog"))).class_names == ("cat", "dog")


def test_a_pattern_and_a_column_of_groups_exclude_each_other() -> None:
    with pytest.raises(ExperimentError, match="group_column and group_pattern exclude each other"):
        Experiment().replace({"data.group_pattern": "x", "data.group_column": "y"})


def test_images_in_no_group_are_told(make: Make) -> None:
    root = make(filled() | {"cat/patient7.png": 90})
    dataset = load(Data(source=str(root), group_pattern=r"patient\d"))
    assert any(note.startswith("20 images are in no group") for note in dataset.decisions)


def test_named_splits_are_not_kept_in_folds_and_that_is_told(make: Make) -> None:
    dataset = load(Data(source=str(make(filled(("train/", "test/")))), folds=4))
    assert (
        "the splits of the source are ignored: cross-validation makes its own" in dataset.decisions
    )


def test_rungs_of_another_form_keep_images_groups_folds_and_what_was_decided(make: Make) -> None:
    pictures = {
        f"{label}/p{number // 3:02}-{number}.png": 100 * level + number
        for level, label in enumerate(("cat", "dog"))
        for number in range(30)
    }
    root = make(pictures | {"cat/p99-copy.png": 0})
    ladder = Ladder(
        "forms",
        "Forms",
        "",
        {},
        (
            Rung(name="small", what="", why=""),
            Rung(name="big", parent="small", what="", why="", change={"data.image_size": (60, 60)}),
            Rung(name="grey", parent="big", what="", why="", change={"data.channels": 1}),
        ),
    )
    quiet = progress.reporter(quiet=True)
    for more in ({"data.folds": 3}, {}):
        changes = {"data.source": str(root), "data.group_pattern": r"(p\d+)-"} | more
        plan = climb_plan.make_plan(ladder, [0], changes, inputs.loader(str(root), False, quiet))
        of_fold: dict[int | None, set[tuple[str, ...]]] = {}
        for trial in plan.trials:
            split = splits_of(trial.dataset)
            patients: dict[str, set[str]] = {}
            for path, part in split.items():
                patients.setdefault(path.split("/")[1][:3], set()).add(part)
            assert all(len(parts) == 1 for parts in patients.values())
            assert trial.dataset.decisions == plan.dataset.decisions != ()
            tested = trial.dataset.paths(trial.dataset.splits.test)
            of_fold.setdefault(trial.key.fold, set()).add(tuple(tested))
        assert all(len(tested) == 1 for tested in of_fold.values())


def test_what_is_in_memory_can_be_folded_and_loaded_in_another_way(make: Make) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 20, 20), dtype=np.uint8)
    loaded = cl.load(images, ["cat", "dog"] * 20, quiet=True)
    loader = inputs.loader(loaded, False, progress.reporter(quiet=True))
    folded = loader(loaded.settings.model_copy(update={"folds": 4}))
    assert sorted(len(each.splits.test) for each in folded.each_fold()) == [10, 10, 10, 10]
    assert len(loader(loaded.settings.model_copy(update={"limit": 30})).bank.records) == 30
    assert cl.check(loaded, quiet=True).files["accepted"] == 40
    assert cl.check(images, ["cat", "dog"] * 20, quiet=True).files["accepted"] == 40
    with pytest.raises(
        ExperimentError, match=r"load the images in memory first, with load\(images, labels\)"
    ):
        cl.climb(images, quiet=True)  # type: ignore[arg-type]


def test_a_climb_cannot_have_one_fold() -> None:
    with pytest.raises(ExperimentError, match=r"a climb tests every fold: leave data\.fold out"):
        cl.climb("digits", changes={"data.folds": 3, "data.fold": 1}, quiet=True)


def test_what_a_limit_leaves_out_is_counted() -> None:
    checked = cl.check("digits", changes={"data.limit": 100}, quiet=True)
    assert checked.files == {"files": 1797, "accepted": 100, "rejected": 0, "ignored": 1697}
