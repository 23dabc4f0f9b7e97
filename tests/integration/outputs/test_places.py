"""Places that are not there, and names that are longer than a file system takes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from convladder.core import files
from convladder.results import folders
from limits import HANG

GONE = "The current folder was deleted"


def run_in_a_deleted_folder(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose working folder is deleted before it begins."""
    folder = tmp_path / "gone"
    folder.mkdir()
    code = f"""
        import os, sys
        os.chdir({str(folder)!r})
        os.rmdir({str(folder)!r})
        sys.argv = ["convladder", *{words!r}]
        from convladder.cli.main import main
        main()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no folder that someone is in")
@pytest.mark.parametrize(
    "words", [("train", "digits", "--quiet"), ("check", "images"), ("report", "climbs/x")]
)
def test_a_working_folder_that_was_deleted_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_in_a_deleted_folder(tmp_path, *words)
    assert done.returncode == 2
    assert GONE in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no folder that someone is in")
def test_what_needs_no_working_folder_works_without(tmp_path: Path) -> None:
    done = run_in_a_deleted_folder(tmp_path, "ladder", "classic")
    assert done.returncode == 0
    assert GONE not in done.stderr


def test_a_drive_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # as the root of a drive is that has no disk
    monkeypatch.setattr(Path, "is_dir", lambda self: False)
    with pytest.raises(FileNotFoundError, match="no such drive"):
        files.make_folder(Path("/missing/runs"))


@pytest.mark.parametrize("name", ["\u732b" * 76, "\U0001f408" * 60, "e\u0301" * 80, "x" * 255])
def test_a_run_of_data_with_a_long_name_can_be_written(tmp_path: Path, name: str) -> None:
    folder = folders.new_folder(str(tmp_path), name)
    assert len(os.fsencode(f".{folder.name}.12345678.tmp")) < 200
    folders.unfinished(folder).mkdir()
    assert folders.new_folder(str(tmp_path), name) != folder
    with folders.writing(folder) as inside:
        files.write_text(inside / folders.MARKER, "{}")
    assert (folder / folders.MARKER).is_file()


def test_the_name_of_data_stays_in_that_of_a_run(tmp_path: Path) -> None:
    assert folders.new_folder(str(tmp_path), "my cats \u732b").name.endswith("-my-cats-\u732b")
    assert folders.new_folder(str(tmp_path), "/").name.endswith("-data")
