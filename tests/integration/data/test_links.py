"""Folders of links, as DVC, huggingface_hub and people who share a validation set make them."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import convladder as cl
from command_line import convladder_here as convladder
from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding.image_form import LIMITS
from convladder.data.loading import check, load
from convladder.data.quality.checks import DataCheck
from convladder.data.sources.folders.folder import walk
from convladder.data.sources.registry import open_like, open_source, shared_settings
from convladder.deploy import inputs
from images_made import MakeFolder, write_image

FOLLOWED = "--follow-links"


def following(root: Path, **more: object) -> Data:
    return Data.model_validate({"source": str(root), "follow_links": True} | more)


def link_files(store: Path, root: Path, *, relative: bool = False) -> Path:
    """Make a tree of links to every file of a store."""
    for file in sorted(store.rglob("*.png")):
        link = root / file.relative_to(store)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(file, link.parent) if relative else file)
    return root


@pytest.fixture
def store(make_folder: MakeFolder) -> Path:
    return make_folder({"cat": 8, "dog": 8}, at="store")


@pytest.mark.parametrize("relative", [True, False])
def test_images_that_are_links_are_read_where_asked_for(
    store: Path, tmp_path: Path, relative: bool
) -> None:
    root = link_files(store, tmp_path / "linked", relative=relative)
    with pytest.raises(
        DataError, match=rf"no image in any of them. 16 symbolic links .*{FOLLOWED}"
    ):
        load(str(root))
    linked, plain = load(following(root)), load(str(store))
    assert [record.path for record in linked.bank.records] == [
        record.path for record in plain.bank.records
    ]
    assert np.array_equal(linked.bank.images, plain.bank.images)


def test_class_folders_that_are_links_are_refused_or_read(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "linked"
    root.mkdir()
    for name in ("cat", "dog"):
        (root / name).symlink_to(store / name)
    with pytest.raises(DataError, match=rf"linked/cat is a link to a folder, .*{FOLLOWED}"):
        load(str(root))
    assert load(following(root)).bank.class_names == ("cat", "dog")


def test_one_class_folder_that_is_a_link_is_not_left_out_in_silence(
    store: Path, make_folder: MakeFolder
) -> None:
    root = make_folder({"train/cat": 6, "train/fox": 6, "test/cat": 3, "test/fox": 3})
    (root / "train" / "dog").symlink_to(store / "dog")
    with pytest.raises(DataError, match="train/dog is a link to a folder"):
        load(str(root))
    assert load(following(root)).counts()["train"]["dog"] > 0


def test_a_split_folder_that_is_a_link_is_refused_or_read(
    store: Path, make_folder: MakeFolder
) -> None:
    root = make_folder({"train/cat": 6, "train/dog": 6})
    (root / "valid").symlink_to(store)
    for command in (load, open_source):
        with pytest.raises(DataError, match=rf"valid is a link to a folder.*{FOLLOWED}"):
            command(Data(source=str(root)))
    assert len(load(following(root)).splits.validation) == 16


def test_a_split_folder_that_is_a_link_is_refused_of_names_with_labels_too(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"train": 0})
    (tmp_path / "valid").mkdir()
    for number in range(6):
        for level, kind in enumerate(("cat", "dog")):
            write_image(
                root / "train" / f"{kind}.{number}.png", seed=10 * number + level, level=level
            )
            write_image(
                tmp_path / "valid" / f"{kind}.{number}.png",
                seed=500 + 10 * number + level,
                level=level,
            )
    (root / "valid").symlink_to(tmp_path / "valid")
    pattern = r"(\w+)\.\d+\.png$"
    with pytest.raises(DataError, match=f"valid is a link to a folder.*{FOLLOWED}"):
        load(Data(source=str(root), label_pattern=pattern))
    assert load(following(root, label_pattern=pattern)).counts()["validation"] == {
        "cat": 6,
        "dog": 6,
    }


def test_a_split_folder_that_leads_nowhere_is_refused_in_any_case(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"train/cat": 6, "train/dog": 6})
    (root / "valid").symlink_to(tmp_path / "gone")
    for settings in (Data(source=str(root)), following(root)):
        with pytest.raises(DataError, match="valid is a link that leads nowhere"):
            load(settings)


def test_links_of_one_class_are_told_wherever_images_are_missing(
    store: Path, make_folder: MakeFolder
) -> None:
    root = make_folder({"cat": 8})
    link_files(store / "dog", root / "dog")
    with pytest.raises(
        DataError, match=rf"no readable image of class 'dog'.* 8 symbolic links .*{FOLLOWED}"
    ):
        load(str(root))
    assert load(following(root)).counts()["train"]["dog"]
    found = {finding.code: finding for finding in check(Data(source=str(root))).findings}
    assert FOLLOWED in found["links"].advice
    assert len(found["links"].rows) == 8


def test_links_among_images_are_told_when_training_goes_on(store: Path) -> None:
    (store / "cat" / "again.png").symlink_to(store / "cat" / "000.png")
    assert any(
        f"1 symbolic link was not followed: use {FOLLOWED}" in note
        for note in load(str(store)).notes
    )


def test_a_circle_of_links_ends(store: Path) -> None:
    (store / "cat" / "root").symlink_to(store)
    (store / "cat" / "up").symlink_to("..")
    (store / "cat" / "self").symlink_to("self")
    (store / "dog" / "a").mkdir()
    (store / "dog" / "b").mkdir()
    (store / "dog" / "a" / "to-b").symlink_to("../b")
    (store / "dog" / "b" / "to-a").symlink_to("../a")
    checked = check(following(store))
    assert checked.files["accepted"] == 16
    assert checked.bank.ignored["link to a folder that it lies in"] >= 2


def test_many_links_between_folders_are_read_in_few_steps(store: Path) -> None:
    folders = [store / "cat" / f"folder{number}" for number in range(9)]
    for folder in folders:
        folder.mkdir()
    for folder in folders:
        for other in folders:
            (folder / f"to-{other.name}").symlink_to(other)
    # all ways through would be over a million
    assert sum(1 for _ in walk(store, "", follow=True)) < 2_000


def test_a_file_that_is_reached_twice_counts_once_in_its_class(store: Path) -> None:
    (store / "cat" / "a-link.png").symlink_to(store / "cat" / "000.png")
    (store / "cat" / "folder").mkdir()
    (store / "cat" / "twin").symlink_to("folder")
    write_image(store / "cat" / "folder" / "new.png", seed=9)
    dataset = load(following(store))
    paths = [record.path for record in dataset.bank.records if record.label == 0]
    assert paths == ["cat/000.png", *(f"cat/{n:03}.png" for n in range(1, 8)), "cat/folder/new.png"]
    assert dataset.bank.ignored == {"reached twice through links": 2}
    assert any(
        "2 files are reached twice through links and counted once" in note for note in dataset.notes
    )


def test_a_file_in_two_classes_through_links_is_a_conflict(store: Path) -> None:
    (store / "dog" / "is-a-cat.png").symlink_to(store / "cat" / "000.png")
    checked = check(following(store))
    assert "conflicting-labels" in [finding.code for finding in checked.findings]
    assert any("1 file is in two classes or splits through links" in note for note in checked.notes)


def test_a_file_in_two_splits_through_links_is_a_leak(make_folder: MakeFolder) -> None:
    root = make_folder({"train/cat": 6, "train/dog": 6, "test/cat": 3, "test/dog": 3})
    (root / "test" / "cat" / "seen.png").symlink_to(root / "train" / "cat" / "000.png")
    with pytest.raises(DataError, match="leak"):
        load(following(root))


def test_a_change_of_what_a_link_leads_to_is_noticed(store: Path, tmp_path: Path) -> None:
    root = link_files(store, tmp_path / "linked")
    before = load(following(root)).bank
    write_image(store / "cat" / "000.png", seed=77, level=2)
    after = load(following(root)).bank
    assert before.fingerprint != after.fingerprint
    assert not np.array_equal(before.images[before.rows[0]], after.images[after.rows[0]])


def test_a_link_to_an_image_that_is_gone_is_rejected_as_missing(
    store: Path, tmp_path: Path
) -> None:
    root = link_files(store, tmp_path / "linked")
    (store / "cat" / "003.png").unlink()
    checked = check(following(root))
    assert [(each.path, each.reason) for each in checked.bank.rejections] == [
        ("cat/003.png", "missing")
    ]


def test_links_to_pipes_and_devices_are_not_opened(store: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (store / "cat" / "pipe.png").symlink_to(tmp_path / "pipe")
    (store / "cat" / "zero.png").symlink_to("/dev/zero")
    assert load(following(store)).bank.ignored == {"not a regular file": 2}


def test_hard_links_are_files_of_their_own(store: Path) -> None:
    (store / "cat" / "twin.png").hardlink_to(store / "cat" / "000.png")
    assert (
        len(check(following(store)).bank.records)
        == len(check(Data(source=str(store))).bank.records)
        == 17
    )


def test_a_table_of_links_that_lead_elsewhere(store: Path, tmp_path: Path) -> None:
    root = link_files(store, tmp_path / "table")
    rows = [f"{kind}/{number:03}.png,{kind}" for kind in ("cat", "dog") for number in range(8)]
    (root / "labels.csv").write_text("\n".join(["path,label", *rows]))
    with pytest.raises(DataError, match=FOLLOWED):
        load(str(root / "labels.csv"))
    dataset = load(following(root / "labels.csv"))
    assert len(dataset.bank.records) == 16
    pickle.dumps(open_source(following(root / "labels.csv")).fetch)  # workers get it


def kaggle(root: Path) -> Path:
    """Write a table of ids, whose images lie in a folder that is a link beside it."""
    (root / "kaggle").mkdir()
    rows = [f"{kind}{number},{kind}" for kind in ("cat", "dog") for number in range(8)]
    (root / "kaggle" / "train.csv").write_text("\n".join(["id,label", *rows]))
    (root / "images").mkdir()
    for level, kind in enumerate(("cat", "dog")):
        for number in range(8):
            write_image(
                root / "images" / f"{kind}{number}.png", seed=10 * number + level, level=level
            )
    (root / "kaggle" / "train").symlink_to(root / "images")
    return root / "kaggle" / "train.csv"


def test_ids_of_images_in_a_folder_that_is_a_link(tmp_path: Path) -> None:
    table = kaggle(tmp_path)
    with pytest.raises(
        DataError, match=f"none of its files is below.*1 symbolic link was not followed.*{FOLLOWED}"
    ):
        load(str(table))
    dataset = load(following(table))
    assert [record.path for record in dataset.bank.records][:2] == [
        "train/cat0.png",
        "train/cat1.png",
    ]
    assert not dataset.bank.rejections


def test_addresses_of_images_in_a_folder_that_is_a_link_say_so(tmp_path: Path) -> None:
    table = kaggle(tmp_path)
    table.write_text(
        table.read_text()
        .replace("\ncat", "\nhttps://host/cat")
        .replace("\ndog", "\nhttps://host/dog")
    )
    with pytest.raises(DataError, match=f"the path is a web address.*{FOLLOWED}"):
        load(str(table))


def test_an_image_that_a_link_leads_to_once_more_is_no_second_choice(tmp_path: Path) -> None:
    table = kaggle(tmp_path)
    (table.parent / "train").unlink()
    (tmp_path / "images").rename(table.parent / "train")
    (table.parent / "again").symlink_to(table.parent / "train")
    paths = [record.path for record in load(following(table)).bank.records]
    assert paths[:2] == ["train/cat0.png", "train/cat1.png"]


def test_images_that_metadata_leaves_out_are_found_behind_links(
    store: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    rows = [
        f"train/{kind}/{number:03}.png,{kind}" for kind in ("cat", "dog") for number in range(7)
    ]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    (root / "train").symlink_to(store)
    ignored = open_source(following(root)).listing().ignored
    assert [each.path for each in ignored] == ["train/cat/007.png", "train/dog/007.png"]


@pytest.mark.parametrize("name", ["set.zip", "labels.csv"])
def test_a_file_that_is_a_link_to_one_without_its_suffix(
    store: Path, tmp_path: Path, name: str
) -> None:
    if name == "set.zip":
        with zipfile.ZipFile(tmp_path / "blob", "w") as archive:
            for file in sorted(store.rglob("*.png")):
                archive.write(file, file.relative_to(store).as_posix())
    else:
        rows = [f"{kind}/{number:03}.png,{kind}" for kind in ("cat", "dog") for number in range(8)]
        (tmp_path / "blob").write_text("\n".join(["path,label", *rows]))
    (store / name).symlink_to(tmp_path / "blob")
    assert len(load(str(store / name)).bank.records) == 16


def test_a_table_that_is_linked_from_elsewhere_finds_its_images(
    store: Path, tmp_path: Path
) -> None:
    rows = [f"{kind}/{number:03}.png,{kind}" for kind in ("cat", "dog") for number in range(8)]
    (store / "labels.csv").write_text("\n".join(["path,label", *rows]))
    (tmp_path / "mine.csv").symlink_to(store / "labels.csv")
    assert len(load(str(tmp_path / "mine.csv")).bank.records) == 16


def test_links_to_parquet_files_are_followed(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from convladder.data.sources.parquet import find_shards

    (tmp_path / "blob").write_bytes(b"PAR1")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train-0.parquet").symlink_to(tmp_path / "blob")
    found = find_shards(tmp_path / "set", follow=True)
    assert found is not None
    assert found.paths == ("train-0.parquet",)
    assert find_shards(tmp_path / "set") is None


def write_arrays(root: Path) -> Path:
    np.savez(root / "set.npz", x=np.zeros((4, 8, 8), np.uint8), y=[0, 0, 1, 1])
    return root / "set.npz"


@pytest.mark.parametrize("source", ["digits", "hf:a/b", "set.npz", "set.parquet"])
def test_links_are_not_followed_where_there_can_be_none(tmp_path: Path, source: str) -> None:
    write_arrays(tmp_path)
    (tmp_path / "set.parquet").write_bytes(b"PAR1")
    where = str(tmp_path / source) if source.startswith("set") else source
    with pytest.raises(
        DataError, match=r"--follow-links is for a folder .*and .* is not one: leave it out"
    ):
        open_source(
            following(Path(where))
            if source.startswith("set")
            else Data(source=where, follow_links=True)
        )


# Other images are read as those of a run were


def test_how_a_run_read_its_images_holds_of_others_unless_something_else_is_given() -> None:
    trained = Data(source="pets", follow_links=True, class_level="leaf", image_root="pets")
    assert shared_settings(trained, set()) == {"class_level": "leaf", "follow_links": True}
    assert shared_settings(trained, {"label_pattern"}) == {"follow_links": True}
    assert shared_settings(trained, {"follow_links", "class_level"}) == {}


def test_other_images_are_read_as_those_of_a_run_as_far_as_they_can_be(
    store: Path, tmp_path: Path
) -> None:
    links = {"follow_links": True}
    root = link_files(store, tmp_path / "linked")
    assert len(open_like(Data(source=str(root)), links).listing().records) == 16
    assert open_like(Data(source="digits"), links).kind == "named set"
    assert (
        open_like(Data(source=str(write_arrays(tmp_path))), links | {"class_level": "leaf"}).kind
        == "arrays"
    )
    pattern = {"label_pattern": r"(ape|fox)\."} | links
    assert open_like(Data(source=str(root)), pattern).listing().class_names == ("cat", "dog")


def test_columns_hold_of_other_tables_that_have_them(store: Path) -> None:
    columns = {"path_column": "place", "label_column": "kind", "follow_links": True}
    for heading, last in (("place,label,kind", "x"), ("place,label", "")):
        rows = [
            f"{kind}/{number:03}.png,{kind}{',' + kind + last if last else ''}"
            for kind in ("cat", "dog")
            for number in range(8)
        ]
        (store / "set.csv").write_text("\n".join([heading, *rows]))
        names = open_like(Data(source=str(store / "set.csv")), columns).listing().class_names
        assert names == (f"cat{last}", f"dog{last}")
    with pytest.raises(DataError, match="no data at"):
        open_like(Data(source=str(store / "nowhere")), columns)


def test_a_run_reads_other_images_as_its_own(
    make_folder: MakeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    leaves = {"animal/cat": 8, "plant/rose": 8}
    small = {
        "model.filters": [4],
        "model.dense": [8],
        "data.image_size": [16, 16],
        "data.class_level": "leaf",
    }
    root = make_folder(leaves)
    run = cl.train(root, "lenet5", epochs=1, changes=small, out=root.parent / "run", quiet=True)
    other = make_folder(leaves, at="other", suffix=".bmp")
    assert set(run.evaluate(other, quiet=True)["all"]["classes"]) == {"cat", "rose"}
    np.savez(root.parent / "set.npz", x=np.zeros((4, 16, 16, 3), np.uint8), y=["cat", "rose"] * 2)
    capsys.readouterr()
    run.evaluate(root.parent / "set.npz", allow_rejects=True)
    assert "class-level" not in capsys.readouterr().err


def tar_with_links(root: Path, links: dict[str, str]) -> Path:
    path = root.with_suffix(".tar")
    with tarfile.open(path, "w") as tar:
        tar.add(root, "set")
        for name, target in links.items():
            member = tarfile.TarInfo(f"set/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return path


def test_a_link_in_a_tar_is_never_followed_and_said_so(store: Path) -> None:
    path = tar_with_links(store, {"cat/link.png": "000.png"})
    notes = load(following(path)).notes
    assert any(
        "1 link was not followed: links in an archive are never followed" in note for note in notes
    )
    assert not any(FOLLOWED in note for note in notes)


@pytest.mark.parametrize("target", ["dog", "../set/dog", "/elsewhere/fox"])
def test_a_class_folder_in_a_tar_that_is_a_link_is_refused(store: Path, target: str) -> None:
    path = tar_with_links(store, {"fox": target})
    with pytest.raises(
        DataError, match=r"fox in .*tar is a link to a folder.*never followed.*--dereference"
    ):
        load(following(path))


def test_a_split_folder_in_a_zip_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    image = io.BytesIO()
    write_image(tmp_path / "one.png", seed=1)
    image.write((tmp_path / "one.png").read_bytes())
    with zipfile.ZipFile(path, "w") as archive:
        for kind in ("cat", "dog"):
            archive.writestr(f"train/{kind}/1.png", image.getvalue())
            archive.writestr(f"more/{kind}/1.png", image.getvalue())
        link = zipfile.ZipInfo("valid")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "more")
    with pytest.raises(DataError, match=r"valid in .*zip is a link to a folder"):
        load(str(path))


def test_a_tar_of_hard_links_says_why_images_are_missing(store: Path) -> None:
    path = store.with_suffix(".tar")
    with tarfile.open(path, "w") as tar:
        tar.add(store / "cat", "cat")
        for number in range(3):
            member = tarfile.TarInfo(f"dog/{number}.png")
            member.type, member.linkname = tarfile.LNKTYPE, f"cat/{number:03}.png"
            tar.addfile(member)
    with pytest.raises(DataError, match=r"3 links were not followed.*--hard-dereference"):
        load(str(path))


def found_at(*places: Path | str, follow: bool = False) -> tuple[list[str], list[str]]:
    said: list[str] = []
    found = inputs.find(
        list(map(str, places)), LIMITS, io.BytesIO(), follow=follow, say=said.append
    )
    return [picture.name for picture in found], said


def test_predict_says_that_links_were_passed_over(store: Path, tmp_path: Path) -> None:
    root = link_files(store, tmp_path / "linked")
    with pytest.raises(
        DataError, match=f"no image in .*16 symbolic links were not followed: use {FOLLOWED}"
    ):
        found_at(root)
    names, said = found_at(root, follow=True)
    assert len(names) == 16
    assert said == []
    write_image(root / "real.png", seed=5)
    names, said = found_at(root)
    assert names == [str(root / "real.png")]
    assert "16 symbolic links were not followed" in said[0]


def test_predict_follows_links_that_are_named(store: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(store / "cat" / "000.png")
    (tmp_path / "folder").symlink_to(store / "dog")
    names, said = found_at(tmp_path / "link.png", tmp_path / "folder", f"{tmp_path}/*.png")
    assert len(names) == 10
    assert said == []


def test_predict_takes_each_file_once(store: Path) -> None:
    (store / "again").symlink_to("cat")
    (store / "above").symlink_to("..")
    names, _ = found_at(store, follow=True)
    assert len(names) == 16
    assert not any("again" in name for name in names)


def test_a_pattern_of_all_folders_does_not_run_in_circles(store: Path) -> None:
    for number in range(4):
        (store / "cat" / f"up{number}").symlink_to(store)
    assert len(found_at(f"{store}/**/*.png")[0]) == 16
    assert len(found_at(f"{store}/**/*.png", follow=True)[0]) == 16


def test_a_folder_whose_name_has_the_characters_of_patterns(
    tmp_path: Path, make_folder: MakeFolder
) -> None:
    folder = make_folder({"[examples]": 3, "e": 2}) / "[examples]"
    assert len(found_at(f"{folder}/*.png")[0]) == 3
    assert len(found_at(f"{folder}/00[01].png")[0]) == 2
    assert len(found_at(f"{folder.parent}/*/00[0].png")[0]) == 2
    with pytest.raises(DataError, match="no image in"):
        found_at(f"{folder}/*.jpg")


def test_the_commands_take_the_option(store: Path, tmp_path: Path) -> None:
    root = link_files(store, tmp_path / "linked")
    refused = convladder("check", str(root), "--quiet")
    assert refused.returncode == 2
    assert FOLLOWED in refused.stderr
    done = convladder("check", str(root), "--quiet", "--json", FOLLOWED)
    assert json.loads(done.stdout)["files"]["accepted"] == 16
    for command in ("train", "climb", "tune", "evaluate", "predict"):
        assert FOLLOWED in convladder(command, "--help").stdout


def test_a_check_of_links_is_the_view_of_python_too(store: Path, tmp_path: Path) -> None:
    root = link_files(store, tmp_path / "linked")
    checked = cl.check(str(root), changes={"data.follow_links": True}, quiet=True)
    assert isinstance(checked, DataCheck)
    assert len(checked.bank.records) == 16
