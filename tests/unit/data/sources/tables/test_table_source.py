from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import convladder as cl
from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.loading import check, load
from convladder.data.sources.registry import open_source, open_values
from convladder.data.sources.tables.columns import USUAL_NAMES
from images_made import MakeFolder, write_image

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
        (("path\tlabel\n" + rows("\t")).encode("utf-16"), "set.csv"),
        ("sep=;\npath;label\n" + rows(";"), "set.csv"),
        ("path;label;;\n" + rows(";", lambda number: ";;"), "set.csv"),
        ("path;label\n" + rows(";", lambda number: ";"), "set.csv"),
        ("path,label\n\n" + rows() + "\n\n", "set.csv"),
        ("path\tlabel\n" + rows("\t"), "set.tsv"),
        ("path;label\n" + rows(";"), "set.csv"),
        ("Filename, Class\n" + rows(", "), "set.csv"),
        ("Image Name,Class name\n" + rows(), "set.csv"),
        ("path,label\n" + rows().replace("/", "\\"), "set.csv"),
        ("path,label\n" + rows().replace("images/", "./images//"), "set.csv"),
    ],
    ids=[
        "byte-order mark",
        "CRLF",
        "UTF-16",
        "separator line",
        "separators at all ends",
        "separators at the rows' ends",
        "lines without anything",
        "tabs",
        "semicolons",
        "usual names",
        "usual names in words",
        "backslashes",
        "odd slashes",
    ],
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "path,label\n" + rows() + "images/a/000.png,Kätzchen\n",
            "row 14 .*: the label is not UTF-8: save the table",
        ),
        ("path,label,group\nimages/a/000.png,cat,Jürgen\n", "row 2 .*: the group is not UTF-8"),
        ("path,label,split\nimages/a/000.png,cat,für\n", "row 2 .*: the split is not UTF-8"),
        (
            "path,label,Größe\nimages/a/000.png,cat,1\n",
            r"the column name Gr\\xf6\\xdfe is not UTF-8",
        ),
        (
            "path,label\nKätzchen.png,cat\n",
            r"row 2 \(K\\xe4tzchen.png\): the path is not UTF-8, and no",
        ),
    ],
)
def test_a_table_in_the_encoding_of_windows_says_so_at_once(
    write: Write, text: str, said: str
) -> None:
    with pytest.raises(DataError, match=said + ".*'CSV UTF-8'" * ("save" not in said)):
        load(str(write(text.encode("cp1252"))))


def test_empty_rows_are_ignored_and_counted(write: Write) -> None:
    checked = check(Data(source=str(write("path;label\n;;;\n" + rows(";") + ";\n"))))
    assert checked.files == {"files": 14, "accepted": 12, "rejected": 0, "ignored": 2}
    assert [(each.path, each.rule) for each in checked.ignored] == [
        ("row 2", "empty row"),
        ("row 15", "empty row"),
    ]


def test_columns_can_be_named(write: Write) -> None:
    path = write(
        "where,what,when,who\n"
        + rows(extra=lambda number: f",{'test' if number < 2 else 'train'},{number}")
    )
    settings = Data(
        source=str(path),
        path_column="where",
        label_column="what",
        split_column="when",
        group_column="who",
    )
    with pytest.raises(DataError, match=r"the splits .* leak.*in one group with images of test"):
        load(Data.model_validate(settings.model_dump() | {"group_column": "what"}))
    dataset = load(settings)
    assert dataset.counts()["test"] == {"cat": 2, "dog": 2}
    assert {record.group for record in dataset.bank.records} == set("012345")
    with pytest.raises(
        DataError, match=r"no column for the path \(it has 'where', .*--path-column"
    ):
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


def test_absolute_paths_through_a_linked_folder_are_taken(write: Write, tmp_path: Path) -> None:
    linked = tmp_path.with_name(f"{tmp_path.name}-linked")
    linked.symlink_to(tmp_path)
    path = write("path,label\n" + rows().replace("images/", f"{linked}/images/"))
    assert load(str(path)).bank.records[0].path == "images/a/000.png"
    assert load(str(linked / path.name)).bank.records[0].path == "images/a/000.png"


