"""What a person sees of images that are read, where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from convladder.report import progress
from convladder.report.progress import Reporter


def test_what_has_a_line_gets_one_when_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    with Reporter(Console(file=text, width=200)).counting() as show:
        monkeypatch.setattr(progress, "PLAIN_SECONDS", -1)
        show("reading images", 5, 20)
        monkeypatch.setattr(progress, "PLAIN_SECONDS", 1000)
        show("reading images", 10, 20)
        show("reading images", 20, 20)
        show("looking for copies", 20, 20)
    assert text.getvalue().splitlines() == [
        "reading images: 5 of 20",
        "reading images: 20 of 20",
    ]


def test_a_bar_ends_at_its_total() -> None:
    text = io.StringIO()
    console = Console(file=text, width=200, force_terminal=True)
    with Reporter(console).counting() as show:
        for done in (0, 7, 20):
            show("reading images", done, 20)
    *_, last = (line for line in text.getvalue().splitlines() if "reading images" in line)
    assert "20/20" in last
