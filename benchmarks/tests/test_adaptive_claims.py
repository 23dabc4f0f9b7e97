"""What simulates climbs that look several times runs through, and they save trials."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from claims import adaptive_claims
from claims.adaptive_claims import DESIGNS, Simulated
from claims.false_claims import FAMILY, Setting

SMALL = Simulated(Setting("270 images, accuracy 0.97", adaptive_claims.MOST, 0.5))


def test_climbs_that_choose_are_rarely_wrong_and_take_fewer_trials() -> None:
    """Of 40 climbs 6 or more have a chance of 1 % at 5 %."""
    designs = {name: DESIGNS[name] for name in ("fixed 12", "adaptive")}
    fixed, adaptive = adaptive_claims.measure([SMALL], designs, climbs=40)
    false = [value for told, value in adaptive.means.items() if told.startswith("false")]
    assert max(false) <= 5 / 40
    assert adaptive.means["covers, null"] >= 0.93
    assert adaptive.means["all, null"] >= 0.87
    assert adaptive.means["rungs"] >= 0.93
    assert fixed.means["trials, mixed"] == 9 * 12
    assert adaptive.means["trials, null"] < adaptive.means["trials, mixed"] < 70
    assert adaptive.means["finds, 4"] > 0.9
    assert adaptive.means["finds, mixed"] > 0.75 * fixed.means["finds, mixed"]


def test_every_design_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    small = Simulated(SMALL.setting, margin=0.01)
    rows = adaptive_claims.measure([small], DESIGNS, climbs=1)
    assert [row.design for row in rows] == list(DESIGNS)
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(DESIGNS)
    assert all(0 <= value <= 180 for row in rows for value in row.means.values())
    assert rows[0].means["trials, null"] == 45
    assert "falsely equal, at the margin" in rows[0].means


def test_looks_share_no_more_than_there_is() -> None:
    for design in DESIGNS.values():
        counts, shares = zip(*design.looks, strict=True)
        assert list(counts) == sorted(counts)
        assert max(counts) <= adaptive_claims.MOST
        assert len(shares) == len(design.counts) + len(design.further)


def test_what_is_found_is_what_the_statistics_find() -> None:
    ladders = adaptive_claims.draw_ladders(SMALL, np.random.default_rng(0))
    ladder = ladders["mixed"]
    cut = ladder.tables.cut(dict.fromkeys(ladder.gains, 5))
    moved = {name: table + ladder.gains[name] for name, table in cut.items()}
    expected = adaptive_claims.statistics.find_each(moved, FAMILY)
    for again in range(2):
        found = ladder.find(cut, FAMILY)
        for own, other in zip(found, expected, strict=True):
            assert own.difference == pytest.approx(other.difference), again
            assert own.p_value == pytest.approx(other.p_value)
    assert [ladder.truth(each) for each in FAMILY[:3]] == pytest.approx([0.02, 0, 0.04])


def test_seeds_with_heavy_tails_have_another_accuracy() -> None:
    population = adaptive_claims.DATA["1,670 images, accuracy 0.58"]
    exact = adaptive_claims.expected_accuracy(population, 1.0, False)
    heavy = adaptive_claims.expected_accuracy(population, 1.0, True)
    assert exact == 0.58
    assert heavy == pytest.approx(0.58, abs=0.001)
    assert heavy != exact


def test_rows_of_other_settings_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive_claims.results, "RESULTS", tmp_path)
    first, second, anew = (
        adaptive_claims.Row("data", spread, "adaptive", {"rungs": value})
        for spread, value in (("equal", 0.1), ("tenfold", 0.2), ("equal", 0.3))
    )
    for rows, climbs, expected in (
        ([first, second], 10, [0.1, 0.2]),
        ([anew], 10, [0.3, 0.2]),
        ([first], 20, [0.1]),
    ):
        adaptive_claims.keep(rows, climbs)
        told = json.loads((tmp_path / "adaptive.json").read_text())
        assert [each["means"]["rungs"] for each in told["rows"]] == expected
        assert told["climbs"] == climbs
