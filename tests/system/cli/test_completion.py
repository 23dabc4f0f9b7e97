"""Completion by the shell: it installs into the home of who asks, and completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from limits import HANG

# a program of that name, as the completing script calls it
PROGRAM = f'#!/bin/sh\nexec {sys.executable} -m convladder "$@"\n'
TRY = """
source "$HOME/.bash_completions/convladder.sh"
COMP_WORDS=(convladder {words}); COMP_CWORD={place}; _convladder_completion convladder
echo "${{COMPREPLY[@]}}"
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def in_bash(home: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a bash whose home is this folder, so that convladder's parent is bash."""
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin/convladder").write_text(PROGRAM)
    (home / "bin/convladder").chmod(0o755)
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--norc", "-c", f"{script}\ntrue"],
        env=os.environ | {"HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install completion for the shell that is found to be running, in a home of its own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".bashrc").write_text("alias ll='ls -l'\n")
    done = in_bash(folder, f"{sys.executable} -m convladder --install-completion")
    assert "bash completion installed" in done.stdout, done.stderr
    return folder


def test_it_is_installed_beside_what_is_there(home: Path) -> None:
    startup = (home / ".bashrc").read_text()
    assert startup.startswith("alias ll='ls -l'\n")
    assert f"source '{home}/.bash_completions/convladder.sh'" in startup


@pytest.mark.parametrize(
    ("words", "place", "found"),
    [
        ("cl", 1, {"climb"}),
        ("climb --se", 2, {"--seeds", "--seed", "--set"}),
        ("bundle --as", 2, {"--as-seen"}),
    ],
)
def test_commands_and_options_are_completed(
    home: Path, words: str, place: int, found: set[str]
) -> None:
    done = in_bash(home, TRY.format(words=words, place=place))
    assert set(done.stdout.split()) == found, done.stderr


def test_the_script_can_be_shown(home: Path) -> None:
    done = in_bash(home, f"{sys.executable} -m convladder --show-completion")
    assert "complete -o default -F _convladder_completion convladder" in done.stdout
