"""What `--help` shows: groups, panels, the names of values, and examples that can be copied."""

from __future__ import annotations

import functools
import os
import shlex
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from typer.main import get_command

from command_line import convladder_here
from convladder.cli import panels, values
from convladder.cli.main import app

GROUP: Any = get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
EXAMPLES = [
    (name, example) for name, each in COMMANDS.items() for example in each.epilog.splitlines()
]
TYPES = ("TEXT", "INTEGER", "FLOAT", "PATH ", "BOOLEAN", "<str>", "<int", "<bool>", "<path>", "x>=")


@functools.cache
def help_of(*words: str, columns: int = 80) -> list[str]:
    with mock.patch.dict(os.environ, COLUMNS=str(columns)):
        return convladder_here(*words, "--help").stdout.splitlines()


def titles(lines: list[str]) -> list[str]:
    return [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]


def options_of(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "option"]


def test_commands_stand_in_groups_each_on_a_line() -> None:
    lines = help_of()
    assert titles(lines) == [*panels.GROUPS, "Options"]
    for name, command in COMMANDS.items():
        first = command.help.partition("\n\n")[0]
        assert any(line.startswith(f"│ {name} ") and first in line for line in lines), name


def test_the_groups_hold_what_a_person_looks_for_there() -> None:
    found = {
        group: [name for name, each in COMMANDS.items() if each.rich_help_panel == group]
        for group in panels.GROUPS
    }
    assert found["Start"] == ["check", "climb", "train"]
    assert found["Keep"] == ["reproduce", "cache", "watch"]
    assert found["Use"] == ["bundle", "predict", "serve", "export"]
    assert {name for names in found.values() for name in names} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_few_options_come_first(name: str) -> None:
    order = ["Arguments", *panels.PANELS]
    found = titles(help_of(name))
    assert found == [title for title in order if title in found]
    first = [each for each in options_of(COMMANDS[name]) if panels.panel_of(each.name) == "Options"]
    assert len(first) <= 7


def test_the_first_six_options_of_a_climb() -> None:
    lines = help_of("climb", columns=200)
    start = next(number for number, line in enumerate(lines) if line.startswith("╭─ Options"))
    found = [line.split()[1] for line in lines[start + 1 : start + 8]]
    assert found == ["--rungs", "--time", "--epochs", "--limit", "--pretrained", "--out", "--help,"]


def test_every_option_has_a_panel_and_every_panel_its_options() -> None:
    given = {each.name for command in COMMANDS.values() for each in options_of(command)}
    placed = [name for names in panels.PANELS.values() for name in names.split()]
    assert len(placed) == len(set(placed))
    assert given == set(placed)


@pytest.mark.parametrize("name", ["", *COMMANDS])
@pytest.mark.parametrize("columns", [80, 120])
def test_no_type_of_python_is_shown(name: str, columns: int) -> None:
    text = "\n".join(help_of(*filter(None, [name]), columns=columns))
    assert [each for each in TYPES if each in text] == []
    assert all(len(line) <= columns for line in text.splitlines())


def test_every_word_in_capitals_is_explained_and_used() -> None:
    used = {
        word
        for command in COMMANDS.values()
        for each in command.params
        if not getattr(each, "is_flag", False)
        for word in values.words_in(each.metavar)
    }
    assert used == set(values.VALUES)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda each: each)
def test_an_example_stands_on_its_own_line(name: str, example: str) -> None:
    for columns in (40, 80):
        lines = help_of(name, columns=columns)
        assert example in [line.strip() for line in lines[lines.index(" Examples:") :]]
    assert len(example) <= 77, "it would be broken by a terminal of 80 columns"


@pytest.mark.parametrize(
    ("name", "example"),
    [*EXAMPLES, *(("", line) for line in GROUP.epilog.splitlines())],
    ids=lambda each: each,
)
def test_an_example_is_a_command_with_options_that_exist(name: str, example: str) -> None:
    words = shlex.split(example.rpartition("| ")[2].partition(" >")[0])
    assert words[0] == "convladder"
    assert words[1] == name or not name
    command = COMMANDS[words[1]]
    known = {option for each in command.params for option in each.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_options_that_must_be_given_are_in_the_usage() -> None:
    lines = help_of("export")
    assert lines[1].strip() == "Usage: convladder export BUNDLE --format FORMAT [OPTIONS]"
    assert any("required" in line for line in lines)


def test_the_defaults_and_the_environment_are_told() -> None:
    text = "\n".join(help_of("train", columns=200))
    assert "(default: 1, or set CONVLADDER_PROCESSES)" in text
    assert "(default: 0.95)" in "\n".join(help_of("explain", columns=200))


def test_the_program_alone_says_what_to_do_first(tmp_path: Path) -> None:
    done = convladder_here(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if line]
    assert 3 <= len(lines) <= 6
    assert all(len(line) <= 80 for line in lines)
    for first in ("convladder climb digits", "convladder check path", "convladder --help"):
        assert any(first in line for line in lines)
