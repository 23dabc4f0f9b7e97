"""The benchmarks run, at their smallest, and compare what they say that they compare. Nothing here
is timed.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import accelerator
import bench
import growth
import hour
import killed_climb
import load
import modern
import page
import parity
import precision
import safety_price
import tables
import transfer
from speed import harness, imageset, results
from speed.harness import Measured, Ratio, Row, Side, find_differences, measure_row, run
from speed.rows import ROWS, SIZES

TELLS = """
import json, sys
print("noise")
print(json.dumps({"images": int(sys.argv[1]), "speed": float(sys.argv[2])}))
"""


def telling(name: str, images: int, speed: float) -> Side:
    return Side(name, "-c", (TELLS, str(images), str(speed)))


@pytest.mark.parametrize("name", ROWS)
def test_every_row_runs_at_its_smallest_and_does_the_same_work(name: str, tmp_path: Path) -> None:
    bench.main([name, "--size", "smallest", "--out", str(tmp_path)])
    summary = json.loads((tmp_path / f"{name}.json").read_text())
    assert summary["differences"] == []
    measured = [ratio for ratio in summary["ratios"] if ratio["rounds"]]
    assert measured
    assert all(ratio["median"] > 0 for ratio in measured)


def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    growth.main(["--images", "200", "--jobs", "1", "--trials", "1", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "growth.json").read_text())
    assert [each["what"] for each in told["images"]] == ["bank", "trial", "climb"]
    assert all(each["peak_bytes"] > 0 for each in told["images"] + told["jobs"])
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_precision_compares_each_rung_in_both(tmp_path: Path) -> None:
    precision.main(["--smallest", "--out", str(tmp_path)])
    (told,) = json.loads((tmp_path / "precision.json").read_text())["rungs"]
    assert told["rung"] == "lenet5"
    assert told["speed"] > 0


def test_the_modern_ladder_is_measured_against_the_notebook(tmp_path: Path) -> None:
    modern.main(["--smallest", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "modern.json").read_text())
    assert [each["rung"] for each in told["rungs"]] == ["classic-top", "cosine"]
    assert [each["rung"] for each in told["notebook"]] == ["dropout-conv"]
    assert all(len(each["curve"]) == 2 for each in told["rungs"])
    assert (tmp_path / "modern.png").stat().st_size > 10_000
    assert "| cosine | classic-top | " in page.fill(
        "<!-- table: modern -->\n<!-- end -->", tmp_path
    )


def test_the_best_of_an_hour_is_measured_against_the_notebook(tmp_path: Path) -> None:
    hour.main(["--smallest", "--minutes", "0", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "hour.json").read_text())
    assert len(told["best"]["curve"]) == told["best"]["epochs"] == 1
    gained = told["best"]["accuracy"] - told["notebook"]["accuracy"]
    assert told["difference"]["difference"] == pytest.approx(gained)
    assert (tmp_path / "hour.png").stat().st_size > 10_000
    assert "| difference | " in page.fill("<!-- table: hour -->\n<!-- end -->", tmp_path)


def test_what_is_safe_is_killed_and_priced(tmp_path: Path) -> None:
    killed_climb.main(
        [
            "--data",
            "digits",
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
    for name in ("killed-climb", "safety-price"):
        assert "|---|" in page.fill(f"<!-- table: {name} -->\n<!-- end -->", tmp_path)


def test_the_server_is_loaded_beside_keras(tmp_path: Path) -> None:
    load.main(["--smallest", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "load.json").read_text())["servers"]
    assert list(told) == [load.OURS, load.PEER]
    assert all(
        each["answers_per_second"] > 0
        for server in told.values()
        for each in server["closed"].values()
    )
    assert "| convladder | 64 |" in page.fill("<!-- table: load -->\n<!-- end -->", tmp_path)


def test_parity_is_measured_of_a_trained_network_and_of_a_family(tmp_path: Path) -> None:
    networks = ["classic/lenet5", "MobileNetV3Small"]
    parity.main(["--smallest", "--out", str(tmp_path), "--only", *networks])
    told = json.loads((tmp_path / "parity.json").read_text())["networks"]
    assert [len(told[name]) for name in networks] == [6, 4]
    assert all(each["holds"] for rows in told.values() for each in rows)
    assert "| classic/lenet5 |" in page.fill("<!-- table: parity -->\n<!-- end -->", tmp_path)


def test_an_accelerator_is_measured_beside_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # as it will be, and is put back
    accelerator.main(["--smallest", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "accelerator.json").read_text())
    sides = told["trainings"][0]["sides"]
    assert {"accelerator", "processor"} <= sides.keys()
    assert all(side["images_per_second"] > 0 for side in sides.values())
    assert told["climbs"][0]["seconds"] > 0
    told["climbs"].append({"where": "accelerator", "jobs": 9, "failed": "memory ran out"})
    (tmp_path / "accelerator.json").write_text(json.dumps(told))
    assert "| on the accelerator | 9 | **fails**: memory ran out |" in tables.of_accelerator(
        tmp_path
    )


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


def test_the_page_holds_what_was_measured() -> None:
    texts = [path.read_text(encoding="utf-8") for path in page.PAGES]
    assert [page.fill(text, results.RESULTS) for text in texts] == texts, (
        "python benchmarks/page.py makes it anew"
    )
    by_hand = re.sub(r"<!-- table.*?<!-- end -->", "", texts[0], flags=re.DOTALL)
    assert [name for name in ROWS if f"**{name}**" not in by_hand] == [], (
        "what limits it is not said"
    )
    assert all(f"<!-- table: {name} -->" in "".join(texts) for name in tables.MAKERS)


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    for name, command in (("growth", "make bench ONLY=growth"), ("kills", "make safety")):
        said = page.fill(f"<!-- table: {name} -->\n<!-- end -->", tmp_path)
        assert f"Not measured yet (`{command}`)" in said


def test_sides_take_turns_and_ratios_are_of_one_round(tmp_path: Path) -> None:
    said: list[str] = []
    ratio = Ratio("b over a", ("b", "speed"), ("a", "speed"), wanted=2)
    row = Row(
        "row",
        "work",
        (telling("a", 5, 2.0), telling("b", 5, 3.0)),
        (ratio,),
        rounds=3,
        same=("images",),
    )
    (*_, measured) = measure_row(row, tmp_path, said.append)
    assert [line.split(":")[0].strip() for line in said] == ["a", "b", "b", "a", "a", "b"]
    assert measured.ratios(ratio) == [1.5] * 3
    summary = results.summarise(measured, "usual")
    assert summary["ratios"] == [
        {"name": "b over a", "wanted": 2, "rounds": 3, "median": 1.5, "low": 1.5, "high": 1.5}
    ]
    assert (
        "| **row**: work | b over a | 1.50 | 1.50 to 1.50 (3) | 2 | not reached |"
        in results.as_table([summary])
    )


def test_a_ratio_to_one_that_gave_up_is_a_bound(tmp_path: Path) -> None:
    gave_up = 'print(\'{"speed": 12, "accuracy": 0.4, "gave_up": true}\')'
    reached = 'print(\'{"speed": 2, "accuracy": 0.7}\')'
    ratio = Ratio("b", ("b", "speed"), ("a", "speed"), wanted=3)
    sides = (Side("a", "-c", (reached,)), Side("b", "-c", (gave_up,)))
    row = Row("row", "work", sides, (ratio,), rounds=2, same=(), at_least=0.7)
    (*_, measured) = measure_row(row, tmp_path, lambda said: None)
    summary = results.summarise(measured, "full")
    assert (summary["ratios"][0]["bounds"], summary["differences"]) == (2, [])
    assert "| at least 6.00 | (2) | 3 | reached |" in results.as_table([summary])


def test_rounds_may_be_measured_at_several_times(tmp_path: Path) -> None:
    ratio = Ratio("b over a", ("b", "speed"), ("a", "speed"))
    row = Row(
        "row",
        "work",
        (telling("a", 5, 2.0), telling("b", 5, 3.0)),
        (ratio,),
        rounds=2,
        same=("images",),
    )
    (*_, measured) = measure_row(row, tmp_path, [].append)
    first = results.summarise(measured, "full")
    results.write_json(tmp_path / "row.json", first)
    assert (
        results.read_earlier(tmp_path / "row.json", replace(row, work="other work"), "full") is None
    )
    assert results.read_earlier(tmp_path / "row.json", row, "usual") is None
    earlier, said = results.read_earlier(tmp_path / "row.json", row, "full"), list[str]()
    assert earlier == first
    (*_, measured) = measure_row(replace(row, rounds=3), tmp_path, said.append, earlier["rounds"])
    assert len(said) == 2  # both sides of the third round
    summary = results.summarise(measured, "full", earlier)
    assert summary["ratios"][0]["rounds"] == 3
    assert [each["rounds"] for each in summary["earlier"]] == [2]
    assert "; 2 rounds before that: " in results.as_line(summary)


def test_other_work_and_other_accuracy_are_said() -> None:
    row = Row(
        "row",
        "work",
        (telling("a", 5, 1), telling("b", 5, 1)),
        (),
        same=("images",),
        accuracy_within=0.05,
    )
    alike = [{"a": {"images": 5, "accuracy": 0.5}, "b": {"images": 5, "accuracy": 0.54}}]
    assert find_differences(row, alike) == []
    unlike = [{"a": {"images": 5, "accuracy": 0.5}, "b": {"images": 6, "accuracy": 0.6}}]
    assert find_differences(row, unlike) == ["images: a 5, b 6", "accuracy: a 0.500, b 0.600"]


def test_what_a_side_does_not_tell_and_what_it_does_not_reach_is_said() -> None:
    row = Row(
        "row", "work", (telling("a", 5, 1), telling("b", 5, 1)), (), same=("images",), at_least=0.5
    )
    rounds = [
        {"a": {"images": 5, "accuracy": 0.9}, "b": {"accuracy": 0.6}},
        {"a": {"images": 5, "accuracy": 0.4}},
    ]
    assert find_differences(row, rounds) == [
        "images: a 5, b not told",
        "accuracy: a did not reach 0.5",
    ]
    silent = [{"a": {"images": 5}, "b": {"images": 5, "accuracy": 0.6}}]
    assert find_differences(row, silent) == ["accuracy: a not told"]


def test_a_program_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "LIMIT", 0.2)
    for memory in (False, True):
        with pytest.raises(RuntimeError, match=r"took over 0\.2 s"):
            run(Side("sleeps", "-c", ("import time; time.sleep(60)",)), tmp_path, memory=memory)


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


def test_a_side_whose_library_is_missing_is_left_out_and_one_that_fails_is_not(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    absent = Side("absent", "-c", ("print()",), needs="no_such_library")
    ratio = Ratio("ratio", ("absent", "seconds"), ("a", "seconds"), wanted=1)
    (*_, measured) = measure_row(
        Row("row", "work", (telling("a", 5, 1), absent), (ratio,)), tmp_path, said.append
    )
    assert "absent: left out, no_such_library is missing" in said[0]
    assert "not run" in results.as_table([results.summarise(measured, "usual")])
    with pytest.raises(RuntimeError, match="no_such_library"):
        run(Side("broken", "-c", ("import no_such_library",)), tmp_path)


def test_memory_of_programs_together_is_counted(tmp_path: Path) -> None:
    holds = (
        "import time; held = bytearray(200_000_000); held[::4096] = b'x' * len(held[::4096]); "
        "time.sleep(1)"
    )
    two = run(Side("holds", "-c", (holds,), together=2), tmp_path, memory=True)
    assert 400e6 < two["peak_bytes"] < 600e6


def test_trainings_that_are_not_made_count_as_the_second_that_was(tmp_path: Path) -> None:
    tells = "import sys; assert sys.argv[1:] == ['--seeds', '2']; print('{\"each\": [9, 100]}')"
    assert 300 < run(Side("tells", "-c", (tells,), times=5), tmp_path)["seconds"] < 310


def test_no_program_outlives_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = "import os, pathlib, time; pathlib.Path(f'{os.getpid()}.pid').touch(); time.sleep(60)"

    def interrupt(processes: Any, deadline: float) -> int:
        while len(list(tmp_path.glob("*.pid"))) < 2:
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "_watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(Side("sleeps", "-c", (sleeps,), together=2), tmp_path, memory=True)
    assert not any(psutil.pid_exists(int(path.stem)) for path in tmp_path.glob("*.pid"))


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


def test_a_side_that_was_not_run_has_no_ratio() -> None:
    assert Measured(Row("row", "work", (), ())).ratios(Ratio("r", ("a", "x"), ("b", "x"), 1)) == []
