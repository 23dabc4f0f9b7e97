"""What pages say of their figures: what intervals cover, and how far a guess gets."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import convladder as cl
from convladder.core.ladder import load_ladder
from convladder.results.folders import TrialKey
from made_runs import make_climb, make_run, share_right
from made_searches import make_search

VALUES = (0.6, 0.9)  # of a search's candidates
ONE_EACH = "covers only the choice of test images, because there is one seed"
SEVERAL = "The interval covers the choice of seeds and test images."


def words_of(page: Path) -> str:
    """Return what can be read on a page, without its marks."""
    body = page.read_text(encoding="utf-8").partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", "", body).split())


def climb_of(folder: Path, seeds: Mapping[str, int]) -> cl.Climb:
    """Write a climb of rungs with so many seeds each."""
    trials = {
        TrialKey(rung, seed): share_right(0.6, 60, seed)
        for rung, count in seeds.items()
        for seed in range(count)
    }
    return cl.Climb(make_climb(folder, trials, load_ladder("classic").part(list(seeds))))


@pytest.mark.parametrize(
    ("seeds", "said", "unsaid"),
    [
        (
            {"lenet5": 1, "max-pooling": 3},
            "With a single seed it covers only test images",
            ONE_EACH,
        ),
        ({"lenet5": 3, "max-pooling": 3}, SEVERAL, "single seed"),
        ({"lenet5": 1, "max-pooling": 1}, f"{ONE_EACH} each.", SEVERAL),
        ({"lenet5": 1}, f"{ONE_EACH}.", SEVERAL),
    ],
)
def test_a_climb_says_what_its_intervals_cover(
    tmp_path: Path, seeds: Mapping[str, int], said: str, unsaid: str
) -> None:
    text = words_of(climb_of(tmp_path, seeds).report())
    assert said in text
    assert unsaid not in text


@pytest.mark.parametrize(("seeds", "said"), [(1, ONE_EACH), (4, SEVERAL)])
def test_a_search_says_what_its_intervals_cover(tmp_path: Path, seeds: int, said: str) -> None:
    text = words_of(
        cl.Tuning(make_search(tmp_path, VALUES, tested=(0.5, 0.8), seeds=seeds)).report()
    )
    assert said in text
    assert f"with {seeds} seed{'' if seeds == 1 else 's'} that the search did not use" in text


def test_a_search_in_folds_speaks_of_folds(tmp_path: Path) -> None:
    searched = make_search(tmp_path, VALUES, tested=(0.5, 0.8))
    ladder = cl.Climb(searched / "climb").ladder
    shutil.rmtree(searched / "climb")
    trials = {
        TrialKey(rung.name, 0, fold): share_right(0.6, 60, fold)
        for rung in ladder.rungs
        for fold in range(3)
    }
    make_climb(searched / "climb", trials, ladder)
    text = words_of(cl.Tuning(searched).report())
    assert "covers the choice of training images, initial weights and test images." in text
    assert "each dot a fold" in text
    assert "seeds and test images" not in text


def test_the_winner_of_a_search_is_never_the_reference(tmp_path: Path) -> None:
    searched = make_search(tmp_path, VALUES, tested=(0.5, 0.8))
    page = cl.Tuning(searched).report()
    assert '<td class="claim"><span class="muted">the default</span></td>' in page.read_text()
    shutil.rmtree(searched / "climb/trials/default")
    page = cl.Tuning(searched).report()
    assert '<td class="claim"></td>' in page.read_text()
    assert "the reference" not in page.read_text()


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            59,
            "Always naming the commonest class (cat) would get 50.8 % of these test images right.",
        ),
        (60, "Always naming the commonest class would get 50.0 % of these test images right."),
    ],
)
def test_an_accuracy_stands_beside_that_of_guessing(tmp_path: Path, images: int, said: str) -> None:
    run = make_run(tmp_path / "run", right=np.ones(images, bool))
    assert said in words_of(cl.Run(run.folder).report())


def test_the_words_of_the_first_screen_are_explained(tmp_path: Path) -> None:
    page = climb_of(tmp_path, {"lenet5": 3, "max-pooling": 3}).report()
    explained = re.findall(r"<dt>([^<]*)</dt>", page.read_text().partition("<table")[0])
    assert explained == ["rung", "parent", "start", "seed", "validation", "test", "parameters"]
