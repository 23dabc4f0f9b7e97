"""One table of groups, wherever it is shown: in Python, on a page and in a terminal."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

import convladder as cl
from convladder.cli import results_output
from convladder.core.ladder import load_ladder
from convladder.results import standings
from convladder.results.folders import TrialKey
from made_runs import make_climb, share_right

HEADINGS = ["test accuracy", "95 % interval", "seeds"]
PRICES = ["parameters", "FLOPs", "training ms / image", "size"]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> cl.Climb:
    ladder = load_ladder("classic").part(["lenet5", "max-pooling"])
    right = {
        TrialKey(rung.name, seed): share_right(0.6 + 0.3 * place, 200, seed)
        for place, rung in enumerate(ladder.rungs)
        for seed in range(3)
    }
    return cl.Climb(make_climb(tmp_path_factory.mktemp("climb"), right, ladder))


def test_the_table_has_accuracy_difference_and_price(climbed: cl.Climb) -> None:
    table = climbed.table()
    against = ["against its parent, points", "interval", "verdict"]
    assert list(table) == ["rung", *HEADINGS, *against, *PRICES]
    assert table["verdict"].tolist() == ["", "better"]
    assert table.loc[0, "test accuracy"].endswith(" %")


def test_the_page_shows_the_same_figures(climbed: cl.Climb) -> None:
    page = html.unescape(climbed.report().read_text(encoding="utf-8"))
    _, _, cost = page.partition("<h2>Cost</h2>")
    rows = [re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", row) for row in cost.split("</tr>")[:3]]
    table = climbed.table()[["rung", *HEADINGS, *PRICES]]
    assert rows == [list(table), *table.to_numpy().tolist()]


def test_a_terminal_shows_what_there_is_room_for(
    climbed: cl.Climb, capsys: pytest.CaptureFixture[str]
) -> None:
    results_output.climb(climbed, Path("report.html"), json_wanted=False)
    shown = capsys.readouterr().out.splitlines()[:3]
    table = climbed.table()
    brief = ["rung", "test accuracy", "95 % interval", "verdict", "parameters", "FLOPs"]
    for line, row in zip(shown, [brief, *table[brief].to_numpy().tolist()], strict=True):
        assert all(text in line for text in row), line
    assert "seeds" not in shown[0]


def test_a_figure_is_added_by_a_row(climbed: cl.Climb, monkeypatch: pytest.MonkeyPatch) -> None:
    macs = standings.Column("MACs", lambda group: str(group.price.macs), brief=False)
    monkeypatch.setattr(standings, "PRICE", (*standings.PRICE, macs))
    assert list(climbed.table())[-1] == "MACs"
    assert '<th scope="col">MACs</th>' in climbed.report().read_text(encoding="utf-8")
