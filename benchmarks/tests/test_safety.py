"""What kills trainings and climbs, and what prices checkpoints, at its smallest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import page
from _harness import imageset
from safety import kill, killed_climb, safety_price
from warm import WarmProcess


def start_warm(run: Path, fatal: float = float("inf")) -> WarmProcess:
    words = ["--train", str(run), "--fatal", str(fatal)]
    return WarmProcess(kill.main, words, kill.ENVIRONMENT)


def test_killed_trainings_come_out_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill, "start", start_warm)
    monkeypatch.setattr(kill, "COMMAND_KILLS", 1)
    monkeypatch.setattr(kill, "COMMAND_EPOCHS", 8)
    told = kill.measure(trainings=3, jobs=2, seed=1, folder=tmp_path)
    assert told["differences"] == []
    assert told["equal"] == 3
    assert told["kinds"][kill.WRITING] == 1
    assert told["kinds"][kill.COMMAND] >= 1
    assert told["orphans"] == 0
    assert told["went_on"] >= 1


def test_a_killed_climb_comes_out_equal(tmp_path: Path) -> None:
    killed_climb.main(
        [
            "--data",
            str(imageset.few(imageset.workspace())),
            "--rungs",
            "lenet5",
            "--seeds",
            "1",
            "--epochs",
            "1",
            "--kills",
            "1",
            "--seed",
            "1",  # of which the first moment is an early one
            "--out",
            str(tmp_path),
        ]
    )
    climb = json.loads((tmp_path / "killed-climb.json").read_text())
    assert (len(climb["kills"]), climb["trials"], climb["status"], climb["differences"]) == (
        1,
        1,
        0,
        [],
    )
    assert "|---|" in page.fill("<!-- table: killed-climb -->\n<!-- end -->", tmp_path)


@pytest.mark.usefixtures("in_this_process")
def test_checkpoints_and_determinism_are_priced(tmp_path: Path) -> None:
    safety_price.main(
        [
            "--data",
            "digits",
            "--images",
            "300",
            "--epochs",
            "2",
            "--rounds",
            "1",
            "--out",
            str(tmp_path),
        ]
    )
    price = json.loads((tmp_path / "safety-price.json").read_text())
    assert price["written"] >= 1
    assert price["checkpoints"]["median"] > 0
    assert "|---|" in page.fill("<!-- table: safety-price -->\n<!-- end -->", tmp_path)
