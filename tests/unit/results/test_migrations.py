"""What earlier versions wrote is read as if this one had; what a newer one wrote is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convladder.core import files
from convladder.core.errors import RunError
from convladder.results import folders, migrations
from convladder.results.saved_climb import SavedClimb
from convladder.results.saved_run import SavedRun
from convladder.tuning.results import SearchResults
from stored_runs import unpack

Change = Callable[[dict[str, Any]], dict[str, Any]]
KINDS = [("run", "experiment.json"), ("climb", "climb.json"), ("tune", "tune.json")]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return unpack(tmp_path)


def as_before_numbers(about: dict[str, Any]) -> dict[str, Any]:
    """Return what a version would have written that knew neither backends nor versions of banks."""
    data = {key: value for key, value in about["data"].items() if not key.startswith("bank")}
    environment = {key: value for key, value in about["environment"].items() if key != "backend"}
    older = about | {"data": data, "environment": environment}
    del older["format"]
    return older


def opened(kind: str, folder: Path) -> dict[str, Any]:
    return {"run": SavedRun, "climb": SavedClimb, "tune": SearchResults}[kind](folder).about


def test_there_is_a_step_from_each_format_to_the_next() -> None:
    assert len(migrations.STEPS) == folders.FORMAT


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_what_has_no_number_yet_is_read_and_left_as_it_is(
    stored: Path, kind: str, name: str
) -> None:
    path = stored / kind / name
    today = files.read_json(path)
    files.write_json(path, as_before_numbers(today))
    written = path.read_bytes()
    about = opened(kind, stored / kind)
    assert about["format"] == folders.FORMAT
    assert about["environment"] == today["environment"] | {"backend": "tensorflow"}
    assert (about["data"]["bank"], about["data"]["bank_version"]) == ("", 0)
    assert path.read_bytes() == written


def test_each_time_that_a_run_was_resumed_is_brought_along(stored: Path) -> None:
    path = stored / "run" / "experiment.json"
    older = as_before_numbers(files.read_json(path))
    resumed = {"epoch": 1, "step": 0, "changed": [], "environment": older["environment"]}
    files.write_json(path, older | {"resumed": [resumed]})
    (again,) = SavedRun(stored / "run").about["resumed"]
    assert again["environment"]["backend"] == "tensorflow"


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_newer_format_is_refused_by_name(stored: Path, kind: str, name: str) -> None:
    path = stored / kind / name
    files.write_json(path, files.read_json(path) | {"format": folders.FORMAT + 1})
    with pytest.raises(
        RunError, match=rf"{kind} was written by a newer convladder .*: update convladder"
    ):
        opened(kind, stored / kind)


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "it is not a JSON object"),
        ({"format": "1"}, "its format is '1': expected a whole number"),
        ({"format": -1}, "its format is -1: expected a whole number"),
        ({"data": {}}, "it lacks 'environment'"),
        (
            {"environment": 3, "data": {}},
            "it holds something else than convladder writes",
        ),
    ],
)
def test_what_convladder_does_not_write_is_said_to_be_damaged(
    stored: Path, kind: str, name: str, content: Any, why: str
) -> None:
    path = stored / kind / name
    files.write_json(path, content)
    with pytest.raises(RunError) as raised:
        opened(kind, stored / kind)
    advice = "restore it from a copy, or train again"
    assert str(raised.value) == f"{path} is damaged ({why}): {advice}"


def test_a_file_that_cannot_be_read_is_not_called_damaged(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored / "run" / "experiment.json"

    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "read_json", refuse)
    with pytest.raises(RunError) as raised:
        opened("run", stored / "run")
    said = f"cannot read {path} (Permission denied): check its permissions and its disk"
    assert str(raised.value) == said
