"""Nobody's files are lost: every command that writes, against a folder of files that convladder did
not make.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import convladder as cl
from convladder.cli import main
from convladder.core.errors import ConvladderError, RunError
from foreign import THEIRS, put, snapshot
from images_made import MakeFolder
from made_runs import make_run, share_right


@pytest.fixture
def place(tmp_path: Path, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with images, two runs, and a folder of somebody else's files."""
    make_folder({"cat": 6, "dog": 6}, at="pets")
    put(tmp_path / "theirs", THEIRS)
    put(tmp_path / "half.unfinished", {"notes.md": "mine", "checkpoint-0001-000000.json": "{}"})
    for seed, name in enumerate(("a", "b")):
        make_run(tmp_path / name, seed=seed, right=share_right(0.7, 20, seed))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def convladder(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["convladder", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


COMMANDS = {
    "climb": ["climb", "pets"],
    "climb afresh": ["climb", "pets", "--fresh"],
    "climb on, changed": ["climb", "pets", "--allow-changed"],
    "train": ["train", "pets"],
    "train afresh": ["train", "pets", "--fresh"],
    "train in folds": ["train", "pets", "--folds", "3"],
    "tune": ["tune", "pets"],
    "tune afresh": ["tune", "pets", "--fresh"],
    "evaluate": ["evaluate", "a", "--data", "pets"],
    "reproduce": ["reproduce", "a", "--data", "pets"],
    "compare": ["compare", "a", "b"],
    "export": ["export", "a", "--format", "onnx", "--data", "pets"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    "out", ["theirs", "theirs/", "./theirs/../theirs", "pets", "pets/new", ".", "linked"]
)
def test_a_command_changes_nothing_in_a_folder_of_others(
    words: list[str],
    out: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (place / "linked").symlink_to(place / "theirs")
    before = snapshot(place)
    status = convladder(*words, "--out", out, monkeypatch=monkeypatch)
    said = capsys.readouterr().err
    assert snapshot(place) == before
    assert status == 2
    assert str(Path(out)) in said
    assert "--out" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("command", ["climb", "train", "tune", "compare"])
def test_any_file_of_others_is_enough(
    name: str,
    command: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(place / "one", {name: THEIRS[name]})
    before = snapshot(place)
    assert convladder(*COMMANDS[command], "--out", "one", monkeypatch=monkeypatch) == 2
    assert snapshot(place) == before
    said = "one already exists and holds files that convladder did not write, such as"
    assert f"{said} {name.split('/', maxsplit=1)[0]}" in capsys.readouterr().err


WRITERS: dict[str, Callable[[], Any]] = {
    "train": lambda: cl.train("pets", out="theirs", quiet=True),
    "climb": lambda: cl.climb("pets", out=Path("theirs"), quiet=True),
    "tune": lambda: cl.tune("pets", out="theirs", quiet=True),
    "reproduce": lambda: cl.reproduce("a", "pets", out="theirs", quiet=True),
    "compare": lambda: cl.compare("a", "b").report("theirs"),
    "evaluate": lambda: cl.Run("a").evaluate("pets", out="theirs", quiet=True),
    "export": lambda: cl.export("a", "onnx", "pets", out="theirs", quiet=True),
    "bundle": lambda: cl.Run("a").bundle("theirs/report.html"),
    "check": lambda: cl.check("pets", quiet=True).report("theirs/index.html"),
    "report of a run": lambda: cl.Run("theirs").report(),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_python_changes_nothing_in_a_folder_of_others(
    write: Callable[[], Any], place: Path
) -> None:
    before = snapshot(place)
    with pytest.raises(ConvladderError, match="theirs"):
        write()
    assert snapshot(place) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train", "pets", "--out", "half"],
            "half.unfinished already exists and holds files that convladder did not write",
        ),
        (["reproduce", "a", "--data", "pets", "--out", "half"], "half.unfinished already exists"),
        (
            ["bundle", "a", "-o", "theirs/report.html"],
            "report.html already exists and is not a bundle of a: choose",
        ),
        (["bundle", "a", "-o", "pets/cat"], "choose a place outside with -o"),
        (
            ["bundle", "a", "-o", "pets/new.convladder"],
            "pets/new.convladder lies inside the images",
        ),
        (["check", "pets", "--html", "pets/cat/check.html"], "choose a place outside with --html"),
        (
            ["check", "a/list.csv", "--image-root", "pets", "--html", "pets/x.html"],
            "pets/x.html lies inside",
        ),
        (
            ["check", "pets", "--html", "theirs/index.html"],
            "theirs/index.html already exists and was not written by convladder",
        ),
        (
            ["train", "digits", "--out", "theirs/report.html"],
            "cannot write to theirs/report.html (Not a directory)",
        ),
        (
            ["tune", "digits", "--out", "theirs/report.html/x"],
            "cannot write to theirs/report.html/x",
        ),
        (["check", "pets", "--html", "theirs"], "theirs is a folder: give the name of a file"),
        (
            ["report", "theirs"],
            "theirs was not written by convladder, or its experiment.json is damaged",
        ),
    ],
)
def test_other_places_of_others_are_left_alone(
    words: list[str],
    said: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = snapshot(place)
    assert convladder(*words, monkeypatch=monkeypatch) == 2
    assert said in capsys.readouterr().err
    assert snapshot(place) == before


@pytest.mark.parametrize("command", ["climb", "train", "tune"])
def test_without_out_nothing_is_put_among_the_images(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place / "pets")
    before = snapshot(place)
    assert convladder(command, ".", monkeypatch=monkeypatch) == 2
    assert "lies inside the images" in capsys.readouterr().err
    assert snapshot(place) == before


def test_the_page_of_a_check_is_not_put_among_the_images_from_python_either(place: Path) -> None:
    checked, before = cl.check("pets", quiet=True), snapshot(place)
    with pytest.raises(RunError, match="lies inside the images"):
        checked.report("pets/check.html")
    assert snapshot(place) == before


@pytest.mark.parametrize("command", ["climb", "train", "tune"])
def test_an_empty_folder_stays_empty_where_the_images_cannot_be_read(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "empty").mkdir()
    before = snapshot(place)
    assert convladder(command, "nowhere", "--out", "empty", monkeypatch=monkeypatch) == 2
    assert snapshot(place) == before


def test_event_files_are_not_put_among_others(place: Path) -> None:
    pytest.importorskip("tensorboardX")
    put(place / "new.tensorboard", {"notes.txt": "mine"})
    before = snapshot(place)
    with pytest.raises(
        RunError, match=r"new\.tensorboard already exists and holds files .* notes\.txt"
    ):
        cl.train("pets", "lenet5", out="new", tensorboard=True, allow_rejects=True, quiet=True)
    assert {name: content for name, content in snapshot(place).items() if name in before} == before
