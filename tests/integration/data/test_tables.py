"""Tables as people have them: what Kaggle, ISIC, Hugging Face, Roboflow, Label Studio and CVAT
give.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from command_line import convladder_here as convladder
from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding import formats
from convladder.data.loading import check, load
from convladder.data.source import Source
from convladder.data.sources.folders.entries import is_image
from convladder.data.sources.registry import open_source, open_values
from convladder.data.sources.tables import table_files
from images_made import write_image

Write = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path) -> Write:
    """Return a function that writes files into a folder: images, where no text is given."""

    def place(*images: str, **texts: str) -> Path:
        for number, name in enumerate(images):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, seed=number)
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return place


def opened(path: Path, **settings: Any) -> Source:
    return open_source(Data(source=str(path), **settings))


def found(path: Path, **settings: Any) -> dict[str, str]:
    """Return the class of each image that a source lists, by its path."""
    listing = opened(path, **settings).listing()
    return {record.path: listing.class_names[record.label] for record in listing.records}


def splits(path: Path) -> dict[str, str]:
    return {record.path: record.split for record in opened(path).listing().records}


def ignored(path: Path) -> list[tuple[str, str]]:
    return [(each.path, each.rule) for each in opened(path).listing().ignored]


# Paths that are no files as they are written


@pytest.mark.parametrize("inside", ["", "train/", "images/all/"])
def test_ids_without_a_suffix_are_found_beside_or_below_the_table(
    place: Write, inside: str
) -> None:
    root = place(
        f"{inside}0a1b.jpg",
        f"{inside}0a1c.JPG",
        f"{inside}7.png",
        train_dot_csv="id,label\n0a1b,cat\n0a1c,dog\n7,cat\n",
    )
    table = root / "train.csv"
    assert found(table) == {
        f"{inside}0a1b.jpg": "cat",
        f"{inside}0a1c.JPG": "dog",
        f"{inside}7.png": "cat",
    }
    (note,) = opened(table).notes
    assert note.endswith(f"3 of 3 were found by name below {root} (0a1b is {inside}0a1b.jpg)")


def test_the_way_in_which_ids_were_matched_is_said(place: Write) -> None:
    names = [f"train/{letter}{number}.png" for letter in "ab" for number in range(8)]
    lines = "".join(f"{name[6:-4]},{name[6]}\n" for name in names)
    root = place(*names, labels_dot_csv=f"id,label\n{lines}")
    said = "16 of 16 were found by name below"
    assert any(said in note for note in load(str(root / "labels.csv")).notes)
    done = convladder("check", str(root / "labels.csv"))
    assert said in done.stdout
    assert said in " ".join(
        json.loads(convladder("check", str(root / "labels.csv"), "--json").stdout)["notes"]
    )


def test_an_id_that_may_be_two_images_is_refused_with_both(place: Write) -> None:
    root = place(
        "train/1.jpg", "test/1.jpg", "train/2.jpg", train_dot_csv="id,label\n1,cat\n2,dog\n"
    )
    with pytest.raises(
        DataError, match=r"row 2 \(1\) may be test/1.jpg or train/1.jpg: .*--image-root"
    ):
        opened(root / "train.csv")
    assert found(root / "train.csv", image_root=str(root / "train")) == {
        "1.jpg": "cat",
        "2.jpg": "dog",
    }
    shutil.copy(root / "train/2.jpg", root / "train/2.png")
    with pytest.raises(
        DataError, match=r"\(2\) may be 2.jpg or 2.png: write the suffix into the table"
    ):
        opened(root / "train.csv", image_root=str(root / "train"))


def test_an_id_that_no_file_can_be_named_by_is_missing(place: Write) -> None:
    root = place("1.jpg", set_dot_csv=f"id,label\n1,cat\n{'2' * 5000},dog\n")
    assert list(found(root / "set.csv")) == ["1.jpg", "2" * 5000]
    for path in ("1" * 5000, "/" + "1" * 5000, "C:\\" + "1" * 5000 + "\\3"):
        (root / "set.csv").write_text(f"id,label\n{path},cat\n{path}2,dog\n")
        with pytest.raises(DataError, match="--image-root"):
            opened(root / "set.csv")


def test_ids_are_not_looked_for_where_paths_are_files(place: Write) -> None:
    root = place("1.jpg", "old/2.jpg", set_dot_csv="path,label\n1.jpg,cat\n2.jpg,dog\n")
    checked = check(Data(source=str(root / "set.csv")))
    assert [(each.path, each.reason) for each in checked.bank.rejections] == [("2.jpg", "missing")]


def test_an_id_without_an_image_is_missing(place: Write) -> None:
    root = place("train/1.jpg", "train/2.jpg", set_dot_csv="id,label\n1,cat\n2,dog\n3,dog\n")
    checked = check(Data(source=str(root / "set.csv")))
    assert [(each.path, each.reason) for each in checked.bank.rejections] == [("3", "missing")]
    assert "2 of 3 were found by name" in checked.notes[0]


@pytest.mark.parametrize("installed", [True, False])
def test_ids_of_heic_files_are_found_where_these_are_read(
    place: Write, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(formats, "reads_heic", lambda: installed)
    root = place(
        images__a1_dot_heic="x",
        images__b2_dot_HEIC="y",
        labels_dot_csv="id,label\na1,cat\nb2,dog\n",
    )
    if installed:
        assert found(root / "labels.csv") == {"images/a1.heic": "cat", "images/b2.HEIC": "dog"}
    else:
        with pytest.raises(DataError, match="none of its files is below"):
            found(root / "labels.csv")
    assert is_image("a/b.heif") == installed


def test_heic_files_that_metadata_leaves_out_are_counted(
    place: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "reads_heic", lambda: True)
    root = place(
        "1.png",
        "2.png",
        metadata_dot_csv="file_name,label\n1.png,cat\n2.png,dog\n",
        more_dot_heic="x",
    )
    assert ignored(root) == [("more.heic", "not in the table")]


def test_a_table_of_two_columns_needs_no_usual_name(place: Write) -> None:
    root = place("a.jpg", "b.jpg", set_dot_csv="Id,has_cactus\na,0\nb,1\n")
    assert found(root / "set.csv") == {"a.jpg": "0", "b.jpg": "1"}
    assert "the class is column 'has_cactus'" in opened(root / "set.csv").notes[0]


def test_ids_of_a_frame_are_found_too(place: Write) -> None:
    root = place("train/007.png", "train/008.png")
    frame = pd.DataFrame({"image_id": ["007", "008"], "label": ["cat", "dog"]})
    listing = open_values(frame, None, Data(source="memory", image_root=str(root))).listing()
    assert [record.path for record in listing.records] == ["train/007.png", "train/008.png"]


@pytest.mark.parametrize(
    "written",
    [
        "https://host/bucket/cats/{}.jpg?X-Amz-Signature=1#x",
        "s3://bucket/cats/{}.jpg",
        "C:\\Users\\me\\cats\\{}.jpg",
        "\\\\server\\share\\cats\\{}.jpg",
        "/home/other/data/cats/{}.jpg",
        "../elsewhere/cats/{}.jpg",
        "file:///kaggle/input/cats/{}.jpg",
    ],
)
def test_addresses_and_foreign_paths_are_found_by_name_or_say_what_to_do(
    place: Write, written: str
) -> None:
    lines = "".join(
        f"{written.format(name)},{label}\n" for name, label in (("a b", "cat"), ("c", "dog"))
    )
    root = place(
        "pictures/cats/a b.jpg",
        "pictures/cats/c.jpg",
        "old/c.jpg",
        set_dot_csv="path,label\n" + lines,
    )
    table = root / "set.csv"
    assert found(table) == {"pictures/cats/a b.jpg": "cat", "pictures/cats/c.jpg": "dog"}, (
        "the longest end counts"
    )
    shutil.rmtree(root / "pictures")
    shutil.rmtree(root / "old")
    said = (
        "another machine. Copy the images here"
        if not written.startswith(("http", "s3", "file"))
        else "address"
    )
    said = "leads out of" if written.startswith("..") else said
    with pytest.raises(DataError, match=rf"rows 2 \(.*{said}.*--image-root"):
        opened(table)


def test_addresses_that_are_none_are_missing_like_others(place: Write) -> None:
    odd = [
        "http://[/b.jpg",
        "https://host/%00.jpg",
        "https://host/..%2f..%2fetc",
        "https://host",
        "s3://",
        "x://%",
    ]
    lines = "".join(f"{each},dog\n" for each in odd)
    root = place("1.jpg", set_dot_csv="path,label\nhttps://host/1.jpg,cat\n" + lines)
    checked = check(Data(source=str(root / "set.csv")))
    assert [record.path for record in checked.bank.records] == ["1.jpg"]
    assert {each.reason for each in checked.bank.rejections} == {"missing"}


def test_an_address_among_files_is_refused(place: Write) -> None:
    root = place("a.jpg", set_dot_csv="path,label\na.jpg,cat\nhttps://host/b.jpg,dog\n")
    with pytest.raises(
        DataError,
        match=r"row 3 \(https://host/b.jpg\): the path is a web address, .*does not download",
    ):
        opened(root / "set.csv")


def test_an_image_outside_is_never_taken_for_a_name(place: Write, tmp_path: Path) -> None:
    root = place("inside/a.jpg", set_dot_csv="path,label\n/etc/a.jpg,cat\n/etc/passwd,dog\n")
    write_image(tmp_path.parent / "passwd.png", seed=1)
    checked = check(Data(source=str(root / "set.csv")))
    assert [record.path for record in checked.bank.records] == ["inside/a.jpg"]
    assert [(each.path, each.reason) for each in checked.bank.rejections] == [
        ("etc/passwd", "missing")
    ]


def test_two_paths_that_would_be_one_file_are_refused(place: Write) -> None:
    root = place(
        "1.jpg", set_dot_csv="path,label\n/home/me/cat/1.jpg,cat\n/home/me/dog/1.jpg,dog\n"
    )
    with pytest.raises(
        DataError, match=r"rows 2 \(/home/me/cat/1.jpg\) and 3 .* would both be 1.jpg"
    ):
        opened(root / "set.csv")


# JSON


LINES = [{"file_name": "a.png", "label": "cat"}, {"file_name": "b.png", "label": "dog", "group": 7}]


@pytest.mark.parametrize("name", ["set.jsonl", "set.ndjson"])
def test_json_lines_are_a_table(place: Write, name: str) -> None:
    root = place("a.png", "b.png")
    (root / name).write_text("\n".join(map(json.dumps, LINES)) + "\n\n")
    assert found(root / name) == {"a.png": "cat", "b.png": "dog"}
    assert [record.group for record in opened(root / name).listing().records] == ["", "7"]


@pytest.mark.parametrize(
    "document",
    [
        LINES,
        {"path": ["a.png", "b.png"], "label": ["cat", "dog"]},
        {"path": {"0": "a.png", "1": "b.png"}, "label": {"0": "cat", "1": "dog"}},
        {"a.png": "cat", "b.png": "dog"},
        [{"image": "a.png", "class": ["cat"]}, {"image": "b.png", "class": ["dog"]}],
    ],
    ids=["records", "columns", "columns of pandas", "labels by path", "lists of one"],
)
def test_a_document_in_json_is_a_table(place: Write, document: Any) -> None:
    root = place("a.png", "b.png", set_dot_json=json.dumps(document))
    assert found(root / "set.json") == {"a.png": "cat", "b.png": "dog"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"path": "a.png"\n', "line 1 is not JSON"),
        ("a.jsonl", '{"path": "a.png", "label": "cat"}\n[1]\n', "line 2 is not an object such as"),
        ("a.jsonl", "", "has no column for the path|has no rows"),
        ("a.json", "[" * 100_000, "cannot read .* as a table in JSON"),
        (
            "a.json",
            '{"images": [], "annotations": [], "info": {}}',
            "is not a table in JSON: expected a list of objects",
        ),
        ("a.json", "3", "is not a table in JSON"),
        (
            "a.json",
            '[{"image": "a.png", "class": ["cat", "dog"]}]',
            r"1 row has more than one class.*cat, dog\)",
        ),
    ],
)
def test_json_that_is_no_table_says_why(place: Write, name: str, text: str, said: str) -> None:
    root = place("a.png")
    (root / name).write_text(text)
    with pytest.raises(DataError, match=said):
        opened(root / name).listing()


# A column a class


ISIC = """image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK
ISIC_0000000,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
ISIC_0000001,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
ISIC_0000002_downsampled,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
"""


def test_the_tables_of_isic_have_a_column_a_class(place: Write) -> None:
    names = ["ISIC_0000000", "ISIC_0000001", "ISIC_0000002_downsampled"]
    root = place(*(f"ISIC_2019_Training_Input/{name}.jpg" for name in names), truth_dot_csv=ISIC)
    assert list(found(root / "truth.csv").values()) == ["NV", "NV", "MEL"]
    assert (
        "the classes are the columns that hold 0 and 1: MEL, NV, BCC"
        in opened(root / "truth.csv").notes[0]
    )
    weighted = (
        "image,MEL,NV,score_weight,validation_weight\n"
        "ISIC_0000000,1.0,0.0,1.0,0.0\nISIC_0000001,0.0,1.0,0.0,1.0\n"
    )
    (root / "truth.csv").write_text(weighted)
    assert list(found(root / "truth.csv").values()) == ["MEL", "NV"]


def test_other_columns_beside_the_classes_are_none(place: Write) -> None:
    root = place(
        "1.png", "2.png", set_dot_csv="path,age,cat,dog,site\n1.png,30,1,0,arm\n2.png,70,0,1,leg\n"
    )
    assert found(root / "set.csv") == {"1.png": "cat", "2.png": "dog"}
    assert opened(root / "set.csv").notes == (
        "the classes are the columns that hold 0 and 1: cat, dog",
    )


def test_several_classes_of_an_image_are_refused_with_their_number_and_the_first(
    place: Write,
) -> None:
    text = "filename, cat, dog, fox\n1.png, 1, 0, 0\n2.png, 1, 1, 0\n3.png, 0, 1, 1\n"
    root = place("1.png", "2.png", "3.png", set_dot_csv=text)
    said = r"2 rows have more than one class, the first is row 3 \(2.png: cat, dog\)"
    with pytest.raises(DataError, match=said):
        opened(root / "set.csv")
    (root / "set.csv").write_text(
        text.replace("2.png, 1, 1, 0", "2.png, 0, 0, 0").replace("0, 1, 1", "0, 1, 0")
    )
    with pytest.raises(
        DataError, match=r"rows 3 have no class: expected a 1 in one of the columns 'cat', 'dog'"
    ):
        opened(root / "set.csv")


def test_a_frame_may_have_a_column_a_class(place: Write) -> None:
    root = place("1.png", "2.png")
    frame = pd.DataFrame({"path": ["1.png", "2.png"], "cat": [True, False], "dog": [0.0, 1.0]})
    listing = open_values(frame, None, Data(source="memory", image_root=str(root))).listing()
    assert [listing.class_names[record.label] for record in listing.records] == ["cat", "dog"]


def test_roboflows_export_is_a_folder_with_a_table_a_split(place: Write) -> None:
    name = "{}_jpg.rf.0123456789abcdef0123456789abcdef.jpg"
    parts = {"train": ["a", "b", "c"], "valid": ["d", "e"], "test": ["f", "g"]}
    root = place(
        *(f"{part}/{name.format(each)}" for part, names in parts.items() for each in names)
    )
    for part, names in parts.items():
        lines = [
            f"{name.format(each)}, {int(number % 2 == 0)}, {number % 2}"
            for number, each in enumerate(names)
        ]
        (root / part / "_classes.csv").write_text(
            "\n".join(["filename, Brazil, united states", *lines]) + "\n"
        )
    (root / "README.roboflow.txt").write_text("exported\n")
    assert found(root)[f"train/{name.format('b')}"] == "united states"
    assert list(splits(root).values()) == ["test"] * 2 + ["train"] * 3 + ["validation"] * 2
    assert found(root / "train" / "_classes.csv")[name.format("a")] == "Brazil"
    assert (
        opened(root)
        .notes[0]
        .startswith("the classes come from test/_classes.csv, train/_classes.csv")
    )


# Hugging Face's imagefolder


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_an_imagefolder_is_read_by_its_metadata(place: Write, suffix: str) -> None:
    rows = [("0001.png", "cat"), ("0002.png", "dog")]
    text = "file_name,label,text\n" + "".join(f"{name},{label},a {label}\n" for name, label in rows)
    if suffix == "jsonl":
        text = "".join(
            json.dumps({"file_name": name, "label": label, "objects": {"bbox": []}}) + "\n"
            for name, label in rows
        )
    root = place("0001.png", "0002.png", "0003.png", **{f"metadata_dot_{suffix}": text})
    assert found(root) == {"0001.png": "cat", "0002.png": "dog"}
    assert ignored(root) == [("0003.png", "not in the table")]
    for split in ("train", "test"):
        (root / split).mkdir()
        for each in root.glob("*.*"):
            shutil.copy(each, root / split / each.name)
    for each in [*root.glob("*.png"), *root.glob("metadata.*")]:
        each.unlink()
    assert splits(root) == {
        f"{split}/000{number}.png": split for split in ("test", "train") for number in (1, 2)
    }


def test_metadata_at_the_root_names_the_splits_by_the_folders_of_its_paths(place: Write) -> None:
    names = ["train/1.png", "train/2.png", "test/1.png"]
    lines = "".join(
        f"{name},{label}\n" for name, label in zip(names, ["cat", "dog", "cat"], strict=True)
    )
    root = place(*names, metadata_dot_csv="file_name,label\n" + lines)
    assert splits(root) == {"train/1.png": "train", "train/2.png": "train", "test/1.png": "test"}
    assert "the splits come from the folders test, train" in opened(root).notes


def test_metadata_without_a_class_leaves_class_folders_as_they_are(place: Write) -> None:
    root = place(
        "cat/1.png", "dog/2.png", metadata_dot_csv="file_name,text,width\ncat/1.png,a cat,3\n"
    )
    assert found(root) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    assert "metadata.csv has no column for the label" in opened(root).notes[-1]
    (root / "metadata.csv").write_text("file_name,label\ncat/1.png,a, cat\n")
    assert found(root) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    assert (
        "the classes come from the folders, not from a table: cannot read" in opened(root).notes[-1]
    )
    (root / "metadata.csv").write_text("file_name,text,width\n1.png,a cat,3\n")
    shutil.move(root / "cat/1.png", root / "1.png")
    shutil.rmtree(root / "cat")
    shutil.rmtree(root / "dog")
    with pytest.raises(
        DataError, match=r"no class folders.*\(.*metadata.csv has no column for the label"
    ):
        opened(root)


@pytest.mark.parametrize(
    "table", ["train/_classes.csv", "metadata.jsonl", "train/metadata.csv", "annotations.xml"]
)
def test_an_archive_whose_classes_are_in_a_table_is_to_be_extracted(
    place: Write, table: str
) -> None:
    images = (
        ("images/1.png", "images/2.png") if table.endswith("xml") else ("train/1.png", "test/2.png")
    )
    root = place(*(f"set/{each}" for each in images))
    (root / "set" / table).write_text("file_name,label\n")
    for around in ("set", None):
        packed = shutil.make_archive(
            str(root / "packed"), "zip", root if around else root / "set", around
        )
        with pytest.raises(
            DataError, match=rf"holds a table with the classes \(.*{table}\): extract the archive"
        ):
            opened(Path(packed))


def test_an_archive_of_class_folders_may_hold_metadata_too(place: Write) -> None:
    root = place("set/train/cat/1.png", "set/train/dog/2.png")
    (root / "set/metadata.csv").write_text("file_name,text\ntrain/cat/1.png,a cat\n")
    packed = shutil.make_archive(str(root / "packed"), "zip", root / "set")
    assert found(Path(packed)) == {"train/cat/1.png": "cat", "train/dog/2.png": "dog"}


def test_a_label_pattern_overrules_metadata_in_a_folder_and_in_an_archive(place: Write) -> None:
    root = place("set/cat.1.png", "set/dog.2.png")
    (root / "set/metadata.csv").write_text("file_name,label\ncat.1.png,x\ndog.2.png,y\n")
    packed = shutil.make_archive(str(root / "packed"), "zip", root / "set")
    expected = {"cat.1.png": "cat", "dog.2.png": "dog"}
    for source in (root / "set", Path(packed)):
        assert found(source, label_pattern=r"^(\w+)\.") == expected


def test_metadata_that_cannot_be_read_is_no_reason_to_take_splits_for_classes(place: Write) -> None:
    root = place(
        "train/1.png",
        "test/2.png",
        metadata_dot_csv="file_name,a,b\ntrain/1.png,1,1\ntest/2.png,0,1\n",
    )
    with pytest.raises(DataError, match="1 row has more than one class"):
        opened(root)


# Tables that lie with the images of a folder


def six(form: str = "{number},{label}") -> str:
    return "".join(
        form.format(number=number, label=("cat", "dog")[number % 2]) + "\n" for number in range(6)
    )


def given_in(error: str) -> list[str]:
    """Return the arguments that an error asks for."""
    return shlex.split(error.split("Did you mean ")[1].split("?", maxsplit=1)[0])


BESIDE = {
    "train.csv": ("train/{}.png", "id,label\n" + six()),
    "train_labels.csv": ("train_images/{}.png", "id,label\n" + six()),
    "truth.csv": (
        "train/{}.png",
        "image,cat,dog\n" + six("{number},0,1").replace("0,0,1", "0,1,0"),
    ),
    "labels.csv": ("images/{}.png", "path,label\n" + six("images/{number}.png,{label}")),
    "flat.csv": ("{}.png", "path,label\n" + six("{number}.png,{label}")),
    "odd.csv": ("images/{}.png", "Image Index,label,age\n" + six("{number}.png,{label},3")),
    "lists/labels.csv": ("images/{}.png", "path,label\n" + six("{number}.png,{label}")),
    "images/metadata.csv": ("images/{}.png", "file_name,label\n" + six("{number}.png,{label}")),
    "project.json": ("images/{}.png", ""),
}


@pytest.mark.parametrize("table", BESIDE)
def test_a_folder_with_a_table_beside_its_images_names_the_table(place: Write, table: str) -> None:
    images, text = BESIDE[table]
    root = place(*(images.format(number) for number in range(6)))
    (root / table).parent.mkdir(exist_ok=True)
    tasks = [
        task(number, ("cat", "dog")[number % 2], image="/data/upload/1/{}-{}.png")
        for number in range(6)
    ]
    (root / table).write_text(text or json.dumps(tasks))
    with pytest.raises(
        DataError, match=r"has no class folders, but .* gives the classes of its images"
    ) as raised:
        opened(root)
    path, *options = given_in(str(raised.value))
    assert path == str(root / table)
    named = {
        option.removeprefix("--").replace("-", "_"): value
        for option, value in zip(options[::2], options[1::2], strict=True)
    }
    assert set(found(Path(path), **named).values()) == {"cat", "dog"}


def test_of_folders_with_the_same_ids_the_one_called_as_the_table_is_meant(place: Write) -> None:
    names = [f"{split}/{number}.png" for split in ("train", "test") for number in range(6)]
    sample = "id,label\n" + six("{number},cat")
    root = place(*names, train_dot_csv="id,label\n" + six(), sample_dot_csv=sample)
    with pytest.raises(DataError, match="Did you mean") as raised:
        opened(root)
    path, option, folder = given_in(str(raised.value))
    assert (path, option, folder) == (str(root / "train.csv"), "--image-root", str(root / "train"))
    assert set(found(Path(path), image_root=folder)) == {f"{number}.png" for number in range(6)}


def test_a_table_beside_images_that_does_not_say_the_class_is_named_too(place: Write) -> None:
    lines = "".join(f"{number}.png,{('cat', 'dog')[number % 2]},{number}\n" for number in range(6))
    root = place(
        *(f"images/{number}.png" for number in range(6)), set_dot_csv="file,kind,age\n" + lines
    )
    with pytest.raises(
        DataError, match=r"set\.csv names its images.*no column for the label.*--label-column"
    ):
        opened(root)
    with pytest.raises(
        DataError, match=r"gives the classes of its images\. Did you mean .*set\.csv\?"
    ):
        opened(root, label_column="kind")
    with pytest.raises(DataError, match="--label-column is for a table"):
        opened(root, label_column="kind", class_level="top")


def test_folders_that_are_not_the_classes_of_a_table_must_be_chosen(place: Write) -> None:
    root = place(
        *(f"patient{number // 3}/{number}.png" for number in range(6)),
        set_dot_csv="id,label\n" + six(),
    )
    with pytest.raises(
        DataError,
        match=r"\(patient0, patient1\), but set\.csv gives other classes.*--class-level top",
    ):
        opened(root)
    assert set(found(root / "set.csv").values()) == {"cat", "dog"}
    assert set(found(root, class_level="top").values()) == {"patient0", "patient1"}


@pytest.mark.parametrize(
    "text",
    [
        "id,label\n" + six(),  # the same classes
        "id,label\n" + six().replace("cat", "0").replace("dog", "1"),  # in other words
        "epoch,accuracy\n1,0.3\n2,0.4\n",
        "id,label\n7,ape\n8,fox\n",  # of other images
        "name,id\ncat,0\n",
        "no table",
    ],
)
def test_a_table_that_says_no_other_classes_leaves_class_folders_as_they_are(
    place: Write, text: str
) -> None:
    root = place(
        *(f"{('cat', 'dog')[number % 2]}/{number}.png" for number in range(6)), set_dot_csv=text
    )
    assert set(found(root).values()) == {"cat", "dog"}
    assert not opened(root).notes


def test_ids_that_each_class_folder_has_say_nothing_of_the_classes(place: Write) -> None:
    names = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(3)]
    assert set(found(place(*names, classes_dot_csv="id,label\n1,cat\n2,dog\n")).values()) == {
        "cat",
        "dog",
    }


@pytest.mark.parametrize("folder", ["train", "images", "train_images", "."])
def test_an_archive_with_a_table_beside_its_images_says_what_to_do(
    place: Write, folder: str
) -> None:
    root = place(
        *(f"set/{folder}/{number}.png" for number in range(6)),
        set__train_dot_csv="id,label\n" + six(),
    )
    packed = Path(shutil.make_archive(str(root / "packed"), "zip", root / "set"))
    with pytest.raises(
        DataError, match=r"If train\.csv lists the classes, extract the archive and give the table"
    ):
        opened(packed)
    if folder != ".":
        assert set(found(packed, class_level="top").values()) == {folder}


@pytest.mark.parametrize("table", ["test/metadata.csv", "metadata.csv"])
def test_metadata_of_test_images_does_not_hide_the_class_folders_of_train(
    place: Write, table: str
) -> None:
    classes = [f"train/{kind}/{number}.png" for kind in ("cat", "dog") for number in range(3)]
    root = place("set/test/1.png", "set/test/2.png", *(f"set/{each}" for each in classes)) / "set"
    inside = "" if "/" in table else "test/"
    (root / table).write_text(f"file_name,label\n{inside}1.png,cat\n{inside}2.png,dog\n")
    assert list(found(root)) == classes
    assert (
        f"{table} lists no image of the class folders, such as train/cat/0.png"
        in opened(root).notes[-1]
    )
    if table.startswith("test"):
        assert list(found(Path(shutil.make_archive(str(root), "zip", root)))) == classes


# Label Studio


def task(
    number: int, *choices: str, image: str = "/data/upload/1/{}-{}.jpg", **more: Any
) -> dict[str, Any]:
    """Return a task as Label Studio 1.x exports it."""
    result = {
        "id": "xy",
        "type": "choices",
        "value": {"choices": list(choices)},
        "origin": "manual",
        "to_name": "image",
        "from_name": "choice",
    }
    annotation = {
        "id": 10 + number,
        "completed_by": 1,
        "result": [result] if choices else [],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2024-03-01T10:00:00.000000Z",
        "lead_time": 3.2,
        "task": number,
    }
    return {
        "id": number,
        "annotations": [annotation],
        "file_upload": f"0a1b2c3{number}-{number}.jpg",
        "drafts": [],
        "predictions": [],
        "data": {"image": image.format(f"0a1b2c3{number}", number)},
        "meta": {},
        "project": 1,
    } | more


@pytest.mark.parametrize(
    ("image", "on_disk"),
    [
        ("/data/upload/1/{}-{}.jpg", "{1}.jpg"),
        ("/data/upload/1/{}-{}.jpg", "upload/1/{0}-{1}.jpg"),
        ("/data/local-files/?d=my%20images/{1}.jpg", "my images/{1}.jpg"),
        ("s3://bucket/{1}.jpg", "downloaded/{1}.jpg"),
    ],
)
def test_tasks_of_label_studio_are_a_table(place: Write, image: str, on_disk: str) -> None:
    tasks = [task(1, "cat", image=image), task(2, "dog", image=image), task(3, image=image)]
    names = [on_disk.format(f"0a1b2c3{number}", number) for number in (1, 2)]
    root = place(*names, export_dot_json=json.dumps(tasks))
    assert found(root / "export.json") == dict(zip(names, ["cat", "dog"], strict=True))
    assert ignored(root / "export.json") == [("task 3", "without a label")]


def test_what_several_people_said_of_a_task_must_agree(place: Write) -> None:
    both = task(1, "cat")
    both["annotations"] += task(1, "cat")["annotations"]
    root = place("1.jpg", "2.jpg", export_dot_json=json.dumps([both, task(2, "dog")]))
    assert found(root / "export.json") == {"1.jpg": "cat", "2.jpg": "dog"}
    skipped = task(1, "dog")["annotations"][0] | {"was_cancelled": True}
    both["annotations"].append(skipped)
    (root / "export.json").write_text(json.dumps([both, task(2, "dog")]))
    assert found(root / "export.json")["1.jpg"] == "cat"
    both["annotations"] += task(1, "dog")["annotations"]
    (root / "export.json").write_text(json.dumps([both, task(2, "dog")]))
    with pytest.raises(DataError, match=r"row 1 .*: the label is 'dog', but 'cat' in row 1"):
        opened(root / "export.json")


def test_several_choices_and_several_questions_are_refused(place: Write) -> None:
    root = place(
        "1.jpg", "2.jpg", export_dot_json=json.dumps([task(1, "cat", "dog"), task(2, "dog")])
    )
    with pytest.raises(
        DataError, match=r"1 row has more than one class, the first is row 1 \(.*: cat, dog\)"
    ):
        opened(root / "export.json")
    two = [task(1, "cat"), task(2, "dog")]
    for each in two:
        result = each["annotations"][0]["result"]
        result[0]["from_name"] = "species"
        result.append(result[0] | {"from_name": "quality", "value": {"choices": ["good"]}})
    (root / "export.json").write_text(json.dumps(two))
    with pytest.raises(DataError, match="may be any of 'species', 'quality': give --label-column"):
        opened(root / "export.json")
    assert found(root / "export.json", label_column="species") == {"1.jpg": "cat", "2.jpg": "dog"}


def flat(number: int, choice: Any) -> dict[str, Any]:
    """Return what JSON-MIN has of an annotation."""
    return {
        "image": f"/data/upload/1/0a1b2c3{number}-{number}.jpg",
        "id": number,
        "species": choice,
        "annotator": 1,
        "annotation_id": 10 + number,
        "created_at": "2024-03-01T10:00:00.000000Z",
        "updated_at": "2024-03-01T10:00:00.000000Z",
        "lead_time": 3.2,
    }


@pytest.mark.parametrize("form", ["json", "csv"])
def test_json_min_and_csv_of_label_studio_are_tables(place: Write, form: str) -> None:
    def write(*rows: dict[str, Any]) -> Path:
        if form == "json":
            (root / "export.json").write_text(json.dumps(rows))
        else:  # as its converter writes it
            texts = [
                {
                    **row,
                    "species": row["species"]
                    if isinstance(row["species"], str | None)
                    else json.dumps(row["species"]),
                }
                for row in rows
            ]
            pd.DataFrame.from_records(texts).to_csv(root / "export.csv", index=False)
        return root / f"export.{form}"

    root = place("1.jpg", "2.jpg", "3.jpg")
    table = write(flat(1, "cat"), flat(2, "dog"), flat(3, None))
    assert found(table) == {"1.jpg": "cat", "2.jpg": "dog"}
    assert [rule for _, rule in ignored(table)] == ["without a label"]
    with pytest.raises(
        DataError, match=r"1 row has more than one class.*\(/data/upload/1/0a1b2c32-2.jpg: a, b\)"
    ):
        opened(write(flat(1, "cat"), flat(2, {"choices": ["a", "b"]})))


def test_tasks_without_choices_say_so(place: Write) -> None:
    root = place("1.jpg", export_dot_json=json.dumps([task(1)]))
    with pytest.raises(DataError, match=r"1 tasks? of Label Studio, and none has a choice"):
        opened(root / "export.json")


# CVAT


XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <name>pets</name>
      <size>4</size>
      <mode>annotation</mode>
      <labels>
        <label><name>cat</name><color>#ff00ff</color><type>tag</type><attributes></attributes></label>
        <label><name>dog &amp; co</name><color>#00ffff</color><type>tag</type>
          <attributes></attributes></label>
      </labels>
    </task>
    <dumped>2024-03-01 10:00:00.000000+00:00</dumped>
  </meta>
  <image id="0" name="1.jpg" width="32" height="32">
    <tag label="cat" source="manual">
      <attribute name="quality">good</attribute>
    </tag>
  </image>
  <image id="1" name="sub/2.jpg" width="32" height="32">
    <tag label="dog &amp; co" source="manual"></tag>
    <box label="cat" source="manual" occluded="0" xtl="1" ytl="1" xbr="2" ybr="2" z_order="0"></box>
  </image>
  <image id="2" name="3.jpg" width="32" height="32">
  </image>
</annotations>
"""


