from __future__ import annotations

import io
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.loading import load, load_bank
from convladder.data.source import Listing, Record
from convladder.data.sources.parquet import find_shards
from convladder.data.sources.registry import open_source
from convladder.experiments.inference import evaluated
from images_made import MakeFolder

pa = pytest.importorskip("pyarrow", reason="the extra convladder[datasets] is not installed")
pq = pytest.importorskip(
    "pyarrow.parquet", reason="the extra convladder[datasets] is not installed"
)

NAMES = ("cat", "dog")


def png(level: int, seed: int) -> bytes:
    """Return an image whose brightness tells its class."""
    pixels = np.random.default_rng([level, seed]).integers(0, 80, (16, 16, 3)) + 80 * level
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "png")
    return file.getvalue()


def write(
    path: Path,
    labels: Sequence[Any],
    images: Sequence[Any] | None = None,
    *,
    names: Sequence[str] | None = None,
    more: Mapping[str, Sequence[Any]] | None = None,
    rows: int = 4,
) -> Path:
    """Write a file as the hub has it, in row groups of four; `names` are those of a ClassLabel."""
    if images is None:
        seed = zlib.crc32(path.name.encode())
        images = [
            {
                "bytes": png(0 if label in (None, 0, "cat") else 1, seed + number),
                "path": f"{number}.png",
            }
            for number, label in enumerate(labels)
        ]
    table = pa.table({"image": images, "label": labels, **(more or {})})
    if names:
        features = {
            "image": {"_type": "Image"},
            "label": {"names": list(names), "_type": "ClassLabel"},
        }
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows)
    return path


def listed(path: Path, **settings: Any) -> Listing:
    return open_source(Data(source=str(path), **settings)).listing()


def by_split(listing: Listing) -> dict[str, int]:
    splits = [record.split for record in listing.records]
    return {split: splits.count(split) for split in dict.fromkeys(splits)}


def test_a_file_by_the_datasets_library_is_the_bank_of_its_class_folder(
    tmp_path: Path, make_folder: MakeFolder
) -> None:
    datasets = pytest.importorskip(
        "datasets", reason="the extra convladder[datasets] is not installed"
    )
    folder = make_folder({"cat": 9, "dog": 12})
    paths = sorted(folder.rglob("*.png"))
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))}
    )
    columns = {
        "image": [{"bytes": path.read_bytes(), "path": path.name} for path in paths],
        "label": [NAMES.index(path.parent.name) for path in paths],
    }
    datasets.Dataset.from_dict(columns).cast(features).to_parquet(tmp_path / "set.parquet")
    table, plain = load(str(tmp_path / "set.parquet")), load(str(folder))
    assert table.bank.kind == "parquet"
    assert table.class_names == plain.class_names == NAMES
    assert np.array_equal(table.bank.images, plain.bank.images)
    assert np.array_equal(table.bank.labels, plain.bank.labels)
    assert table.counts() == plain.counts()
    assert table.bank.records[10].path == "set.parquet[10]/001.png"


def test_plain_bytes_and_labels_in_words_are_enough(tmp_path: Path) -> None:
    labels = ["dog", "cat"] * 6
    images = [png(NAMES.index(label), number) for number, label in enumerate(labels)]
    dataset = load(str(write(tmp_path / "set.parquet", labels, images)))
    assert dataset.class_names == NAMES
    assert dataset.bank.labels.tolist() == [1, 0] * 6
    assert dataset.bank.records[3].path == "set.parquet[3]"


def test_integers_without_names_are_their_own_names_in_order(tmp_path: Path) -> None:
    listing = listed(write(tmp_path / "set.parquet", [10, 9, 10, 9]))
    assert listing.class_names == ("9", "10")
    assert [record.label for record in listing.records] == [1, 0, 1, 0]


def test_names_of_classes_keep_their_order(tmp_path: Path) -> None:
    listing = listed(write(tmp_path / "set.parquet", [0, 1, 1], names=("zebra", "ape")))
    assert listing.class_names == ("zebra", "ape")
    assert [record.label for record in listing.records] == [0, 1, 1]


@pytest.mark.parametrize("inside", ["", "data/", "plain_text/"])
def test_shards_have_the_splits_of_their_names(tmp_path: Path, inside: str) -> None:
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        write(tmp_path / f"{inside}{name}.parquet", [0, 1] * 6, names=NAMES)
    write(tmp_path / f"{inside}test-00000-of-00001-1f2e3d4c.parquet", [0, 1] * 3, names=NAMES)
    (tmp_path / "README.md").write_text("a card")
    dataset = load(str(tmp_path))
    assert dataset.counts() == {
        "train": {"cat": 12, "dog": 12},
        "validation": {"cat": 6, "dog": 6},
        "test": {"cat": 3, "dog": 3},
    }
    assert dataset.bank.ignored == {"text beside the images": 1}
    assert f"{inside}train-00001-of-00002.parquet[7]/7.png" in {
        record.path for record in dataset.bank.records
    }