def test_a_link_is_followed_only_below_the_root(write: Write, tmp_path: Path) -> None:
    path = write("path,label\n" + rows() + "inside.png,cat\noutside.png,cat\nfolder/1.png,cat\n")
    secret = tmp_path.parent / f"{tmp_path.name}-secret"
    secret.mkdir()
    for name in ("1.png", "inside.png"):
        write_image(secret / name, seed=80)
    (secret / "inside.png").rename(tmp_path / "images" / "inside.png")
    (tmp_path / "inside.png").symlink_to(tmp_path / "images" / "inside.png")
    (tmp_path / "outside.png").symlink_to(secret / "1.png")
    (tmp_path / "folder").symlink_to(secret)
    bank = load(str(path), allow_rejects=True).bank
    assert "inside.png" in [record.path for record in bank.records]
    assert {(each.path, each.reason) for each in bank.rejections} == {
        ("outside.png", "not-a-file"),
        ("folder/1.png", "not-a-file"),
    }
    assert "it is a link that leads out of" in bank.rejections[0].detail


def test_where_all_files_are_missing_the_folder_that_was_tried_is_named(
    write: Write, tmp_path: Path
) -> None:
    path = write(
        "path,label\n"
        + rows().replace("images/a", "elsewhere/a").replace("images/b", "elsewhere/b")
    )
    said = (
        rf"none of its files is below {tmp_path}, such as elsewhere/a/000.png: "
        r".*--image-root \(data.image_root\)"
    )
    with pytest.raises(DataError, match=said):
        load(str(path))


def test_paths_whose_folder_lies_deeper_are_found_there(write: Write, tmp_path: Path) -> None:
    path = write("path,label\n" + rows().replace("images/", ""))
    assert load(str(path)).bank.records[0].path == "images/a/000.png"
    shutil.copytree(tmp_path / "images", tmp_path / "others")
    with pytest.raises(
        DataError, match=r"may be images/a/000.png or others/a/000.png: .*--image-root"
    ):
        load(str(path))


def test_the_same_paths_below_another_root_are_other_images(write: Write, tmp_path: Path) -> None:
    path = write("path,label\n" + rows().replace("images/", ""))
    shutil.copytree(tmp_path / "images", tmp_path / "others")  # of the same sizes and times
    fingerprints = {
        open_source(Data(source=str(path), image_root=str(tmp_path / root))).fingerprint
        for root in ("images", "others")
    }
    assert len(fingerprints) == 2


def test_a_missing_file_is_rejected_and_listed(write: Write) -> None:
    checked = check(Data(source=str(write("path,label\n" + rows() + "images/gone.png,cat\n"))))
    assert [(each.path, each.reason) for each in checked.bank.rejections] == [
        ("images/gone.png", "missing")
    ]
    assert "there is no such file below /" in checked.bank.rejections[0].detail
    assert checked.files == {"files": 13, "accepted": 12, "rejected": 1, "ignored": 0}