def test_tags_of_cvat_are_a_table(place: Write) -> None:
    root = place("images/1.jpg", "images/sub/2.jpg", "images/3.jpg", annotations_dot_xml=XML)
    wanted = {"images/1.jpg": "cat", "images/sub/2.jpg": "dog & co"}
    assert found(root / "annotations.xml") == wanted
    assert ignored(root / "annotations.xml") == [("3.jpg", "without a tag")]
    assert found(root) == wanted, "the whole export is read by its table"


def test_subsets_of_a_project_of_cvat_are_splits(place: Write) -> None:
    text = XML.replace('name="1.jpg"', 'name="1.jpg" subset="Train" task_id="4"')
    text = text.replace('name="sub/2.jpg"', 'name="sub/2.jpg" subset="Test" task_id="5"')
    root = place("images/Train/1.jpg", "images/Test/sub/2.jpg", annotations_dot_xml=text)
    assert splits(root) == {"images/Train/1.jpg": "train", "images/Test/sub/2.jpg": "test"}
    default = XML.replace('<image id="', '<image subset="default" id="')
    (root / "annotations.xml").write_text(default)
    assert set(splits(root / "annotations.xml").values()) == {""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            XML.replace('<tag label="cat"', '<tag label="fox"></tag><tag label="cat"'),
            r"1 row has .*\(1.jpg: fox, cat\)",
        ),
        (
            XML.replace("tag label", "box label").replace("</tag>", "</box>"),
            "no image with a tag, but shapes: give each image one tag",
        ),
        ("<annotations><track id='0' label='cat'></track></annotations>", "but tracks of a video"),
        (
            "<annotation><object/></annotation>",
            "is not an export of CVAT: it starts with <annotation>",
        ),
        (XML[:200], "cannot read .*annotations.xml"),
        (
            XML.replace("<annotations>", '<!DOCTYPE a [<!ENTITY b "cat">]><annotations>', 1),
            "declares a document type",
        ),
        (
            XML.replace(
                "<annotations>",
                '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>',
                1,
            ),
            "declares a document type",
        ),
    ],
    ids=["two tags", "shapes", "video", "another", "cut", "an entity", "an external entity"],
)
def test_xml_that_is_no_classification_says_why(place: Write, text: str, said: str) -> None:
    root = place("images/1.jpg", annotations_dot_xml=text)
    with pytest.raises(DataError, match=said):
        opened(root / "annotations.xml")