def test_folders_may_name_the_splits(tmp_path: Path) -> None:
    write(tmp_path / "default" / "train" / "0000.parquet", [0, 1, 0])
    write(tmp_path / "default" / "test" / "0000.parquet", [0, 1])
    assert by_split(listed(tmp_path)) == {"train": 3, "test": 2}


def test_files_whose_names_say_nothing_have_no_split(tmp_path: Path) -> None:
    for name in ("part-0", "part-1"):
        write(tmp_path / f"{name}.parquet", [0, 1, 0])
    assert by_split(listed(tmp_path)) == {"": 6}


def test_a_file_alone_is_split_whatever_its_name(tmp_path: Path) -> None:
    assert by_split(listed(write(tmp_path / "test.parquet", [0, 1, 0]))) == {"": 3}


def test_rows_of_another_split_are_ignored_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 1] * 8)
    write(tmp_path / "extra.parquet", [0, 1, 0])
    dataset = load(str(tmp_path))
    assert len(dataset.bank.records) == 16
    assert dataset.bank.ignored == {"of another split": 3}


def test_splits_without_train_can_be_evaluated_on(tmp_path: Path) -> None:
    write(tmp_path / "validation.parquet", [0, 1] * 3)
    write(tmp_path / "test.parquet", [0, 1] * 2)
    assert by_split(listed(tmp_path)) == {"test": 4, "validation": 6}
    bank, _ = load_bank(Data(source=str(tmp_path)))
    assert [bank.records[place].split for place in evaluated(bank)] == ["test"] * 4
    with pytest.raises(DataError, match=r"no 'train' folder or split.*convladder evaluate"):
        load(str(tmp_path))


def test_a_second_name_for_a_split_is_ignored_and_told(tmp_path: Path) -> None:
    for name in ("train", "validation", "val"):
        write(tmp_path / f"{name}.parquet", [0, 1] * 8)
    dataset = load(str(tmp_path))
    assert any(
        "16 (of 'val': 'validation' is taken as the validation split)" in note
        for note in dataset.notes
    )
    assert len(dataset.splits.validation) == 16


def test_a_test_split_whose_labels_are_withheld_is_ignored(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 1] * 8, names=NAMES)
    write(tmp_path / "test.parquet", [-1, -1, -1], names=NAMES)
    dataset = load(str(tmp_path))
    assert dataset.bank.ignored == {"of a split without labels": 3}
    assert len(dataset.splits.test) == 2


def test_settings_name_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "set.parquet",
        [0, 1, 0],
        more={"breed": ["b", "a", "b"], "use": ["train", "test", "spare"], "patient": [7, 8, None]},
    )
    listing = listed(path, label_column="breed", split_column="use", group_column="patient")
    assert listing.class_names == ("a", "b")
    assert [(each.label, each.split, each.group) for each in listing.records] == [
        (1, "train", "7"),
        (0, "test", "8"),
    ]
    assert [each.rule for each in listing.ignored] == ["of another split"]


def test_settings_are_part_of_the_fingerprint_and_so_are_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "set.parquet", [0, 1, 0], more={"breed": ["b", "a", "b"]})
    first = open_source(Data(source=str(path))).fingerprint
    assert open_source(Data(source=str(path))).fingerprint == first
    assert open_source(Data(source=str(path), label_column="breed")).fingerprint != first
    write(path, [0, 1, 0, 1])
    assert open_source(Data(source=str(path))).fingerprint != first


def test_images_are_fetched_in_any_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", [0, 1] * 50, rows=40)
    source = open_source(Data(source=str(tmp_path)))
    records = source.listing().records
    contents = [source.fetch(record) for record in records]
    assert len(set(contents)) == 200
    for number in np.random.default_rng(0).permutation(200)[:40]:
        assert source.fetch(records[number]) == contents[number]


def test_rows_without_bytes_are_rejected_as_missing(tmp_path: Path) -> None:
    labels = [0, 1] * 150
    images: list[Any] = [
        {"bytes": png(label, number), "path": None} for number, label in enumerate(labels)
    ]
    images[7], images[8] = {"bytes": None, "path": "/home/me/7.png"}, None
    bank = load(str(write(tmp_path / "set.parquet", labels, images))).bank
    assert len(bank.records) == 298
    assert [(each.path, each.reason) for each in bank.rejections] == [
        ("set.parquet[7]/7.png", "missing"),
        ("set.parquet[8]", "missing"),
    ]
    assert "/home/me/7.png" in bank.rejections[0].detail


def test_a_table_of_nothing_but_paths_says_so(tmp_path: Path) -> None:
    images = [{"bytes": None, "path": f"/home/me/{number}.png"} for number in range(4)]
    with pytest.raises(
        DataError, match=r"none .* is a readable image \(.*missing: the row has a path .*no bytes"
    ):
        load(str(write(tmp_path / "set.parquet", [0, 1, 0, 1], images)))


