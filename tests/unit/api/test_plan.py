"""`plan`, from Python and from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convladder as cl
from command_line import convladder_here
from convladder.core.errors import ExperimentError, RunError
from convladder.core.ladder import load_ladder
from convladder.results.folders import TrialKey
from made_runs import make_climb, share_right

RUNGS = ("lenet5", "max-pooling")


@pytest.fixture(scope="module")
def images(own_cache: Path) -> cl.Dataset:
    assert own_cache.exists()
    return cl.load("digits", limit=300, quiet=True)


def made(folder: Path, seeds: int) -> Path:
    right = {
        TrialKey(rung, seed): share_right(0.8, 500, 10 * number + seed)
        for number, rung in enumerate(RUNGS)
        for seed in range(seeds)
    }
    return make_climb(folder, right, load_ladder("classic").part(RUNGS))


def test_before_anything_is_trained_the_images_and_guesses_are_all_there_is(
    images: cl.Dataset,
) -> None:
    planned = cl.plan(images)
    test_images = len(images.splits.test)
    assert (planned.rungs, planned.comparisons, planned.images) == (9, 15, test_images)
    assert (
        planned.assumed
        == "guessed: an accuracy of 80 %, and a standard deviation of 1 point between seeds"
    )
    table = planned.table()
    assert table.columns.tolist() == [times * test_images for times in (1, 2, 4, 10)]
    assert table.index.tolist() == [3, 5, 8, 12, 20]
    assert (table.diff().iloc[1:] < 0).all(axis=None)
    assert (table.diff(axis=1).iloc[:, 1:] < 0).all(axis=None)
    surer = cl.plan(images, accuracy=0.98, spread=0.002).table()
    assert (surer < table).all(axis=None)


def test_a_climb_says_itself_how_much_seeds_and_images_differ(tmp_path: Path) -> None:
    planned = cl.plan(made(tmp_path / "climb", 4))
    assert (planned.rungs, planned.comparisons, planned.images) == (2, 1, 500)
    assert planned.assumed == "measured in this climb, for the step in the middle"
    (points,) = planned.table(seeds=[4], images=[500]).to_numpy().ravel()
    (claim,) = cl.Climb(tmp_path / "climb").against_parent
    assert claim.difference.detectable is not None
    assert points == pytest.approx(100 * claim.difference.detectable, rel=0.1)


def test_what_cannot_be_planned_is_said(images: cl.Dataset, tmp_path: Path) -> None:
    climb = made(tmp_path / "single", 1)
    with pytest.raises(RunError, match="no two rungs with two seeds each"):
        cl.plan(climb)
    with pytest.raises(ExperimentError, match="is a climb, which has its own"):
        cl.plan(climb, accuracy=0.9)
    with pytest.raises(ExperimentError, match="must be between 0 and 1; got 80"):
        cl.plan(images, accuracy=80)
    with pytest.raises(ExperimentError, match="two rungs or more"):
        cl.plan(images, load_ladder("classic").part(["lenet5"]))
    with pytest.raises(ExperimentError, match="and no folds"):
        cl.plan("digits", changes={"data.folds": 5})
    with pytest.raises(ExperimentError, match="2 seeds or more"):
        cl.plan(images).table(seeds=[1])


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    climb = made(tmp_path / "climb", 4)
    shown = convladder_here("plan", str(climb), cwd=tmp_path).stdout
    assert "500 test images" in shown
    assert "5,000 test images" in shown
    assert "2 rungs, 1 comparison; measured in this climb" in shown.replace("\n", " ")
    told = json.loads(convladder_here("plan", str(climb), "--json", cwd=tmp_path).stdout)
    assert told["test_images"] == 500
    assert len(told["detectable_points"]) == 20
    assert told["detectable_points"][0]["seeds"] == 3


@pytest.mark.parametrize("given", ["0.8", "100", "1"])
def test_the_command_takes_percent(tmp_path: Path, given: str) -> None:
    done = convladder_here("plan", "digits", "--accuracy", given, cwd=tmp_path)
    assert done.returncode == 2
    assert f"--accuracy is in percent, such as 80; got {given}" in done.stderr
