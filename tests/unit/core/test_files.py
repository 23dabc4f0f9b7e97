from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from convladder.core import files


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
    left = [".convladder-climb.json.0123abcd.tmp", ".climb.json.0123abcd.tmp", ".shared.tmp"]
    kept = [".idea.tmp", ".seed-0.tmp", ".notes.0123abcd.tmp", ".convladder-lock", "climb.json"]
    for name in left + kept:
        (tmp_path / name).touch()
    (tmp_path / ".convladder-seed-0.0123abcd.tmp" / "plots").mkdir(parents=True)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / left[0]).touch()
    files.remove_leftovers(tmp_path, tmp_path / "nowhere")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "inside"}
    assert [path.name for path in (tmp_path / "inside").iterdir()] == left[:1]


def test_a_leftover_that_is_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    (tmp_path / "climb").mkdir()
    (tmp_path / "climb/.convladder-plots.0123abcd.tmp").symlink_to(tmp_path / "mine")
    files.remove_leftovers(tmp_path / "climb")
    assert list((tmp_path / "climb").iterdir()) == []
    assert (tmp_path / "mine/notes.txt").exists()


@pytest.mark.parametrize("name", ["\u732b" * 80, "a" * 240, "caf\udce9" * 30])
def test_a_name_that_is_as_long_as_names_can_be_is_written(tmp_path: Path, name: str) -> None:
    files.write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_leftovers_of_one_place_are_not_those_of_its_neighbours(tmp_path: Path) -> None:
    others = [".convladder-lr0.1.0123abcd.tmp", ".lr0.0123abcd.tmp"]
    for name in [".convladder-lr0.0123abcd.tmp", *others]:
        (tmp_path / name).mkdir()
    files.remove_leftovers_of(tmp_path / "lr0")
    assert sorted(path.name for path in tmp_path.iterdir()) == others


def test_a_disk_that_cannot_be_synced_keeps_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_all_of_a_folder_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fsync

    def record(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        sync(handle)

    before: set[int] = set()
    rename = Path.rename

    def look(self: Path, target: Path) -> Path:
        before.update(synced)
        return rename(self, target)

    monkeypatch.setattr(files.os, "fsync", record)
    monkeypatch.setattr(Path, "rename", look)
    with files.whole_folder(tmp_path / "made", "whole") as folder:
        (folder / "inside").mkdir()
        (folder / "inside" / "deep").write_text("x")
        (folder / "whole").write_text("x")
    made = tmp_path / "made"
    assert {each.stat().st_ino for each in (made, *made.rglob("*"))} <= before
    assert synced[-1] == tmp_path.stat().st_ino, "its name is on the disk at last"


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


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def make_whole(folder: Path) -> None:
    with files.whole_folder(folder, "whole", keeps={"live.html"}) as made:
        (made / "half").touch()
        (made / "whole").touch()


def show_page(folder: Path) -> None:
    folder.mkdir()
    (folder / "live.html").write_text("page")
    (folder / ".convladder-live.html.0123abcd.tmp").touch()  # one that is being written


def test_a_page_that_waits_in_the_place_of_a_folder_is_in_it_then(tmp_path: Path) -> None:
    show_page(tmp_path / "made")
    make_whole(tmp_path / "made")
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {"half", "whole", "live.html"}
    assert (tmp_path / "made/live.html").read_text() == "page"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_page_and_a_file_of_someone_else_stay(tmp_path: Path) -> None:
    show_page(tmp_path / "made")
    (tmp_path / "made" / "notes.txt").touch()
    with pytest.raises(OSError, match="made"):
        make_whole(tmp_path / "made")
    assert len(list((tmp_path / "made").iterdir())) == 3


def test_a_page_in_a_folder_that_git_keeps_stays_with_it(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for name in (".gitkeep", "live.html"):
        (tmp_path / "made" / name).touch()
    make_whole(tmp_path / "made")
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {"half", "whole", "live.html", ".gitkeep"}


def test_a_page_that_is_open_elsewhere_holds_no_folder_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_page(tmp_path / "made")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self == tmp_path / "made":
            raise PermissionError("another process uses it")  # as Windows says
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    make_whole(tmp_path / "made")
    assert {"half", "whole", "live.html"} <= {path.name for path in (tmp_path / "made").iterdir()}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_page_is_back_in_its_place_where_the_folder_cannot_be_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_page(tmp_path / "made")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == tmp_path / "made" and (self / "whole").exists():
            raise OSError("no space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no space"):
        make_whole(tmp_path / "made")
    assert (tmp_path / "made/live.html").read_text() == "page"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_view_is_written_at_once_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_unsynced(tmp_path / "page", b"old")
    with monkeypatch.context() as patched:
        patched.setattr(files, "_rename", lambda source, target: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            files.write_unsynced(tmp_path / "page", b"new")
    assert (tmp_path / "page").read_bytes() == b"old"
    with pytest.raises(FileNotFoundError):
        files.write_unsynced(tmp_path / "away/page", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_a_line_that_a_full_disk_takes_half_of_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines"
    files.append_line(path, "one")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync_to_disk", full)
        with pytest.raises(OSError, match="no space"):
            files.append_line(path, "two")
    files.append_line(path, "three")
    assert path.read_text() == "one\nthree\n"