def test_entities_are_not_expanded(place: Write) -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    root = place(
        "1.jpg",
        a_dot_xml=(
            '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 '
            f'"lol">{bomb}]><annotations>&e11;</annotations>'
        ),
    )
    with pytest.raises(DataError, match="declares a document type"):
        opened(root / "a.xml")


def test_the_imagenet_form_of_cvat_is_class_folders_or_lists(place: Write) -> None:
    root = place("images/1.jpg", "images/my 2.jpg", "images/3.jpg", synsets_dot_txt="cat\ndog\n")
    (root / "default.txt").write_text('1.jpg 0\n"my 2".jpg 1\n3.jpg \n')
    wanted = {"images/1.jpg": "cat", "images/my 2.jpg": "dog"}
    assert found(root / "default.txt") == found(root) == wanted
    assert ignored(root / "default.txt") == [("3.jpg", "without a label")]
    (root / "default.txt").write_text("1.jpg 0 1\n")
    with pytest.raises(
        DataError, match=r"1 row has more than one class, the first is row 1 \(1.jpg: cat, dog\)"
    ):
        opened(root / "default.txt")
    (root / "default.txt").write_text("1.jpg 2\n")
    with pytest.raises(
        DataError, match=r"line 1 has the class '2', but synsets.txt lists 2, from 0"
    ):
        opened(root / "default.txt")
    for name in ("default.txt", "synsets.txt"):
        (root / name).unlink()
    folders = place("cat/cat_1.jpg", "dog/dog_2.jpg")
    shutil.rmtree(root / "images")
    assert found(folders) == {"cat/cat_1.jpg": "cat", "dog/dog_2.jpg": "dog"}


def test_lists_of_the_imagenet_form_are_splits(place: Write) -> None:
    root = place(
        "images/1.jpg",
        "images/2.jpg",
        synsets_dot_txt="cat\ndog\n",
        train_dot_txt="1.jpg 0\n",
        val_dot_txt="2.jpg 1\n",
    )
    (root / "README.txt").write_text("made by\nme\n")
    assert splits(root) == {"images/1.jpg": "train", "images/2.jpg": "validation"}


def test_a_text_file_that_is_no_list_says_what_is_expected(place: Write) -> None:
    root = place("1.jpg", notes_dot_txt="hello\n")
    with pytest.raises(DataError, match=r"which has synsets\.txt next to it"):
        opened(root / "notes.txt")


def test_a_table_of_test_images_alone_can_be_checked(place: Write) -> None:
    root = place("1.png", "2.png", set_dot_csv="path,label,split\n1.png,cat,test\n2.png,dog,eval\n")
    assert check(Data(source=str(root / "set.csv"))).splits == ["test"]
    with pytest.raises(DataError, match="no 'train' folder or split"):
        load(str(root / "set.csv"))


def test_every_form_of_file_is_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    for suffix in table_files.SUFFIXES:
        assert suffix in text
