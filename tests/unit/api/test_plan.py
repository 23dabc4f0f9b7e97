"""`plan`, from Python and from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convladder as cl
from command_line import convladder_here
from convladder.core.errors import ExperimentError, LadderError, RunError
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


def test_fewer_rungs_find_smaller_differences(images: cl.Dataset) -> None:
    planned = cl.plan(images, rungs=RUNGS)
    assert (planned.rungs, planned.comparisons) == (2, 1)
    assert planned.table(seeds=[12]).iloc[0, 0] < cl.plan(images).table(seeds=[12]).iloc[0, 0]


def test_in_folds_all_images_are_tested(images: cl.Dataset) -> None:
    planned = cl.plan(images, rungs=RUNGS, folds=5)
    assert planned.images == len(images.bank.records)
    table = planned.table()
    assert table.index.tolist() == [1, 2, 3, 5]
    assert table.columns[0] == planned.images
    assert (table.diff().iloc[1:] < 0).all(axis=None)


def test_folds_are_named_only_where_they_find_more(images: cl.Dataset) -> None:
    """With images that have no test split: of nine rungs seeds find more, of two folds do."""
    assert images.provenance()["own_splits"] == []
    assert cl.plan(images).folds_at(10) is None
    planned = cl.plan(images, rungs=RUNGS, spread=0.001)
    found = planned.folds_at(10)
    assert found is not None
    assert found < planned.table(seeds=[10]).iloc[0, 0]
    again = cl.plan(images, rungs=RUNGS, spread=0.001, folds=5)
    assert found == pytest.approx(again.table(seeds=[2]).iloc[0, 0])
    assert again.folds_at(10) is None


@pytest.mark.parametrize("folds", [None, 5])
def test_a_plan_says_what_calls_equal_rungs_equal(images: cl.Dataset, folds: int | None) -> None:
    planned = cl.plan(images, rungs=RUNGS, margin=2, spread=0.003, folds=folds)
    needed = planned.seeds_for_margin([planned.images, 20 * planned.images, 100 * planned.images])
    few, some, many = needed.values()
    assert few is None
    assert some is not None
    assert many is not None
    assert many <= some
    wider = cl.plan(images, rungs=RUNGS, margin=40, folds=folds)
    assert wider.seeds_for_margin([planned.images])[planned.images] is not None


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
    with pytest.raises(ExperimentError, match="and folds by `folds=` alone"):
        cl.plan("digits", changes={"data.folds": 5})
    with pytest.raises(ExperimentError, match="2 seeds or more"):
        cl.plan(images).table(seeds=[1])
    with pytest.raises(ExperimentError, match="folds must be 2 or more; got 1"):
        cl.plan(images, folds=1)
    with pytest.raises(ExperimentError, match="margin is in points, between 0 and 100; got 0"):
        cl.plan(images, margin=0)
    with pytest.raises(ExperimentError, match="has no margin"):
        cl.plan(images).seeds_for_margin()
    with pytest.raises(LadderError, match="unknown rung 'none'"):
        cl.plan(images, rungs=["lenet5", "none"])


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    climb = made(tmp_path / "climb", 4)
    shown = convladder_here("plan", str(climb), cwd=tmp_path).stdout
    assert "500 test images" in shown
    assert "5,000 test images" in shown
    assert "This is for 2 rungs, 1 comparison." in shown
    assert "differ is measured in this climb" in shown.replace("\n", " ")
    told = json.loads(convladder_here("plan", str(climb), "--json", cwd=tmp_path).stdout)
    assert told["test_images"] == 500
    assert len(told["detectable"]) == 20
    assert told["detectable"][0]["seeds"] == 3


def test_the_command_explains_itself_to_newcomers(tmp_path: Path) -> None:
    climb = made(tmp_path / "climb", 4)
    shown = convladder_here("plan", str(climb), "--margin", "9", cwd=tmp_path).stdout
    said = " ".join(shown.split())
    assert "A rung is one step of the ladder: a network with one technique more." in said
    assert "A seed is one training from another random start. You have 500 test images." in said
    assert "To call two rungs equal within 9 points, in 4 climbs out of 5" in said
    assert "5,000 test images: 2 seeds" in said
    options = "--margin", "9", "--folds", "5", "--rungs", ",".join(RUNGS), "--json"
    told = json.loads(convladder_here("plan", str(climb), *options, cwd=tmp_path).stdout)
    assert (told["folds"], told["margin"], told["rungs"]) == (5, 9, 2)
    assert told["seeds_to_call_equal"][0].keys() == {"test_images", "seeds"}


@pytest.mark.parametrize("given", ["0.8", "100", "1"])
def test_the_command_takes_percent(tmp_path: Path, given: str) -> None:
    done = convladder_here("plan", "digits", "--accuracy", given, cwd=tmp_path)
    assert done.returncode == 2
    assert f"--accuracy is in percent, such as 80; got {given}" in done.stderr
