from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import convladder as cl
from conftest import MakeFolder, write_image
from convladder.config import Data
from convladder.data.dataset import check, load
from convladder.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def write(make_folder: MakeFolder) -> Write:
    """Return a function that writes a table beside twelve images in `images/a` and `images/b`."""
    root = make_folder({"a": 6, "b": 6}).parent

    def write(text: str | bytes, name: str = "set.csv") -> Path:
        path = root / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def rows(separator: str = ",", extra: Callable[[int], str] = lambda number: "") -> str:
    lines = [
        f"images/{letter}/{number:03}.png{separator}{label}{extra(number)}"
        for letter, label in (("a", "cat"), ("b", "dog"))
        for number in range(6)
    ]
    return "\n".join(lines) + "\n"


def test_a_table_of_paths_and_labels(write: Write) -> None:
    dataset = load(str(write("path,label\n" + rows())))
    assert dataset.class_names == ("cat", "dog")
    assert dataset.counts()["train"] == {"cat": 4, "dog": 4}
    assert dataset.bank.records[0].path == "images/a/000.png"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"\xef\xbb\xbf" + ("path,label\n" + rows()).encode(), "set.csv"),
        (("path,label\n" + rows()).replace("\n", "\r\n"), "set.csv"),
        ("path\tlabel\n" + rows("\t"), "set.tsv"),
        ("path;label\n" + rows(";"), "set.csv"),
        ("Filename, Class\n" + rows(", "), "set.csv"),
        ("path,label\n" + rows().replace("/", "\\"), "set.csv"),
        ("path,label\n" + rows().replace("images/", "./images//"), "set.csv"),
    ],
    ids=["byte-order mark", "CRLF", "tabs", "semicolons", "usual names", "backslashes", "odd slashes"],
)
def test_tables_as_programs_write_them(write: Write, text: str | bytes, name: str) -> None:
    bank = load(str(write(text, name))).bank
    assert bank.class_names == ("cat", "dog")
    assert len(bank.records) == 12


def test_names_with_commas_quotes_and_line_breaks(write: Write) -> None:
    path = write("")
    odd = path.parent / 'a, "b"\nc.png'
    write_image(odd, seed=77)
    path.write_text("path,label\n" + rows() + '"a, ""b""\nc.png",cat\n')
    assert odd.name in [record.path for record in load(str(path)).bank.records]


def test_a_file_name_that_is_not_utf8(write: Write) -> None:
    path = write("")
    name = b"caf\xe9.png"
    write_image(path.parent / "plain.png", seed=78)
    (path.parent / "plain.png").rename(os.fsdecode(os.fsencode(path.parent) + b"/" + name))
    path.write_bytes(("path,label\n" + rows()).encode() + name + b",cat\n")
    assert os.fsdecode(name) in [record.path for record in load(str(path)).bank.records]


def test_columns_can_be_named(write: Write) -> None:
    path = write(
        "where,what,when,who\n" + rows(extra=lambda number: f",{'test' if number < 2 else 'train'},{number}")
    )
    settings = Data(
        source=str(path), path_column="where", label_column="what", split_column="when", group_column="who"
    )
    with pytest.raises(DataError, match=r"the splits .* leak.*of one group with images of test"):
        load(Data.model_validate(settings.model_dump() | {"group_column": "what"}))
    dataset = load(settings)
    assert dataset.counts()["test"] == {"cat": 2, "dog": 2}
    assert {record.group for record in dataset.bank.records} == set("012345")
    with pytest.raises(DataError, match=r"no column for the path \(it has 'where', .*--path-column"):
        load(str(path))
    with pytest.raises(DataError, match=r"no column 'wo': it has 'where'"):
        load(Data(source=str(path), path_column="wo"))


def test_paths_may_start_elsewhere(write: Write, tmp_path: Path) -> None:
    path = write("path,label\n" + rows().replace("images/", ""))
    dataset = load(Data(source=str(path), image_root=str(tmp_path / "images")))
    assert len(dataset.bank.records) == 12


def test_absolute_paths_below_the_root_are_taken(write: Write, tmp_path: Path) -> None:
    path = write("path,label\n" + rows().replace("images/", f"{tmp_path}/images/"))
    assert load(str(path)).bank.records[0].path == "images/a/000.png"


def test_a_missing_file_is_rejected_and_listed(write: Write) -> None:
    checked = check(Data(source=str(write("path,label\n" + rows() + "images/gone.png,cat\n"))))
    assert [(each.path, each.reason) for each in checked.bank.rejections] == [("images/gone.png", "missing")]
    assert checked.files == {"files": 13, "accepted": 12, "rejected": 1, "ignored": 0}


def test_a_row_given_twice_counts_once(write: Write) -> None:
    checked = check(Data(source=str(write("path,label\n" + rows() + "images/a/000.png,cat\n"))))
    assert checked.files == {"files": 13, "accepted": 12, "rejected": 0, "ignored": 1}
    assert checked.bank.ignored == {"row given twice": 1}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("images/a/000.png,dog\n", r"rows 14 \(images/a/000.png\) name a file again with another label"),
        ("../secret.png,cat\n", r"rows 14 \(../secret.png\) lead out of"),
        ("/etc/passwd,cat\n", r"rows 14 \(/etc/passwd\) lead out of .*--image-root"),
        ("images/a/000.png,\n", r"rows 14 \(images/a/000.png\) have no path or no label"),
        (",cat\n,cat\n", r"rows 14 \(cat\), 15 \(cat\) have no path or no label"),
        ("images/a/000.png,CAT\n", "differ in case only"),
        ("a,b,c,d\n", "cannot read .* as a table"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_number(write: Write, more: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(str(write("path,label\n" + rows() + more)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot read"),
        ("path,label\n", "has no rows"),
        ("path,label,split\n" + rows(extra=lambda number: ",holdout"), "no known split"),
        ("path,label,split\n" + rows(extra=lambda number: ",train" if number else ","), "no known split"),
        ("path,label,split\n" + rows(extra=lambda number: ",test"), "none is 'train'"),
    ],
)
def test_a_table_that_cannot_be_one_says_why(write: Write, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(str(write(text)))


def test_a_named_pipe_in_a_table_is_not_opened(write: Write) -> None:
    path = write("path,label\n" + rows() + "pipe.png,cat\n")
    os.mkfifo(path.parent / "pipe.png")
    rejections = load(str(path), allow_rejects=True).bank.rejections
    assert [each.reason for each in rejections] == ["not-a-file"]


def test_an_edited_image_is_noticed_by_the_next_run(write: Write) -> None:
    path = write("path,label\n" + rows())
    before = load(str(path)).bank.fingerprint
    write_image(path.parent / "images/a/000.png", seed=99)
    os.utime(path.parent / "images/a/000.png", ns=(10**18, 10**18))
    assert load(str(path)).bank.fingerprint != before


def test_a_frame_is_a_table(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.read_csv(write("path,label\n" + rows()))
    monkeypatch.chdir(tmp_path)
    images = cl.load(table, quiet=True)
    assert images.class_names == ("cat", "dog")
    assert cl.load(table, image_size=20, quiet=True).bank.form.shape == (20, 20, 3)
    with pytest.raises(cl.ConvladderError, match="the labels of a frame are in its column"):
        cl.load(table, [0, 1])
