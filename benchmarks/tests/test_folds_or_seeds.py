"""What compares folds with seeds runs through, and folds estimate a step more closely."""

from __future__ import annotations

import numpy as np
import pytest

from claims import folds_or_seeds, moderated_folds
from claims.folds_or_seeds import DESIGNS, FOLDS, LADDERS, Learner, draw_images, ladders_of, train


def test_every_design_has_a_row_and_folds_halve_the_error() -> None:
    rows = list(folds_or_seeds.measure("steady", images=400, climbs=12))
    assert [(row.rungs, row.design) for row in rows] == [
        (rungs, design) for rungs in LADDERS for design in DESIGNS
    ]
    assert [row.comparisons for row in rows[:: len(DESIGNS)]] == [15, 3, 1]
    found = {(row.rungs, row.design): row for row in rows}
    seeds, folds = found[9, "5 seeds"], found[9, "5 folds"]
    assert seeds.standard_error is not None
    assert folds.standard_error is not None
    assert folds.standard_error < 0.7 * seeds.standard_error
    assert (seeds.trainings, folds.trainings) == (5, 5)
    assert all(row.false <= 0.25 for row in rows)
    told = [row.finds_foreseen for row in rows if row.design != "adaptive"]
    assert all(share is not None and share >= 0.5 for share in told)
    assert all(row.design in row.as_line() for row in rows)


def test_every_image_is_tested_once_by_a_network_that_has_not_seen_it() -> None:
    """A network that had learned the images would know them: there are more units than images."""
    draw = np.random.default_rng(0)
    images = draw_images(draw, 100)
    trained = train(Learner(width=400), images, draw)
    assert np.bincount(trained.folds).tolist() == [20] * FOLDS
    assert all(table.shape == (2, 100) for table in trained.folded.values())
    assert np.mean([table.mean() for table in trained.folded.values()]) < 0.9
    everything = np.arange(100)
    assert Learner(width=400).correct(images, "0", everything, everything, draw).mean() > 0.95


@pytest.mark.parametrize("rungs", LADDERS)
def test_gains_are_planted_where_they_are_looked_for(rungs: int) -> None:
    first = ladders_of(rungs)[0]
    gains = first.gains(0.02)
    planted = [gains[left] - gains[right] for left, right in first.steps]
    assert planted[::2] == pytest.approx([0.02] * len(planted[::2]))
    assert planted[1::2] == pytest.approx([0.0] * len(planted[1::2]))
    left, right = first.steps[-1]
    assert first.last_gain(0.02)[left] - first.last_gain(0.02)[right] == 0.02


def test_moderated_folds_find_more_and_are_wrong_where_luck_is_shared() -> None:
    steady = moderated_folds.measure("steady", images=1500, climbs=8)
    assert steady["moderated"][1] > steady["as shipped"][1] + 0.1
    shared = moderated_folds.measure("splits", images=300, climbs=40)
    assert shared["moderated"][0] > shared["as shipped"][0]
