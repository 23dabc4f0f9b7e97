"""Programs side by side: whose turn it is, what is compared, what each holds. Nothing is timed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from _harness import programs, results
from _harness.programs import Measured, Ratio, Row, Side, find_differences, measure_row, run

TELLS = """
import json, sys
print("noise")
print(json.dumps({"images": int(sys.argv[1]), "speed": float(sys.argv[2])}))
"""


def telling(name: str, images: int, speed: float) -> Side:
    return Side(name, "-c", (TELLS, str(images), str(speed)))


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
    monkeypatch.setattr(programs, "LIMIT", 0.2)
    for memory in (False, True):
        with pytest.raises(RuntimeError, match=r"took over 0\.2 s"):
            run(Side("sleeps", "-c", ("import time; time.sleep(60)",)), tmp_path, memory=memory)


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


def test_a_program_finds_what_the_benchmarks_share(tmp_path: Path) -> None:
    finds = "import json; from _harness import timed; print(json.dumps({'rounds': timed.ROUNDS}))"
    assert run(Side("finds", "-c", (finds,)), tmp_path)["rounds"] > 0


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

    monkeypatch.setattr(programs, "_watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(Side("sleeps", "-c", (sleeps,), together=2), tmp_path, memory=True)
    assert not any(psutil.pid_exists(int(path.stem)) for path in tmp_path.glob("*.pid"))


def test_a_side_that_was_not_run_has_no_ratio() -> None:
    assert Measured(Row("row", "work", (), ())).ratios(Ratio("r", ("a", "x"), ("b", "x"), 1)) == []
