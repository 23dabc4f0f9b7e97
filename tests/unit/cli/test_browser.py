"""--open: a page in a browser, and a word where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from convladder.cli import browser
from convladder.cli.main import app

WITH_PAGES = ("climb", "train", "tune", "report", "compare", "check")


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in browser.SCREENS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")


def test_a_page_is_opened_by_its_address(tmp_path: Path) -> None:
    opened: list[str] = []
    browser.show(tmp_path / "a climb" / "live.html", lambda url: not opened.append(url))
    assert opened == [f"{tmp_path.as_uri()}/a%20climb/live.html"]


@pytest.mark.parametrize(
    ("page", "hint"),
    [
        ("live.html", "another machine: convladder watch c"),
        ("report.html", "convladder watch c"),
        ("check.html", ""),
    ],
)
def test_where_there_is_no_browser_that_is_said(
    page: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    browser.show(Path("c") / page, lambda url: False)
    said = capsys.readouterr().err
    assert said.startswith(f"no browser was found here to open c/{page}")
    assert hint in said
    assert ("watch" in said) == bool(hint)


def test_no_browser_is_started_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY")
    opened: list[str] = []
    browser.show(Path("c/live.html"), lambda url: not opened.append(url))
    assert opened == []
    assert "no browser was found here" in capsys.readouterr().err


def test_one_page_is_opened_and_only_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Path] = []
    monkeypatch.setattr(browser, "show", shown.append)
    live, report = Path("c/live.html"), Path("c/report.html")
    for wanted in (False, True):
        opener = browser.Opener(wanted)
        assert [opener(live), opener(report)] == [live, report]
    assert shown == [live]


def test_every_command_that_writes_a_page_can_open_it() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    can = {
        name
        for name, command in commands.items()
        if any("--open" in parameter.opts for parameter in command.params)
    }
    assert can == set(WITH_PAGES)
