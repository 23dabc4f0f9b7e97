"""What commands say at their end: what to do next, in words and as links, and when they do not."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from command_line import commands_said, convladder_here
from convladder.cli import output, steps_output
from convladder.cli.explanation_output import Wanted
from convladder.results.next_steps import NextStep
from convladder.results.saved_run import SavedRun
from made_runs import make_run, share_right


def in_terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 40) -> io.StringIO:
    """Let what is printed go to a terminal that has links; return what it gets."""
    for name in ("TERM", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=columns)
    monkeypatch.setattr(output, "output", console)
    monkeypatch.setattr(steps_output, "output", console)
    return stream


def test_a_report_is_a_link_in_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "a folder with a name that is longer than a line" / "report.html"
    stream = in_terminal(monkeypatch)
    output.print_report_path(page)
    assert f";{page.as_uri()}\x1b\\{page}\x1b]8;;" in stream.getvalue()
    assert stream.getvalue().startswith("report: ")
    assert stream.getvalue().count("\n") == 1, "it is one line, however long"


def test_a_relative_path_leads_to_the_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    link = output.link_to(Path("climbs/x/report.html")).link
    assert link == (tmp_path / "climbs/x/report.html").as_uri()


def test_a_link_from_another_machine_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    monkeypatch.setattr("socket.gethostname", lambda: "far")
    assert output.link_to(Path("/a/b.html")).link == "file://far/a/b.html"


def test_a_console_without_links_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    assert output.link_to(Path("/a/b.html")).link is None


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    long = f"convladder explain {'far/' * 60}run"
    steps_output.show([NextStep(long, "shows it")])
    output.print_report_path(Path("far/" * 60))
    said = capsys.readouterr().out
    assert said.splitlines()[:4] == ["", "next:", f"  {long}", "    shows it"]
    assert "\x1b" not in said
    assert said.splitlines()[4] == f"report: {Path('far/' * 60)}"


def test_only_paths_that_are_there_are_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my run").mkdir()
    stream = in_terminal(monkeypatch)
    command = f"convladder bundle '{tmp_path}/my run' -o new.convladder"
    steps_output.show([NextStep(command, "makes a file")])
    assert stream.getvalue().count("\x1b]8;id=") == 1
    assert (tmp_path / "my run").as_uri() in stream.getvalue()


def test_a_value_that_no_file_can_have_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    long = f"convladder climb images --classes {'x' * 5000}"
    steps_output.show([NextStep(long, "climbs")])
    assert long in capsys.readouterr().out


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        ("my env/bin/convladder", "'my env/bin/convladder' explain run"),
        ("/site-packages/convladder/__main__.py", "python -m convladder explain run"),
    ],
)
def test_a_program_that_the_shell_does_not_find_is_named_as_it_was_started(
    started: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", [started, "evaluate", "run"])
    monkeypatch.setenv("PATH", "")
    steps_output.show([NextStep("convladder explain run", "shows it")])
    assert f"\n  {shown}\n" in capsys.readouterr().out


def test_what_would_control_a_terminal_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    steps_output.show([NextStep("convladder explain 'a\x1b[2Jb'", "shows it")])
    assert "\x1b" not in capsys.readouterr().out


def test_nothing_is_said_where_nothing_makes_sense(capsys: pytest.CaptureFixture[str]) -> None:
    steps_output.show([])
    assert capsys.readouterr().out == ""


@pytest.fixture(autouse=True)
def found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the shell find convladder, wherever the tests run."""
    monkeypatch.setattr("sys.argv", ["convladder"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained") / "run"
    return make_run(place, right=share_right(0.7, 40, 0)).folder


def test_a_run_leads_to_its_mistakes_and_its_bundle(run: Path) -> None:
    done = convladder_here("evaluate", "run", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    assert commands_said(done.stdout) == [
        ["convladder", "explain", "run"],
        ["convladder", "bundle", "run", "-o", "pets-lenet5.convladder"],
    ]


def test_json_is_all_that_json_prints(run: Path) -> None:
    for words in (["evaluate", "run"], ["ladder"]):
        done = convladder_here(*words, "--json", cwd=run.parent)
        assert json.loads(done.stdout)


def test_an_explanation_leads_to_a_bundle_with_the_same_threshold(run: Path) -> None:
    explained = SavedRun(run)
    usual, *_ = steps_output.of_explanation(explained, Wanted(accuracy=0.95, coverage=0.95))
    assert usual.command == f"convladder bundle {run} -o pets-lenet5.convladder"
    asked, other = steps_output.of_explanation(explained, Wanted(accuracy=0.8, coverage=0.9))
    assert asked.command == f"{usual.command} --accuracy 0.8 --coverage 0.9"
    assert other.command == f"convladder evaluate {run} --data path/to/new/images"


def test_a_bundle_leads_to_its_uses() -> None:
    steps = steps_output.of_bundle(Path("my cats.convladder"), Path("run"))
    commands = [shlex.split(step.command)[1:3] for step in steps]
    assert commands == [
        ["predict", "my cats.convladder"],
        ["serve", "my cats.convladder"],
        ["export", "run"],
    ]


def test_ladders_lead_to_a_climb(tmp_path: Path) -> None:
    done = convladder_here("ladder", cwd=tmp_path)
    assert commands_said(done.stdout) == [["convladder", "ladder", "classic"]]
    built_in = [step.command for step in steps_output.of_ladder("transfer")]
    assert built_in == [
        "convladder climb path/to/images --ladder transfer --pretrained MobileNetV2",
        "convladder ladder transfer --toml > mine.toml",
    ]
    own = [step.command for step in steps_output.of_ladder("my own.toml")]
    assert own == ["convladder climb path/to/images --ladder 'my own.toml'"]


def test_only_a_network_that_comes_out_the_same_leads_on(run: Path) -> None:
    assert steps_output.of_reproduction(run, equal=False) == []
    (step,) = steps_output.of_reproduction(run, equal=True)
    assert step.command.startswith("convladder bundle ")
