"""Runs, climbs and searches of an earlier version open, report, compare, predict and resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import convladder as cl
from convladder.cli.main import app
from stored_runs import CLIMB, LONG, TRAIN, TUNE, unpack


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return unpack(tmp_path)


def command(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_a_run_opens_reports_and_predicts(stored: Path) -> None:
    run = cl.Run(stored / "run")
    assert run.metrics["test"]["accuracy"] == pytest.approx(22 / 24)
    assert run.report().stat().st_size > 10_000
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(stored / "picture.png")
    predicted = run.predict(stored / "picture.png")
    assert set(predicted["predicted"]) <= {"0", "1"}


def test_a_climb_opens_and_reports_the_same_figures(stored: Path) -> None:
    """Intervals and p-values are today's; whatever was measured is as it was."""
    before = pd.read_csv(stored / "climb" / "summary.csv")
    command("report", "climb")
    after = pd.read_csv(stored / "climb" / "summary.csv")
    judged = ("low", "high", "p_value", "p_corrected", "detectable", "verdict")
    measured = [name for name in before if not name.endswith(judged)]
    assert {"accuracy", "validation_accuracy", "parent_difference", "flops"} <= set(measured)
    pd.testing.assert_frame_equal(after[measured], before[measured])
    assert (stored / "climb" / "report.html").stat().st_size > 10_000
    assert list(cl.Climb(stored / "climb").table()["rung"]) == ["lenet5", "max-pooling"]


def test_a_search_opens_and_reports(stored: Path) -> None:
    command("report", "tune")
    assert (stored / "tune" / "report.html").stat().st_size > 10_000


def test_stored_trials_compare(stored: Path) -> None:
    trials = stored / "climb" / "trials"
    compared = cl.compare(trials / "lenet5", trials / "max-pooling")
    assert len(compared.table()) == 2


def test_a_stopped_run_resumes_after_its_first_epoch(stored: Path) -> None:
    before = pd.read_csv(stored / "stopped-run.unfinished" / "history.csv")
    said = command(*TRAIN, *LONG, "--out", "stopped-run", "--allow-changed")
    history = pd.read_csv(stored / "stopped-run" / "history.csv")
    assert len(history) == 120
    pd.testing.assert_frame_equal(history.head(len(before)), before)
    assert not (stored / "stopped-run.unfinished").exists(), said


def test_a_stopped_climb_keeps_what_was_trained(stored: Path) -> None:
    kept = stored / "stopped-climb" / "trials" / "lenet5" / "seed-0" / "history.csv"
    begun = stored / "stopped-climb" / "trials" / "max-pooling"
    finished = kept.read_bytes()
    before = pd.read_csv(begun / "seed-0.unfinished" / "history.csv")
    command(*CLIMB, *LONG, "--out", "stopped-climb", "--allow-changed")
    assert kept.read_bytes() == finished
    history = pd.read_csv(begun / "seed-0" / "history.csv")
    pd.testing.assert_frame_equal(history.head(len(before)), before)
    assert (begun / "seed-1" / "metrics.json").is_file()


def test_a_stopped_search_resumes(stored: Path) -> None:
    command(*TUNE, *LONG, "--out", "stopped-tune", "--allow-changed")
    assert len(pd.read_csv(stored / "stopped-tune" / "candidates.csv")) == 3
