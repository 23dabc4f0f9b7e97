"""What tells what techniques, searches and borrowed weights bring, at its smallest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convladder as cl
import page
from _harness import results
from accuracy import hour, modern, transfer, tuned

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_the_modern_ladder_is_measured_against_the_notebook(tmp_path: Path) -> None:
    modern.main(["--smallest", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "modern.json").read_text())
    assert [each["rung"] for each in told["rungs"]] == ["classic-top", "cosine"]
    assert [each["rung"] for each in told["notebook"]] == ["dropout-conv"]
    assert all(len(each["curve"]) == 2 for each in told["rungs"])
    assert (tmp_path / "modern.png").stat().st_size > 10_000
    assert [each["parent"] for each in told["rungs"]] == [None, "classic-top"]
    assert "| cosine | 1 | " in page.fill("<!-- table: modern -->\n<!-- end -->", tmp_path)


def test_the_best_of_an_hour_is_measured_against_the_notebook(tmp_path: Path) -> None:
    hour.main(["--smallest", "--minutes", "0", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "hour.json").read_text())
    assert len(told["best"]["curve"]) == told["best"]["epochs"] == 1
    gained = told["best"]["accuracy"] - told["notebook"]["accuracy"]
    assert told["difference"]["difference"] == pytest.approx(gained)
    assert (tmp_path / "hour.png").stat().st_size > 10_000
    assert "| difference | " in page.fill("<!-- table: hour -->\n<!-- end -->", tmp_path)


def test_transfer_is_measured_and_drawn(tmp_path: Path) -> None:
    transfer.main(["--size", "smallest", "--jobs", "1", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / "transfer.json").read_text())["rows"]
    assert [row["rung"] for row in rows] == list(transfer.RUNGS)
    assert all(
        len(row["each"]) == 1 and 0 <= row["low"] <= row["mean"] <= row["high"] <= 1 for row in rows
    )
    assert (tmp_path / "transfer.png").stat().st_size > 10_000
    assert "| 8 | transfer-frozen |" in page.fill(
        "<!-- table: transfer -->\n<!-- end -->", tmp_path
    )


def test_what_a_search_was_worth_can_be_published(tmp_path: Path) -> None:
    """The default learns nothing, so the other candidate is better."""
    found = cl.tune(
        "digits",
        "lenet5",
        space={"train.learning_rate": [1e-9, 3e-3]},
        trials=2,
        epochs=2,
        seeds=2,
        changes={"data.limit": 200, "train.learning_rate": 1e-9},
        jobs=1,
        out=tmp_path / "tuned",
        quiet=True,
    )
    told = tuned.describe(found) | {"epochs": 2, **results.circumstances()}
    results.write_json(tmp_path / "tuned.json", told)
    said = " ".join(page.fill("<!-- table: tuned -->\n<!-- end -->", tmp_path).split())
    assert found.headline() in said
    assert found.climb is not None
    assert f": {found.climb.against_parent[0].difference.verdict} | | | |" in said
