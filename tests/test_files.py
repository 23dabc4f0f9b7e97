from __future__ import annotations

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
