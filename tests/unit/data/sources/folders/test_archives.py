from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.bank.bank import Bank
from convladder.data.loading import check, load
from convladder.data.sources.folders import archive_entries
from images_made import MakeFolder

KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]


def pack(root: Path, kind: str, inside: str = "") -> Path:
    """Put all files below a folder into an archive beside it, in a shuffled order."""
    path = root.parent / f"packed.{kind}"
    found = sorted(each for each in root.rglob("*") if each.is_file())
    found = [found[place] for place in np.random.default_rng(0).permutation(len(found))]
    names = [f"{inside}{each.relative_to(root).as_posix()}" for each in found]
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for each, name in zip(found, names, strict=True):
                archive.write(each, name)
    else:
        with tarfile.open(path, f"w:{kind.removeprefix('tar').removeprefix('.')}") as tar:
            for each, name in zip(found, names, strict=True):
                tar.add(each, name)
    return path


def pixels(bank: Bank) -> np.ndarray:
    return np.array(bank.images[bank.rows])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inside", ["", "my images/", "./"])
def test_an_archive_is_read_like_the_folder_in_it(
    make_folder: MakeFolder, kind: str, inside: str
) -> None:
    root = make_folder({"cat": 9, "dog": 9})
    (root / "cat" / "bad.jpg").write_bytes(b"no image")
    (root / "cat" / ".DS_Store").write_bytes(b"x")
    of_folder = load(str(root), allow_rejects=True)
    packed = load(str(pack(root, kind, inside)), allow_rejects=True)
    assert [record.path for record in packed.bank.records] == [
        record.path for record in of_folder.bank.records
    ]
    assert np.array_equal(pixels(packed.bank), pixels(of_folder.bank))
    assert packed.bank.fingerprint == of_folder.bank.fingerprint
    assert np.array_equal(packed.splits.test, of_folder.splits.test)
    assert packed.bank.rejections == of_folder.bank.rejections
    assert packed.bank.ignored == of_folder.bank.ignored == {"hidden": 1}


def test_split_folders_in_an_archive(make_folder: MakeFolder) -> None:
    root = make_folder({"train/cat": 8, "train/dog": 8, "test/cat": 3, "test/dog": 3})
    dataset = load(str(pack(root, "zip", "set/")))
    assert len(dataset.splits.test) == 6
    assert dataset.bank.kind == "split folder in an archive"


def test_nothing_is_written_beside_an_archive(make_folder: MakeFolder) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}), "zip")
    before = sorted(path.parent.rglob("*"))
    load(str(path))
    assert sorted(path.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["../outside/1.png", "/etc/1.png", "cat/../../1.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_place_outside_the_archive_is_refused(
    make_folder: MakeFolder, name: str, kind: str
) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}), kind)
    if kind == "zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"x")
    else:
        with tarfile.open(path, "a") as tar:
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(DataError, match="names a path outside itself"):
        load(str(path))


def test_links_and_devices_in_a_tar_are_ignored(make_folder: MakeFolder) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}), "tar")
    with tarfile.open(path, "a") as tar:
        for name, kind in (("cat/link.png", tarfile.SYMTYPE), ("cat/pipe", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        member = tarfile.TarInfo("dog/again.png")
        member.type, member.linkname = tarfile.LNKTYPE, "cat/000.png"
        tar.addfile(member)
    assert load(str(path)).bank.ignored == {
        "hard link": 1,
        "not a regular file": 1,
        "symbolic link": 1,
    }


def test_a_member_given_twice_counts_as_the_later(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    path = pack(root, "tar")
    with tarfile.open(path, "a") as tar:
        tar.add(root / "dog" / "000.png", "cat/000.png")
    checked = check(Data(source=str(path)))
    assert checked.files == {"files": 11, "accepted": 10, "rejected": 0, "ignored": 1}
    assert [each.rule for each in checked.ignored] == ["replaced later in the archive"]
    assert any(finding.code == "conflicting-labels" for finding in checked.findings)


@pytest.mark.parametrize("beside", ["README.md", "LICENSE", "contents.png"])
def test_files_beside_the_folder_around_all_are_ignored(
    make_folder: MakeFolder, beside: str
) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}), "zip", "data/")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(beside, b"x")
    checked = check(Data(source=str(path)))
    assert checked.bank.class_names == ("cat", "dog")
    assert checked.files == {"files": 11, "accepted": 10, "rejected": 0, "ignored": 1}


def test_the_folder_of_a_split_is_no_folder_around_all(make_folder: MakeFolder) -> None:
    path = pack(make_folder({"test/cat": 5, "test/dog": 5}), "zip")
    with pytest.raises(DataError, match="no 'train' folder"):
        load(str(path))


