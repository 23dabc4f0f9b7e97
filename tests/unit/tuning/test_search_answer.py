"""What a search's page says first follows from what the search came to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from convladder.results.answer import plain
from convladder.tuning.answer import of_search
from convladder.tuning.results import SearchResults
from made_searches import make_search

FOUND = (0.6, 0.9, None, 0.7)


@pytest.mark.parametrize(
    ("values", "tested", "said"),
    [
        ((None, None), (), "No candidate is fully trained yet, so the search has found nothing."),
        ((0.6,), (), "Only the default was tried: there is nothing to compare it with."),
        ((0.9, 0.6), (), "None of the settings tried is better than the default on validation."),
        (
            FOUND,
            (),
            "Settings that are better on validation were found, but their test is not finished.",
        ),
        (FOUND, (0.6, 0.6), "The settings found are not shown to be better than the default on"),
    ],
)
def test_the_title_says_what_was_found(
    tmp_path: Path, values: Sequence[float | None], tested: Sequence[float], said: str
) -> None:
    answer = of_search(SearchResults(make_search(tmp_path, values, tested=tested)))
    assert answer.title.startswith(said)


@pytest.mark.parametrize(
    ("shares", "verdict", "advice"), [((0.5, 0.9), "better", ""), ((0.9, 0.5), "worse", "keep")]
)
def test_a_decided_test_gives_its_size(
    tmp_path: Path, shares: tuple[float, float], verdict: str, advice: str
) -> None:
    results = SearchResults(make_search(tmp_path, FOUND, tested=shares))
    answer = of_search(results)
    assert answer.title.startswith(f"The settings found are {verdict} than the default by ")
    assert "points on 400 test images" in answer.title
    assert advice in answer.title
    found, better, following = answer.cards
    assert found.heading == "Found: candidate 1"
    assert "number 1 is best on validation: 90.0 %, and the default 60.0 %" in plain(
        *found.sentences
    )
    assert f"), {verdict}." in plain(*better.sentences)
    assert following.command is not None
    assert f"/{'tuned' if verdict == 'better' else 'default'}/" in following.command


def test_one_seed_judges_nothing(tmp_path: Path) -> None:
    results = SearchResults(make_search(tmp_path, FOUND, tested=(0.5, 0.9), seeds=1))
    answer = of_search(results)
    assert answer.title == "The settings found cannot be judged yet: one seed is not enough."
    assert "one seed is not enough to claim a difference" in plain(*answer.cards[1].sentences)


def test_a_search_that_found_nothing_is_extended(tmp_path: Path) -> None:
    *_, following = of_search(SearchResults(make_search(tmp_path, (0.9, 0.6)))).cards
    assert following.heading == "What next"
    assert following.command == f"convladder tune pets --trials 4 --out {tmp_path}"