def test_a_file_that_breaks_off_rejects_its_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "set.parquet", [0, 1] * 6)
    source = open_source(Data(source=str(path)))
    records = source.listing().records
    path.write_bytes(b"PAR1")
    with pytest.raises(UnreadableImage, match="corrupt: the Parquet file cannot be read"):
        source.fetch(records[0])
    write(path, [0, 1])
    assert source.fetch(records[1])
    with pytest.raises(UnreadableImage, match="corrupt"):
        source.fetch(Record("gone", 0, place=(0, 11)))


def test_the_image_column_is_found_by_type_and_then_by_name(tmp_path: Path) -> None:
    image, mask = png(0, 0), png(1, 1)
    table = {
        "mask": [{"bytes": mask}],
        "img": [{"bytes": image}],
        "thumbnail": [mask],
        "label": ["cat"],
    }
    pq.write_table(pa.table(table), tmp_path / "set.parquet")
    source = open_source(Data(source=str(tmp_path / "set.parquet")))
    assert source.fetch(source.listing().records[0]) == image


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"text": ["a"], "label": [0]},
            r"no column of images \(it has 'text' of string, 'label' of int64\)",
        ),
        (
            {"image": [b"x"], "caption": ["a"]},
            r"no column for the label \(it has 'image', 'caption'\)",
        ),
        ({"image": [b"x"], "label": [[0, 1]]}, r"'label' holds list<.*>: expected a number"),
        ({"image": [b"x"], "label": [0.5]}, r"'label' holds double: expected a number"),
        ({"image": [b"x", b"y"], "label": [1, None]}, r"rows set.parquet\[1\] have no label"),
        ({"image": [b"x", b"y"], "label": ["cat", " "]}, r"rows set.parquet\[1\] have no label"),
        (
            {"image": [b"x", b"y"], "label": [None, None]},
            r"set.parquet\[0\], set.parquet\[1\] have no label",
        ),
        ({"image": [b"x", b"y"], "label": ["cat", "Cat"]}, "differ only in case"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}, "has no rows"),
    ],
)
def test_a_wrong_table_says_what_was_expected(
    tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "set.parquet")
    with pytest.raises(DataError, match=said):
        listed(tmp_path / "set.parquet")


def test_a_label_beyond_the_names_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"set.parquet\[1\]/1.png has the label 2: the table names 2 classes"
    ):
        listed(write(tmp_path / "set.parquet", [0, 2], names=NAMES))


def test_of_several_columns_of_classes_one_must_be_named(tmp_path: Path) -> None:
    label = {"names": list(NAMES), "_type": "ClassLabel"}
    features = json.dumps({"info": {"features": {"fine_label": label, "coarse_label": label}}})
    table = pa.table({"img": [png(0, 0)], "fine_label": [1], "coarse_label": [0]})
    pq.write_table(
        table.replace_schema_metadata({"huggingface": features}), tmp_path / "set.parquet"
    )
    with pytest.raises(DataError, match=r"several columns of classes \(fine_label, coarse_label\)"):
        listed(tmp_path / "set.parquet")
    assert listed(tmp_path / "set.parquet", label_column="fine_label").records[0].label == 1


def test_a_wrong_name_of_a_column_says_which_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "set.parquet", [0, 1])
    with pytest.raises(DataError, match="no column 'breed': it has 'image', 'label'"):
        listed(path, label_column="breed")
    with pytest.raises(DataError, match="no column 'use': it has 'image', 'label'"):
        listed(path, split_column="use")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("test", "other"), "has the splits 'other', 'test', but none is 'train'"),
        (("a/part-0", "b/part-0"), "Parquet files in 'a', 'b': give one of these folders"),
    ],
)
def test_files_that_make_no_set_say_why(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    for name in names:
        write(tmp_path / f"{name}.parquet", [0, 1])
    with pytest.raises(DataError, match=said):
        listed(tmp_path)


def test_files_that_name_classes_and_files_that_number_them_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 1], names=NAMES)
    write(tmp_path / "test.parquet", [0, 1])
    with pytest.raises(
        DataError, match="names the classes in some files and only numbers them in others"
    ):
        listed(tmp_path)


def test_a_file_that_is_no_parquet_says_so(tmp_path: Path) -> None:
    (tmp_path / "set.parquet").write_bytes(b"this is no table")
    with pytest.raises(DataError, match=r"cannot read .*set.parquet"):
        listed(tmp_path / "set.parquet")


def test_a_class_folder_with_a_table_beside_it_stays_a_class_folder(
    make_folder: MakeFolder,
) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    write(root / "embeddings.parquet", [0, 1])
    assert find_shards(root) is None
    assert open_source(Data(source=str(root))).kind == "class folder"


def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "set.parquet", [0, 1])
    for module in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=r"pip install 'convladder\[datasets\]'"):
        open_source(Data(source=str(path)))


def test_many_rows_are_decoded_in_processes(tmp_path: Path) -> None:
    images = [png(number % 2, number) for number in range(2_100)]
    path = write(
        tmp_path / "set.parquet", [number % 2 for number in range(2_100)], images, rows=100
    )
    bank = load(str(path)).bank
    assert len(bank.records) == 2_100
    assert [bank.images[row].mean() > 80 for row in (0, 1, 2_098, 2_099)] == [
        False,
        True,
        False,
        True,
    ]
