"""The table of formats: each has what makes it, an example, and its place in help and docs."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

import convladder as cl
from convladder.cli.main import app
from convladder.deploy.examples import EXAMPLES, example
from convladder.deploy.formats import FORMATS, IN_INT8
from convladder.deploy.runtimes import RUNTIMES


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_made_shown_and_documented(name: str) -> None:
    assert name in RUNTIMES
    assert FORMATS[name].file in example(name)
    page = (Path(__file__).parents[3] / "docs/shipping.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in page
    assert f"`{name}`" in inspect.getdoc(cl.export)


def test_there_are_no_others() -> None:
    assert set(RUNTIMES) == set(EXAMPLES) == set(FORMATS)


def test_help_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = CliRunner().invoke(app, ["export", "--help"]).output
    assert "onnx, litert, savedmodel or keras" in told
    assert f"({', '.join(IN_INT8)})" in told
