"""What would decide the undecided, in words, and how long it would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convladder as cl
from convladder.core.ladder import load_ladder
from convladder.evaluation.differences import Difference, Verdict
from convladder.results import advice
from convladder.results.folders import TrialKey
from convladder.results.group_summary import Claim
from convladder.results.pace import Pace
from made_runs import make_climb, share_right

PACE = Pace({"a": 60.0, "parent": 30.0}, {"a": 5, "parent": 3}, jobs=2)
RUNGS = ("lenet5", "max-pooling")


def claim_of(name: str, verdict: Verdict, **more: int | None) -> Claim:
    return Claim(name, "parent", Difference(0.01, verdict=verdict, **more), {})


def test_what_undecided_steps_need_is_told_by_name() -> None:
    claims = [
        claim_of("a", "undecided", seeds_needed=20, images_needed=1400),
        claim_of("b", "better"),
        claim_of("c", "undecided", images_needed=9000),
        claim_of("d", "undecided"),
        claim_of("e", "undecided", fold_seeds_needed=1),
    ]
    assert advice.needs(claims) == (
        "If a difference is as large as it looks, this would show it 4 times out of 5. a: 20 seeds "
        "or 1,400 test images; c: 9,000 test images; e: a new climb with --folds 5 (5 trainings of "
        "each rung). The others that are undecided would need more than 50 seeds, or more than 50 "
        "times as many test images."
    )
    assert advice.needs(claims[3:4]).startswith("The undecided differences would need")
    assert advice.needs(claims[1:2]) == ""


def test_what_it_takes_is_told_in_time() -> None:
    """To 20 seeds 15 trainings of a minute and 17 of half a minute are lacking, two at a time."""
    (by_seeds,) = advice.ways(Difference(0.01, seeds_needed=20), PACE)
    assert by_seeds == "20 seeds (about 12 minutes more on the same machine)"
    (by_folds,) = advice.ways(Difference(0.01, fold_seeds_needed=2), PACE)
    assert by_folds == (
        "a new climb with --folds 5 --seeds 2 (10 trainings of each rung, about 8 minutes more on "
        "the same machine)"
    )
    unknown = Pace(PACE.seconds, PACE.trained)
    assert unknown.of_seeds(20) == "about 24 minutes of training"
    assert "the same cluster" in Pace(PACE.seconds, PACE.trained, 8, "cluster").of_each(5)


def climb_of(folder: Path, **data: Any) -> cl.Climb:
    """Make a climb whose rungs find other images hard, hardly other ones with another seed.

    So the 150 test images are too few, and seeds do not help. data : what is told of the data.
    """
    draw = np.random.default_rng(0)
    runs = {}
    for rung, share in zip(RUNGS, (0.68, 0.77), strict=True):
        right = draw.permutation(150) < share * 150
        for seed in range(5):
            runs[TrialKey(rung, seed)] = right ^ share_right(0.01, 150, seed)
    place = make_climb(folder, runs, load_ladder("classic").part(RUNGS))
    about = json.loads((place / "climb.json").read_text())
    about["data"] |= data
    about["environment"]["jobs"] = 1
    (place / "climb.json").write_text(json.dumps(about))
    return cl.Climb(place)


COUNTS = {
    "train": {"cat": 850, "dog": 850},
    "validation": {"cat": 75, "dog": 75},
    "test": {"cat": 75, "dog": 75},
}


def test_folds_are_advised_where_the_images_have_no_test_split(tmp_path: Path) -> None:
    climbed = climb_of(tmp_path, own_splits=["train"], counts=COUNTS)
    assert climbed.images_in_folds == 2000
    (claim,) = climbed.against_parent
    assert claim.difference.verdict == "undecided"
    assert claim.difference.fold_seeds_needed is not None
    assert claim.difference.seeds_needed is None
    for said in (climbed.needs, climbed.reading("max-pooling"), climbed.headline()):
        assert "new climb with --folds 5" in said
        assert "of each rung, about " in said
        assert " seeds (" not in said
    assert "true differences of about" in climbed.headline()
    assert "max-pooling: a new climb with --folds 5" in climbed.report().read_text("utf-8")
    assert "parent_fold_seeds_needed" in climbed.summary_table()


@pytest.mark.parametrize(
    "data",
    [
        {"own_splits": ["test", "train"], "counts": COUNTS},
        {"counts": COUNTS},
        {"own_splits": [], "counts": {"train": {"cat": 996, "dog": 2}, "test": {"dog": 2}}},
    ],
)
def test_folds_are_not_advised_where_they_are_not_possible(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    """The images have a test split, may have one (an older climb), or a class has four images."""
    climbed = climb_of(tmp_path, **data)
    assert climbed.images_in_folds is None
    for said in (climbed.needs, climbed.reading("max-pooling"), climbed.headline()):
        assert "--folds" not in said
    assert "More test images would find smaller differences." in climbed.headline()


def test_seeds_are_named_first_where_they_would_decide(tmp_path: Path) -> None:
    """Seeds scatter by three points, and the images are many."""
    runs = {
        TrialKey(rung, seed): share_right(share + 0.03 * (-1) ** seed, 2000, 5 * number + seed)
        for number, (rung, share) in enumerate(zip(RUNGS, (0.6, 0.64), strict=True))
        for seed in range(4)
    }
    climbed = cl.Climb(make_climb(tmp_path, runs, load_ladder("classic").part(RUNGS)))
    assert climbed.against_parent[0].difference.seeds_needed is not None
    assert "More seeds would find smaller differences." in climbed.headline()
    assert "max-pooling: " in climbed.needs
    assert " of training)" in climbed.needs


def test_a_climb_in_folds_does_not_advise_folds(tmp_path: Path) -> None:
    runs = {
        TrialKey(rung, 0, fold): share_right(0.7, 40, 10 * number + fold)
        for number, rung in enumerate(RUNGS)
        for fold in range(5)
    }
    climbed = cl.Climb(make_climb(tmp_path, runs, load_ladder("classic").part(RUNGS)))
    assert climbed.images_in_folds is None
    assert climbed.needs == ""
    assert "More images would find smaller differences." in climbed.headline()


def test_no_time_is_told_that_is_less_than_one_training() -> None:
    pace = Pace({"a": 600.0, "b": 600.0}, {"a": 3, "b": 3}, jobs=16)
    assert pace.of_seeds(4) == "about 10 minutes more on the same machine"
    assert pace.of_seeds(3) == "about 1 minute more on the same machine"
