from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from command_line import convladder, convladder_here
from convladder.cli.main import app
from images_made import MakeFolder
from kept_workers import kept_workers

COMMANDS = [
    "check",
    "plan",
    "climb",
    "train",
    "tune",
    "evaluate",
    "reproduce",
    "ladder",
    "report",
    "watch",
    "explain",
    "bundle",
    "export",
    "predict",
    "serve",
    "compare",
    "cache",
]


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    with kept_workers():
        yield


def test_importing_the_package_imports_no_tensorflow() -> None:
    code = "import convladder, sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_imports_no_tensorflow() -> None:
    code = (
        "import sys\nfrom convladder.cli.main import main\nsys.argv = ['convladder', 'climb', "
        "'--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_names_every_command() -> None:
    done = convladder("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert command in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str) -> None:
    done = convladder_here(command, "--help")
    assert done.returncode == 0
    _, _, examples = done.stdout.partition(" Examples:\n")
    assert f"convladder {command}" in examples


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_eighty_columns(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No value's name is cut in the middle of a word, and no line of a paragraph ends before it
    must.
    """
    monkeypatch.setenv("COLUMNS", "80")
    found, lines = (
        get_command(app).commands[command],
        convladder_here(command, "--help").stdout.splitlines(),
    )
    for name in (each.metavar for each in found.params if each.metavar):
        assert any(name in line for line in lines), name
    for line, below in itertools.pairwise(
        lines[: lines.index(next(each for each in lines if "─" in each))]
    ):
        if line.strip() and below.strip():
            assert len(f"{line.rstrip()} {below.split()[0]}") >= 80, line


def test_the_version_is_told() -> None:
    assert convladder("--version").stdout.startswith("convladder 0.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["climb", "nowhere"], "no data at nowhere: give a folder"),
        (["climb", "empty"], "has no class folders"),
        (["climb", "single"], "has one class only ('cat')"),
        (["climb", "lonely"], "class 'dog' has 1 image"),
        (["climb", "hollow"], "no readable image of class 'dog'"),
        (["climb", "file.jpg"], "is not a kind of file that convladder reads: give a folder"),
        (
            ["climb", "digits", "--rungs", "batchnorm"],
            "unknown rung 'batchnorm': did you mean 'batch-norm'",
        ),
        (["climb", "digits", "--rungs", ","], "--rungs names no rung"),
        (["climb", "digits", "--rungs", ""], "--rungs names no rung"),
        (["climb", ""], "the name of the data is empty"),
        (["climb", "pair", "--out", "pair/out"], "lies inside the images"),
        (["train", "pair", "--out", "pair"], "lies inside the images"),
        (
            ["climb", "digits", "--epochs", "2", "--set", "train.epochs=3"],
            "is given twice, by --set and by --epochs",
        ),
        (
            ["climb", "digits", "--set", "model.filters=(6, 16)"],
            "expected a list, such as [32, 64]",
        ),
        (["climb", "digits", "--image-size", "100000"], "less than or equal to 4096"),
        (["explain", "empty"], "is not a finished run"),
        (["explain", "empty", "--accuracy", "95"], "--accuracy must be between 0 and 1"),
        (["ladder", "--toml"], "--toml needs the name of a ladder"),
        (["ladder", "classic", "--channels", "2"], "--channels must be 1 (grey) or 3 (RGB)"),
        (["climb", "digits", "--ladder", "clasic"], "unknown ladder 'clasic'"),
        (["climb", "digits", "--set", "train.epoch=3"], "did you mean 'train.epochs'"),
        (["climb", "digits", "--set", "train.epochs"], "--set needs KEY=VALUE"),
        (["climb", "digits", "--set", "seed=3"], "--set cannot set seed: use --seed"),
        (
            ["climb", "digits", "--set", "train.epochs=-1"],
            "train.epochs: Input should be greater than 0",
        ),
        (["climb", "digits", "--set", "model.pooling=max"], "there would be nothing to compare"),
        (["climb", "digits", "--image-size", "huge"], "--image-size needs N or HEIGHTxWIDTH"),
        (
            ["climb", "digits", "--limit", "99", "--image-size", "12"],
            "the smallest size is 16x16",
        ),
        (["climb", "digits", "--out", "file.jpg"], "cannot write to file.jpg"),
        (["climb", "digits", "--class-weight", "heavy"], "train.class_weight"),
        (["train", "digits", "--rung", "nothing"], "unknown rung 'nothing'"),
        (["train", "digits", "--devices", "2"], "needs JAX: set KERAS_BACKEND=jax"),
        (["train", "digits", "--limit", "99", "--image-size", "7"], "the smallest size is 8x8"),
        (["evaluate", "empty"], "is not a finished run"),
        (["report", "empty"], "empty is not a finished run"),
        (["report", "nowhere"], "there is no folder nowhere"),
        (["ladder", "mine.toml"], "cannot read the ladder"),
        (["ladder", "mine.toml", "--toml"], "--toml prints a built-in ladder"),
    ],
)
def test_a_fault_is_one_line_and_status_2(
    words: list[str], said: str, make_folder: MakeFolder, tmp_path: Path
) -> None:
    make_folder({"cat": 5, "dog": 5}, at="pair")
    make_folder({"cat": 5}, at="single")
    make_folder({"cat": 5, "dog": 1}, at="lonely")
    make_folder({"cat": 5, "dog": 0}, at="hollow")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.jpg").touch()
    quiet = ["--quiet"] if words[0] in ("climb", "train", "evaluate") else []
    done = convladder_here(*words, *quiet, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "climbs").exists() or not list((tmp_path / "climbs").rglob("*.json"))


def test_a_wrong_option_is_status_2_without_traceback() -> None:
    done = convladder_here("climb", "digits", "--sedes", "3")
    assert done.returncode == 2
    assert "--seeds" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_notebook_ladder_is_printed_with_its_parameters() -> None:
    done = convladder_here("ladder", "notebook")
    assert done.returncode == 0
    assert done.stderr == ""
    found = [
        word
        for word in done.stdout.replace(",", "").split()
        if word.isdigit() and len(word) in (5, 6)
    ]
    expected = ["62006", "62006", "136886", "256830", "122334", "123230", "123230", "123230"]
    assert [number for number in found if number in expected] == expected
    assert "model.kernel_size = 3" in done.stdout


def test_ladders_are_listed_and_can_be_copied(tmp_path: Path) -> None:
    assert "notebook" in convladder_here("ladder").stdout
    text = convladder_here("ladder", "classic", "--toml").stdout
    (tmp_path / "mine.toml").write_text(text)
    assert "augmentation" in convladder_here("ladder", "mine.toml", cwd=tmp_path).stdout


def test_output_can_be_piped_into_a_reader_that_stops() -> None:
    command = f"{sys.executable} -m convladder ladder classic --toml | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("# The techniques")
    assert "Traceback" not in done.stderr


def test_a_rung_of_a_climb_is_told_from_its_runs(tmp_path: Path) -> None:
    from made_runs import make_run, share_right

    make_run(tmp_path / "lenet5/seed-0", right=share_right(0.5, 20, 0))
    done = convladder_here("explain", "lenet5", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "lenet5 is not a run, but it holds 1 run: give one of them, such as lenet5/seed-0"
        in done.stderr
    )
