"""What the first screen says: the title, which network to use, how sure, what to watch out for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convladder.core import files
from convladder.core.ladder import load_ladder
from convladder.results import answer, folders
from convladder.results.answer import Explained, plain
from convladder.results.folders import TrialKey
from convladder.results.saved_climb import SavedClimb
from convladder.results.saved_run import SavedRun, write_arrays
from made_runs import make_climb, share_right

IMAGES = 2000


def climb_of(folder: Path, seeds: int = 3, images: int = IMAGES, **shares: float) -> SavedClimb:
    """Return a climb whose rungs get these shares right; the images are drawn anew for each."""
    names = [name.replace("_", "-") for name in shares]
    right = {
        TrialKey(name, seed): share_right(share, images, 100 * place + seed)
        for place, (name, share) in enumerate(zip(names, shares.values(), strict=True))
        for seed in range(seeds)
    }
    return SavedClimb(make_climb(folder, right, load_ladder("classic").part(names)))


def said(sentences: tuple[answer.Sentence, ...]) -> str:
    return plain(*sentences)


@pytest.mark.parametrize(
    ("shares", "title"),
    [
        (
            {"lenet5": 0.6, "max_pooling": 0.8, "same_padding": 0.8},
            "max-pooling earned its place on these images, same-padding is undecided; take ",
        ),
        (
            {"lenet5": 0.6, "max_pooling": 0.8, "same_padding": 0.5},
            "max-pooling earned its place on these images, same-padding made it worse; take ",
        ),
        (
            {"lenet5": 0.8, "max_pooling": 0.6},
            "No technique is shown to help, max-pooling made it worse; take ",
        ),
        (
            {"lenet5": 0.7, "max_pooling": 0.7},
            "max-pooling is not shown to make a difference on these images; take ",
        ),
        (
            {"lenet5": 0.6, "max_pooling": 0.62, "same_padding": 0.64},
            "No single step is shown to help, but same-padding is better than lenet5; take ",
        ),
    ],
)
def test_the_title_says_what_was_found(
    tmp_path: Path, shares: dict[str, float], title: str
) -> None:
    assert answer.of_climb(climb_of(tmp_path, **shares)).title.startswith(title)


def test_one_seed_of_each_rung_decides_nothing(tmp_path: Path) -> None:
    found = answer.of_climb(climb_of(tmp_path, seeds=1, lenet5=0.5, max_pooling=0.9))
    assert found.title.startswith("No rung can be called better yet")
    assert found.cards[0].heading == "Use no rung yet"
    assert found.cards[0].command is None
    assert "with one seed per rung, a real effect cannot be told from chance" in said(
        found.cards[1].sentences
    )


def test_the_largest_difference_that_is_decided_is_told_with_its_interval(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, lenet5=0.6, max_pooling=0.7, same_padding=0.8)
    sure = said(answer.of_climb(climb).cards[1].sentences)
    assert "The largest difference found is same-padding against lenet5: +" in sure
    claim = next(each for each in climb.against_start if each.name == "same-padding")
    found = claim.difference
    assert found.family_low is not None
    assert found.family_high is not None
    assert claim.metric.write_bounds(found.family_low, found.family_high) in sure
    assert "are easily missed" in sure


def test_a_rung_that_did_better_on_test_is_not_taken(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, lenet5=0.6, max_pooling=0.8)
    for seed in range(3):
        for name, value in (("lenet5", 0.9), ("max-pooling", 0.5)):
            path = folders.trial_folder(climb.folder, TrialKey(name, seed)) / "metrics.json"
            figures = files.read_json(path)
            figures["validation"]["accuracy"] = value
            files.write_json(path, figures)
    use = answer.of_climb(SavedClimb(climb.folder)).cards[0]
    assert use.heading == "Use lenet5"
    assert "max-pooling did better on test (" in said(use.sentences)
    assert use.command is not None
    assert "trials/lenet5/seed-" in use.command


def test_every_figure_says_what_it_is(tmp_path: Path) -> None:
    found = answer.of_climb(climb_of(tmp_path, lenet5=0.6, max_pooling=0.8))
    figures = [
        part
        for card in found.cards
        for sentence in card.sentences
        for part in sentence
        if isinstance(part, Explained)
    ]
    assert len(figures) > 5
    assert all(figure.meaning.endswith(".") for figure in figures)


def degrade(run: SavedRun, corruption: str, right: bool) -> None:
    """Make a run right or wrong on all images of a corruption."""
    correct = run.corrupted.correct.copy()
    correct[run.corrupted.recipe.names.index(corruption)] = right
    changed = type(run.corrupted)(run.corrupted.rows, correct, run.corrupted.recipe)
    write_arrays(run.folder, run.samples, run.features, changed)


def test_the_corruption_that_costs_most_is_told_beside_a_rung_that_bears_it(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, images=300, lenet5=0.9, max_pooling=0.9)
    for name, right in (("lenet5", False), ("max-pooling", True)):
        for run in climb.standings[name].runs:
            degrade(run, "contrast", right)
    changed = SavedClimb(climb.folder)
    best = changed.best
    assert best is not None
    told = said(answer.of_climb(changed).cards[2].sentences)
    expected = "On low-contrast images its accuracy falls to 0.0 % (max-pooling: 100.0 %)."
    assert (expected in told) == (best == "lenet5")
    assert best == "lenet5"


def test_kept_leaks_come_first_and_three_dangers_are_told_at_most(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, images=40, lenet5=0.6, max_pooling=0.6)
    about = files.read_json(climb.folder / "climb.json")
    about["data"]["notes"] = ["kept a leak: 3 of train are copies of images of test"]
    files.write_json(climb.folder / "climb.json", about)
    card = answer.of_climb(SavedClimb(climb.folder)).cards[2]
    assert said(card.sentences[:1]).startswith("Train and test overlap")
    assert len(card.sentences) == 3
    assert card.note == "This describes the test images. It is not checked for chance."


def test_classes_that_no_test_image_has_are_named(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, images=400, lenet5=1.0, max_pooling=1.0)
    about = files.read_json(climb.folder / "climb.json")
    about["data"]["class_names"] += ["fish", "owl"]
    files.write_json(climb.folder / "climb.json", about)
    told = said(answer.of_climb(SavedClimb(climb.folder)).cards[2].sentences)
    assert told == "fish and owl have no test image: the accuracy there is unknown."


def test_nothing_to_watch_out_for_is_said(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, images=400, lenet5=1.0, max_pooling=1.0)
    card = answer.of_climb(climb).cards[2]
    assert said(card.sentences) == "Nothing stands out among its mistakes."
    assert not card.note


def test_a_single_run_speaks_of_the_seed_that_its_interval_leaves_out(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, lenet5=0.75)
    run: Any = climb.standings["lenet5"].runs[0]
    found = answer.of_run(run)
    share = np.mean(run.tested["label"] == run.tested["predicted"])
    assert found.title == f"lenet5 gets {100 * share:.1f} % of test images right on pets."
    assert "not the choice of the seed" in said(found.cards[1].sentences)
