"""Which labels look wrong is said by all seeds of a rung together."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import convladder as cl
from convladder.core.errors import RunError
from convladder.core.ladder import load_ladder
from convladder.evaluation import label_errors, predictions
from convladder.results.folders import TrialKey
from made_runs import make_climb

RUNG, IMAGES = "lenet5", 40
BY_ALL, BY_ONE = 4, 9  # test images that all seeds, or a single one, predict otherwise


def right(seed: int) -> np.ndarray:
    found = np.ones(IMAGES, bool)
    found[BY_ALL] = False
    found[BY_ONE] = seed > 0
    return found


@pytest.fixture
def climbed(tmp_path: Path) -> cl.Climb:
    trials = {TrialKey(RUNG, seed): right(seed) for seed in range(3)}
    return cl.Climb(make_climb(tmp_path / "climb", trials, load_ladder("classic").part([RUNG])))


def path_of(number: int) -> str:
    return f"{('cat', 'dog')[number % 2]}/{number:04}.png"


def test_what_one_seed_alone_disputes_is_not_suspected(climbed: cl.Climb) -> None:
    of_one = climbed.runs(RUNG)[0].suspected_labels()
    assert set(of_one["path"]) == {path_of(BY_ALL), path_of(BY_ONE)}
    found = climbed.suspected_labels(RUNG)
    assert found["path"].tolist() == [path_of(BY_ALL)]
    assert found["suggested"].tolist() == ["dog"]
    with pytest.raises(RunError, match="no finished run: the rungs with one are lenet5"):
        climbed.suspected_labels("max-pooling")


def test_the_page_shows_what_all_seeds_dispute(climbed: cl.Climb) -> None:
    text = climbed.report().read_text(encoding="utf-8")
    assert _disputed(text) == {path_of(BY_ALL)}
    assert "the networks of 3 seeds, on average, are as confident" in text
    assert f'climb.suspected_labels("{RUNG}")' in text
    alone = climbed.runs(RUNG)[0].report().read_text(encoding="utf-8")
    assert _disputed(alone) == {path_of(BY_ALL), path_of(BY_ONE)}
    assert "the network is as confident" in alone


def _disputed(page: str) -> set[str]:
    """Return the paths of the images on a page whose labels are marked as disputed."""
    return set(re.findall(r'<figure title="([^"]*)" class="[^"]*disputed', page))


def test_with_folds_each_image_is_judged_by_networks_that_have_not_seen_it(tmp_path: Path) -> None:
    trials = {
        TrialKey(RUNG, seed, fold): right(0 if fold == 1 else 1)
        for seed in range(2)
        for fold in range(3)
    }
    climbed = cl.Climb(make_climb(tmp_path / "climb", trials, load_ladder("classic").part([RUNG])))
    found = climbed.suspected_labels(RUNG)
    tested = [path for run in climbed.runs(RUNG)[:3] for path in run.tested["path"]]
    assert set(found["split"]) == {"test"}
    assert len(found) == 4  # one in each fold, and another one in the second
    assert set(found["path"]) <= set(tested)
    climbed.report()


def networks(count: int) -> tuple[list[pd.DataFrame], np.ndarray]:
    """Return predictions of like networks of the same images, and which labels were flipped."""
    draw, images = np.random.default_rng(0), 3000
    true = draw.integers(6, size=images)
    flips = draw.random(images) < 0.05
    given = np.where(flips, (true + draw.integers(1, 6, size=images)) % 6, true)
    shared, tables = draw.normal(size=(images, 6)), []
    for _ in range(count):
        logits = 0.7 * shared + 1.2 * draw.normal(size=(images, 6))
        logits[np.arange(images), true] += 2.5
        paths, names = [f"{number}.png" for number in range(images)], list("abcdef")
        tables.append(
            predictions.make_table(paths, ["test"] * images, given.tolist(), logits, names)
        )
    return tables, flips


def test_several_networks_rank_planted_errors_better_than_one() -> None:
    """Together they dispute fewer labels, and the first of these are wrong more often."""
    tables, flips = networks(5)
    alone, together = (
        label_errors.suspects(each).index for each in (tables[0], predictions.average(tables))
    )
    assert flips[together].mean() > flips[alone].mean() + 0.3
    assert flips[together[:80]].sum() > flips[alone[:80]].sum() + 10


def test_an_average_is_of_the_same_images_in_whatever_order() -> None:
    (first, second), _ = networks(2)
    expected = predictions.average([first, second])
    shuffled = second.sample(frac=1, random_state=0).reset_index(drop=True)
    pd.testing.assert_frame_equal(predictions.average([first, shuffled]), expected)
    mean = (predictions.probabilities(first) + predictions.probabilities(second)) / 2
    np.testing.assert_array_equal(predictions.probabilities(expected), mean)
    assert expected["predicted"].tolist() == np.array(list("abcdef"))[mean.argmax(axis=1)].tolist()
    pd.testing.assert_frame_equal(predictions.average([first]), first)


def test_predictions_of_other_images_are_not_averaged() -> None:
    (first, second), _ = networks(2)
    for other in (second.iloc[1:], second.assign(path="x"), pd.concat([second, second])):
        with pytest.raises(RunError, match="other images"):
            predictions.average([first, other])
    for other in (second.assign(label="a"), second.rename(columns={"p:f": "p:g"})):
        with pytest.raises(RunError, match="other classes or labels"):
            predictions.average([first, other])
