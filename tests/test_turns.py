from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import turns


def skipped(count: int, *name: str) -> list[bool]:
    """Return which of so many costly tests (of a name) are skipped, and at the end whether a cheap one is."""

    class Item(SimpleNamespace):
        def add_marker(self, marker: Any) -> None:
            assert turns.VARIABLE in marker.kwargs["reason"]
            self.skipped = True

    marker = SimpleNamespace(args=name)
    costly = [
        Item(nodeid=f"test_{place}@group", skipped=False, get_closest_marker=lambda name: marker)
        for place in range(count)
    ]
    cheap = Item(nodeid="cheap", skipped=False, get_closest_marker=lambda name: None)
    turns.skip_others([*costly, cheap])  # type: ignore[list-item]
    return [item.skipped for item in (*costly, cheap)]


def test_every_costly_test_has_one_turn_and_a_cheap_one_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    for turn in range(turns.TURNS):
        monkeypatch.setenv(turns.VARIABLE, str(turn))
        ran.append([not each for each in skipped(40)])
    assert [sum(each) for each in zip(*ran, strict=True)] == [1] * 40 + [turns.TURNS]
    monkeypatch.setenv(turns.VARIABLE, "all")
    assert not any(skipped(40))


def test_each_turn_has_about_as_many_tests_and_those_of_a_name_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(turns.VARIABLE, "1")
    assert abs(skipped(40).count(False) - 1 - 40 / turns.TURNS) < 1
    assert len(set(skipped(40, "cluster")[:-1])) == 1


def test_without_a_commit_all_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(turns.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    assert turns.chosen() is None
