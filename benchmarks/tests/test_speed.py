"""The rows of `make bench`, at their smallest; what is kept and published of them."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

import in_process
import page
from _harness import imageset, results
from kept_workers import kept_workers
from speed import bench, live_page, precision
from speed.rows import ROWS, SIZES


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `make bench` keeps, with every row at its smallest."""
    out = tmp_path_factory.mktemp("measured")
    with in_process.everything():
        bench.main(["--size", "smallest", "--out", str(out)])
    return out


@pytest.mark.parametrize("name", ROWS)
def test_every_row_runs_at_its_smallest_and_does_the_same_work(name: str, measured: Path) -> None:
    summary = json.loads((measured / f"{name}.json").read_text())
    assert summary["differences"] == []
    ratios = [ratio for ratio in summary["ratios"] if ratio["rounds"]]
    assert ratios
    assert all(ratio["median"] > 0 for ratio in ratios)


@pytest.mark.usefixtures("in_this_process")
def test_precision_compares_each_rung_in_both(tmp_path: Path) -> None:
    precision.main(["--smallest", "--out", str(tmp_path)])
    (told,) = json.loads((tmp_path / "precision.json").read_text())["rungs"]
    assert told["rung"] == "lenet5"
    assert told["speed"] > 0


def test_the_price_of_the_live_page_is_measured(tmp_path: Path) -> None:
    few = str(imageset.few(imageset.workspace()))
    words = ["--data", few, "--rounds", "1", "--epochs", "1", "--seeds", "1", "--jobs", "1"]
    with kept_workers():
        live_page.main([*words, "--out", str(tmp_path)])
    told = json.loads((tmp_path / "live-page.json").read_text())
    assert told["trials"] == len(live_page.RUNGS)
    assert told["pages"] >= 2
    assert 0 < told["share"]["median"] < 1
    assert told["ratio"]["median"] > 0
    assert "|---|" in page.fill("<!-- table: live-page -->\n<!-- end -->", tmp_path)


def test_a_larger_size_is_not_replaced_by_a_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write_json(tmp_path / "trial.json", {"size": "full"})
    measured = [{"size": "usual", "ratios": [], "row": "trial", "work": "", "differences": []}]
    monkeypatch.setattr(bench, "measure", lambda *given: iter(measured))
    asked = argparse.Namespace(size="usual")
    assert bench.keep("trial", asked, tmp_path, tmp_path) == measured[0]
    assert results.size_of(tmp_path / "trial.json") == "full"
    bench.keep("climb", asked, tmp_path, tmp_path)
    assert results.size_of(tmp_path / "climb.json") == "usual"


def test_what_was_measured_is_what_is_measured_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imageset, "photographs", lambda workspace, count: workspace)
    for name, make in ROWS.items():
        told = json.loads((results.RESULTS / f"{name}.json").read_text())
        row = make(replace(SIZES[told["size"]], images=lambda workspace: workspace), tmp_path)
        assert (told["work"], told["kind"]) == (row.work, row.kind), (
            f"make bench ONLY={name} measures it anew"
        )
        assert [ratio["name"] for ratio in told["ratios"]] == [ratio.name for ratio in row.ratios]


def test_nothing_is_published_of_the_smallest_size(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["trial", "--size", "smallest"])
    assert "give another --out" in capsys.readouterr().err


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["trail"])
    assert "unknown row trail" in capsys.readouterr().err
