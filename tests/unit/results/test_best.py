"""The rung that is the best on validation, and how good it is without the luck of the choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convladder.core import files
from convladder.core.ladder import load_ladder
from convladder.core.metrics import ACCURACY
from convladder.results import answer
from convladder.results.folders import TrialKey, trial_folder
from convladder.results.saved_climb import SavedClimb
from made_runs import make_climb, share_right


def test_the_best_is_too_good_where_the_same_seeds_choose_and_report(tmp_path: Path) -> None:
    """Six equal rungs, whose seeds are lucky on validation and on test alike."""
    rungs = tuple(rung.name for rung in load_ladder("classic").rungs[:6])
    draw = np.random.default_rng(0)
    luck = {TrialKey(rung, seed): draw.normal(0, 0.05) for rung in rungs for seed in range(3)}
    right = {key: draw.random(2000) < 0.8 + own for key, own in luck.items()}
    climb = SavedClimb(make_climb(tmp_path, right, load_ladder("classic").part(rungs)))
    for key, own in luck.items():
        path = trial_folder(climb.folder, key) / "metrics.json"
        figures = files.read_json(path)
        figures["validation"]["accuracy"] = 0.8 + own
        files.write_json(path, figures)
    climb = SavedClimb(climb.folder)
    assert climb.best is not None
    chosen = climb.standings[climb.best].estimate.mean
    luck = climb.lineup.luck_of_choice()
    assert luck is not None
    assert chosen > 0.82
    assert abs(chosen - luck - 0.8) < chosen - 0.8
    size = ACCURACY.write_size(luck)
    assert "may be too high: the same seeds have chosen it" in climb.headline()
    told = [part for said in answer.of_climb(climb).cards[0].sentences for part in said]
    assert any(size in part.meaning for part in told if isinstance(part, answer.Explained))


def test_where_some_rungs_have_more_seeds_no_luck_is_told(tmp_path: Path) -> None:
    ladder = load_ladder("classic").part(["lenet5", "max-pooling"])
    right = {
        TrialKey(rung, seed): share_right(share, 500, seed)
        for rung, share, seeds in (("lenet5", 0.6, 5), ("max-pooling", 0.9, 2))
        for seed in range(seeds)
    }
    climb = SavedClimb(make_climb(tmp_path, right, ladder))
    assert climb.lineup.luck_of_choice() is None


def test_a_single_seed_cannot_choose_without_itself(tmp_path: Path) -> None:
    right = {TrialKey(rung, 0): share_right(0.8, 100, 0) for rung in ("lenet5", "max-pooling")}
    ladder = load_ladder("classic").part(["lenet5", "max-pooling"])
    climb = SavedClimb(make_climb(tmp_path, right, ladder))
    assert climb.lineup.luck_of_choice() is None
    assert "too high" not in climb.headline()


def test_a_climb_of_one_rung_asks_nothing(tmp_path: Path) -> None:
    right = {TrialKey("lenet5", seed): share_right(0.8, 100, seed) for seed in range(3)}
    climb = SavedClimb(make_climb(tmp_path, right, load_ladder("classic").part(["lenet5"])))
    assert climb.questions == climb.against_parent == climb.against_start == []
    assert climb.headline().startswith("lenet5 gets ")