def test_a_row_given_twice_counts_once(write: Write) -> None:
    checked = check(Data(source=str(write("path,label\n" + rows() + "images/a/000.png,cat\n"))))
    assert checked.files == {"files": 13, "accepted": 12, "rejected": 0, "ignored": 1}
    assert checked.bank.ignored == {"row given twice": 1}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "images/a/000.png,dog\n",
            r"row 14 \(images/a/000.png\): the label is 'dog', but 'cat' in row 2",
        ),
        ("../secret.png,cat\n", r"row 14 \(../secret.png\): the path leads out of"),
        ("/etc/passwd,cat\n", r"row 14 \(/etc/passwd\): the path leads out of .*--image-root"),
        ("images/a/000.png,\n", r"row 14 \(images/a/000.png\): the label is missing"),
        ("images/a/000.png\n", r"row 14 \(images/a/000.png\): the label is missing"),
        (",cat\n,cat\n", r"rows 14 \(cat\), 15 \(cat\): the path is missing"),
        ("images/a/\0.png,cat\n", "row 14 .*: the path holds a null byte"),
        ("images/a/000.png,CAT\n", "differ only in case"),
        (
            "a,b,c,d\n",
            "cannot read .* as a table: line 14 has 4 cells, but the header names 2 columns",
        ),
        ('"a,b\n', "cannot read .* as a table"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_number(write: Write, more: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(str(write("path,label\n" + rows() + more)))


def test_rows_with_a_cell_more_than_the_heading_are_refused(write: Write) -> None:
    text = "path,label\n" + "".join(
        f"{number},{row}\n" for number, row in enumerate(rows().splitlines())
    )
    with pytest.raises(DataError, match="line 2 has 3 cells, but the header names 2 columns"):
        load(str(write(text)))


def test_a_file_named_again_with_another_split_or_group_says_which(write: Write) -> None:
    text = "path,label,split,group\n" + rows(extra=lambda number: f",train,{number}")
    with pytest.raises(DataError, match=r"row 14 .*: the split is 'test', but 'train' in row 2"):
        load(str(write(text + "images/a/000.png,cat,test,0\n")))
    with pytest.raises(DataError, match=r"row 14 .*: the group is '7', but '0' in row 2"):
        load(str(write(text + "images/a/000.png,cat,training,7\n")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot read .*: it has no header"),
        ("path,label\n", "has no rows"),
        ("path,label,split\n" + rows(extra=lambda number: ",holdout"), "not a known split"),
        (
            "path,label,split\n" + rows(extra=lambda number: ",train" if number else ","),
            "not a known split",
        ),
        ("path,label,split\n" + rows(extra=lambda number: ",test"), "no 'train' folder or split"),
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


def frame(**columns: list[object]) -> pd.DataFrame:
    """Return a frame of the twelve images, with labels where no others are given."""
    paths = [row.split(",")[0] for row in rows().splitlines()]
    return pd.DataFrame({"path": paths, "label": ["cat"] * 6 + ["dog"] * 6} | columns)


def test_empty_cells_of_a_frame_are_empty(write: Write, tmp_path: Path) -> None:
    write("")
    settings = Data(source="memory", image_root=str(tmp_path))
    table = frame(split=[None] * 12, group=[float("nan"), None, *"ab" * 5])
    listing = open_values(table, None, settings).listing()
    assert {record.split for record in listing.records} == {""}
    assert [record.group for record in listing.records[:4]] == ["", "", "a", "b"]
    with pytest.raises(
        DataError, match=r"^the table: rows 1 \(images/a/001.png\), 3 .*: the label is missing"
    ):
        open_values(frame(label=["cat", None, "cat", float("nan"), *["dog"] * 8]), None, settings)
    table.loc[4] = None
    assert [each.path for each in open_values(table, None, settings).listing().ignored] == ["row 4"]


def test_whole_numbers_of_a_frame_have_no_decimals(write: Write, tmp_path: Path) -> None:
    write("")
    settings = Data(source="memory", image_root=str(tmp_path))
    names = [
        open_values(frame(label=labels), None, settings).listing().class_names
        for labels in ([0.0, 1.0] * 6, [0, 1] * 6, [0.0, 1.5] * 6)
    ]
    assert names == [("0", "1"), ("0", "1"), ("0.0", "1.5")]
    group = [1.0, float("nan"), *[2.0] * 10]  # as pandas reads integers of which one is missing
    records = open_values(frame(group=group), None, settings).listing().records
    assert [record.group for record in records[:3]] == ["1", "", "2"]


def test_the_usual_names_of_columns_are_all_in_the_docs() -> None:
    table = (Path(__file__).parents[5] / "docs" / "data.md").read_text(encoding="utf-8")
    for role, names in USUAL_NAMES.items():
        assert f"| {role} | {', '.join(f'`{name}`' for name in names)} |" in table
