"""What pages say of their figures: what intervals cover, and how far a guess gets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import convladder as cl
from convladder.core.ladder import load_ladder
from convladder.report import panels, plots, rung_rows
from convladder.report.templating import environment
from convladder.results.folders import TrialKey
from convladder.results.saved_climb import SavedClimb
from made_runs import make_climb, share_right
from made_searches import make_search

SINGLE = "With a single seed it covers only test images, so it looks more certain than it is."


def words_of(page: Path) -> str:
    """Return what can be read on a page, without its marks."""
    body = page.read_text(encoding="utf-8").partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", "", body).split())


def macros_of(template: str) -> Any:
    return environment().get_template(template).module


@pytest.mark.parametrize(
    ("covers_seeds", "folds", "said"),
    [
        ([True, True], None, "The interval covers the choice of seeds and test images."),
        ([False], None, "covers only the choice of test images, because there is one seed."),
        ([False, False], None, "because there is one seed each."),
        ([True, False], None, SINGLE),
        ([False, True], None, SINGLE),
        ([True], 3, "covers the choice of training images, initial weights and test images."),
    ],
)
def test_it_is_said_what_intervals_cover(
    covers_seeds: list[bool], folds: int | None, said: str
) -> None:
    standings = {
        str(number): SimpleNamespace(estimate=SimpleNamespace(covers_seeds=each))
        for number, each in enumerate(covers_seeds)
    }
    assert macros_of("parts.html").covers(standings, folds).strip().endswith(said)


@pytest.mark.parametrize(
    ("cats", "dogs", "said"),
    [
        (30, 29, "the commonest class (cat) would get 50.8 % of these test images right."),
        (30, 30, "the commonest class would get 50.0 % of these test images right."),
    ],
)
def test_it_is_said_how_far_a_guess_gets(cats: int, dogs: int, said: str) -> None:
    test = {"images": cats + dogs, "classes": {"cat": {"images": cats}, "dog": {"images": dogs}}}
    guessed = macros_of("parts.html").guessing(panels.commonest_class(test))
    assert guessed == f"Always naming {said}"


def table_of(climb: Path) -> str:
    """Return the table of the winner and the default of a search, from their climb."""
    saved = SavedClimb(climb)
    axis = rung_rows.axis_of(saved.standings)
    rows, first = rung_rows.rows_of(saved, axis), saved.ladder.rungs[0].name
    return str(
        macros_of("groups.html").table(
            rows, axis, "settings", first, "the default", None, plots.VERDICT_SIGNS
        )
    )


def test_the_winner_of_a_search_is_never_the_reference(tmp_path: Path) -> None:
    climb = make_search(tmp_path, (0.6, 0.9), tested=(0.5, 0.8)) / "climb"
    assert '<td class="claim"><span class="muted">the default</span></td>' in table_of(climb)
    shutil.rmtree(climb / "trials/default")
    assert '<td class="claim"></td>' in table_of(climb)
    assert "the reference" not in table_of(climb)


def test_the_first_screen_explains_its_words_and_figures(tmp_path: Path) -> None:
    seeds = {"lenet5": 1, "max-pooling": 3}
    trials = {
        TrialKey(rung, seed): share_right(0.6, 60, seed)
        for rung, count in seeds.items()
        for seed in range(count)
    }
    climb = cl.Climb(make_climb(tmp_path, trials, load_ladder("classic").part(list(seeds))))
    page = climb.report()
    explained = re.findall(r"<dt>([^<]*)</dt>", page.read_text().partition("<table")[0])
    assert explained == ["rung", "parent", "start", "seed", "validation", "test", "parameters"]
    text = words_of(page)
    assert SINGLE in text
    assert "Always naming the commonest class would get 50.0 %" in text