def test_backslashes_in_a_zip_part_folders(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    path = root.parent / "windows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for each in root.rglob("*.png"):
            archive.write(each, f"{each.parent.name}\\{each.name}")
    assert load(str(path)).bank.records[0].path == "cat/000.png"


@pytest.mark.parametrize("folder_first", [True, False])
def test_a_file_and_a_folder_of_one_name_are_both_accounted_for(
    make_folder: MakeFolder, folder_first: bool
) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}), "tar")
    folder, file = tarfile.TarInfo("cat/odd"), tarfile.TarInfo("cat/odd")
    folder.type = tarfile.DIRTYPE
    with tarfile.open(path, "a") as tar:
        for member in (folder, file) if folder_first else (file, folder):
            tar.addfile(member)
    checked = check(Data(source=str(path)))
    lost = {"rejected": 1, "ignored": 0} if folder_first else {"rejected": 0, "ignored": 1}
    assert checked.files == {"files": 11, "accepted": 10, **lost}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_folders_in_folders_without_end_are_refused(make_folder: MakeFolder, kind: str) -> None:
    path = pack(make_folder({"cat": 2, "dog": 2}), kind, "a/" * 3000)
    with pytest.raises(DataError, match="over 16 levels deep: pack the class folders"):
        load(str(path))


def test_a_name_that_is_not_in_the_encoding_that_it_says_is_a_clear_error(
    make_folder: MakeFolder,
) -> None:
    path = pack(make_folder({"cät": 5, "dog": 5}), "zip")
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xe4\xe4"))
    with pytest.raises(
        DataError, match=r"cannot read .*packed.zip: it is damaged or truncated \('utf-8' codec"
    ):
        load(str(path))


def test_an_encrypted_member_is_rejected(make_folder: MakeFolder) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}), "zip")
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")  # the first in the central directory: its flags are at 8
    data[entry + 8] |= 1
    path.write_bytes(data)
    bank = load(str(path), allow_rejects=True).bank
    assert [each.reason for each in bank.rejections] == ["encrypted"]


def test_a_member_with_a_wrong_checksum_is_rejected(make_folder: MakeFolder) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}, size=40), "zip")
    data = bytearray(path.read_bytes())
    data[200] ^= 255  # in the first member's pixels, stored as they are
    path.write_bytes(data)
    bank = load(str(path), allow_rejects=True).bank
    assert [each.reason for each in bank.rejections] == ["corrupt"]


def test_a_member_larger_than_it_says_is_not_read_to_its_end(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    (root / "cat" / "large.png").write_bytes(b"\0" * 100_000)
    path = pack(root, "zip")
    bank = load(Data(source=str(path), max_bytes=50_000), allow_rejects=True).bank
    assert [(each.path, each.reason) for each in bank.rejections] == [
        ("cat/large.png", "too-large")
    ]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_that_unfolds_beyond_measure_is_refused(
    make_folder: MakeFolder, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    (root / "cat" / "bomb.png").write_bytes(b"\0" * 10_000_000)
    path = root.parent / f"bomb.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(root / "cat" / "bomb.png", "cat/bomb.png")
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(root / "cat" / "bomb.png", "cat/bomb.png")
    monkeypatch.setattr(archive_entries, "EXPANSION_FROM", 1_000_000)
    with pytest.raises(DataError, match="unpacks to over"):
        load(str(path))


def damage_middle(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("damage", [damage_middle, lambda data: b"no archive"])
def test_a_damaged_archive_says_so(
    make_folder: MakeFolder, kind: str, damage: Callable[[bytes], bytes]
) -> None:
    path = pack(make_folder({"cat": 5, "dog": 5}, size=40), kind)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"cannot read .*packed.*: it is damaged or truncated \("):
        load(str(path))


def cut_between(data: bytearray, header: int) -> None:
    del data[header:]


def cut_inside(data: bytearray, header: int) -> None:
    del data[header + 100 :]


def blank(data: bytearray, header: int) -> None:
    data[header : header + 512] = bytes(512)


def flip(data: bytearray, header: int) -> None:
    data[header + 150] ^= 8  # in its checksum


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
@pytest.mark.parametrize("harm", [cut_between, cut_inside, blank, flip])
def test_a_damaged_tar_loses_nothing_without_a_word(
    make_folder: MakeFolder, kind: str, harm: Callable[[bytearray, int], None]
) -> None:
    whole = pack(make_folder({"cat": 6, "dog": 6}), "tar")
    with tarfile.open(whole) as tar:
        header = tar.getmembers()[7].offset
    data = bytearray(whole.read_bytes())
    harm(data, header)
    path = whole.with_name(f"broken.{kind}")
    path.write_bytes(gzip.compress(bytes(data)) if kind == "tar.gz" else bytes(data))
    with pytest.raises(DataError, match=r"cannot read .*damaged or truncated"):
        load(str(path))


def test_many_files_in_an_archive_are_read_by_processes(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convladder.data.bank import chunk_decoding, chunks

    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 0)
    monkeypatch.setattr(chunks, "CHUNK", 5)
    root = make_folder({"cat": 12, "dog": 12})
    expected = load(str(root)).bank.fingerprint
    for kind in ("zip", "tar", "tar.gz"):
        assert load(str(pack(root, kind))).bank.fingerprint == expected
