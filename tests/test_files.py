from __future__ import annotations

import errno
from pathlib import Path

import pytest

from convladder import files


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def write_half() -> None:
        with files.whole_folder(tmp_path / "made", "whole") as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list(tmp_path.iterdir()) == []
    with files.whole_folder(tmp_path / "made", "whole") as folder:
        (folder / "whole").write_text("x")
        assert not (tmp_path / "made").exists()
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["whole"]


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / "trials" / ".seed-0.12ab.tmp").mkdir(parents=True)
    (tmp_path / ".climb.json.12ab.tmp").touch()
    (tmp_path / "climb.json").touch()
    files.remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {"trials", "climb.json"}


def test_leftovers_of_one_place_are_not_those_of_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / ".lr0.0123abcd.tmp").mkdir()
    (tmp_path / ".lr0.1.0123abcd.tmp").mkdir()
    files.remove_leftovers_of(tmp_path / "lr0")
    assert [path.name for path in tmp_path.iterdir()] == [".lr0.1.0123abcd.tmp"]


def test_a_disk_that_cannot_be_synced_keeps_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def write() -> None:
        with files.whole_folder(tmp_path / "made", "whole") as folder:
            (folder / "whole").touch()

    with monkeypatch.context() as failing:
        failing.setattr(files.os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            write()
    assert list(tmp_path.iterdir()) == []


def test_new_folders_are_named_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    files.make_folder(tmp_path / "climbs/mine")
    files.make_folder(tmp_path / "climbs/mine")
    assert synced == [tmp_path, tmp_path / "climbs"]


def test_whoever_makes_a_folder_first_has_won(tmp_path: Path) -> None:
    with files.whole_folder(tmp_path / "made", "whole") as late:
        (late / "late").touch()
        with files.whole_folder(tmp_path / "made", "whole") as early:
            (early / "whole").touch()
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["whole"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    files.write_json(path, {"state": "old"})

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        files.write_json(path, {"state": "new"})
    assert files.read_json(path) == {"state": "old"}
    assert list(tmp_path.iterdir()) == [path]


def test_json_holds_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = b"caf\xe9.jpg".decode("utf-8", errors="surrogateescape")
    files.write_json(tmp_path / "names.json", [name])
    assert files.read_json(tmp_path / "names.json") == [name]


def test_a_folder_of_someone_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "notes.txt").touch()

    def write_whole() -> None:
        with files.whole_folder(tmp_path / "made", "whole") as folder:
            (folder / "whole").touch()

    with pytest.raises(OSError, match="made"):
        write_whole()
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["notes.txt"]
    (tmp_path / "made" / "notes.txt").unlink()
    write_whole()
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["whole"]
