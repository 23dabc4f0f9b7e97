"""How images were made worse is kept in a run, and only runs of one way are compared on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import convladder as cl
from convladder.core.errors import RunError
from convladder.core.ladder import load_ladder
from convladder.evaluation import corruptions
from convladder.evaluation.corruptions import Recipe
from convladder.results import folders, saved_run
from convladder.results.folders import TrialKey
from made_runs import RECIPE, make_climb, make_run, share_right

IMAGES = 200
OTHERS = {
    "version": replace(RECIPE, version=RECIPE.version + 1),
    "severities": replace(RECIPE, severities=(*RECIPE.severities[:-1], (1.0, 2.0, 3.0, 4.0, 5.0))),
    "names": replace(RECIPE, names=(*RECIPE.names[:-1], "fog")),
}


def make_group(folder: Path, rung: str, recipes: list[Recipe]) -> Path:
    """Make a seed with each of the recipes."""
    for seed, recipe in enumerate(recipes):
        changes = {"model.batch_norm": rung == "batch-norm"}
        right = share_right(0.7, IMAGES, seed + (10 if rung == "batch-norm" else 0))
        place = folder / rung / f"seed-{seed}"
        make_run(place, rung=rung, seed=seed, right=right, changes=changes, recipe=recipe)
    return folder / rung


def forget_the_recipe(run: Path) -> None:
    """Leave of a run's record what earlier versions of convladder kept."""
    with np.load(run / saved_run.CORRUPTED) as file:
        kept = {name: file[name] for name in ("names", "rows", "correct")}
    np.savez_compressed(run / saved_run.CORRUPTED, **kept)


@pytest.mark.parametrize("recipe", [RECIPE, *OTHERS.values()])
def test_a_run_keeps_how_its_images_were_made_worse(recipe: Recipe, tmp_path: Path) -> None:
    run = make_run(tmp_path, right=share_right(0.7, 20, 0), recipe=recipe)
    assert run.corrupted.recipe == recipe


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_groups_of_two_recipes_are_compared_on_images_as_they_are_alone(
    other: Recipe, tmp_path: Path
) -> None:
    first, second = (
        make_group(tmp_path, *each)
        for each in (("lenet5", 3 * [RECIPE]), ("batch-norm", 3 * [other]))
    )
    found = cl.compare(first, second)
    assert found.claims[0].difference.p_value is not None
    assert found.corrupted_claims == []
    assert [list(each) for each in found.lineup.robustness_by_recipe] == [
        ["lenet5"],
        ["batch-norm"],
    ]
    assert found.notes[-1].startswith("Not all test images were degraded in the same way")
    page = found.report(tmp_path / "page").read_text()
    assert "There are several tables" in page
    assert len(list((tmp_path / "page/plots").glob("robustness-*"))) == 0


def test_groups_of_one_recipe_stand_side_by_side(tmp_path: Path) -> None:
    first, second = (
        make_group(tmp_path, rung, 3 * [OTHERS["version"]]) for rung in ("lenet5", "batch-norm")
    )
    found = cl.compare(first, second)
    assert len(found.corrupted_claims) == 1
    assert found.notes == []
    assert [list(each) for each in found.lineup.robustness_by_recipe] == [["lenet5", "batch-norm"]]
    assert "There are several tables" not in found.report(tmp_path / "page").read_text()


def test_a_group_whose_seeds_are_of_two_recipes_is_not_measured(tmp_path: Path) -> None:
    mixed = make_group(tmp_path, "lenet5", [RECIPE, OTHERS["names"], RECIPE])
    found = cl.compare(mixed, make_group(tmp_path, "batch-norm", 3 * [RECIPE]))
    assert found.claims[0].difference.p_value is not None
    assert found.corrupted_claims == []
    assert list(found.lineup.robustness) == ["batch-norm"]
    assert found.report(tmp_path / "page").is_file()


def test_runs_without_a_record_are_comparable_with_each_other_and_with_those_of_that_time(
    tmp_path: Path,
) -> None:
    first, second = (make_group(tmp_path, rung, 3 * [RECIPE]) for rung in ("lenet5", "batch-norm"))
    for run in first.iterdir():
        forget_the_recipe(run)
    assert saved_run.SavedRun(first / "seed-0").corrupted.recipe == corruptions.first_recipe(
        RECIPE.names, 16, 16
    )
    assert len(cl.compare(first, second).corrupted_claims) == 1
    for run in second.iterdir():
        forget_the_recipe(run)
    assert len(cl.compare(first, second).corrupted_claims) == 1
    assert (
        cl.compare(
            first, make_group(tmp_path / "new", "batch-norm", 3 * [OTHERS["version"]])
        ).corrupted_claims
        == []
    )


@pytest.fixture
def mixed_climb(tmp_path: Path) -> cl.Climb:
    """A climb of which a later version of convladder has trained the second rung, and a seed of the
    third.
    """
    ladder = load_ladder("classic").part(["lenet5", "max-pooling", "same-padding"])
    keys = [TrialKey(rung.name, seed) for rung in ladder.rungs for seed in range(2)]
    climb = make_climb(
        tmp_path, {key: share_right(0.7, IMAGES, n) for n, key in enumerate(keys)}, ladder
    )
    later = [key for key in keys if key.rung == keys[2].rung or key == keys[5]]
    for key in later:
        run = saved_run.SavedRun(folders.trial_folder(climb, key))
        corrupted = replace(run.corrupted, recipe=OTHERS["names"])
        saved_run.write_arrays(run.folder, run.samples, run.features, corrupted)
    return cl.Climb(climb)


def test_a_climb_of_two_recipes_compares_what_it_can(mixed_climb: cl.Climb) -> None:
    _, second, third = mixed_climb.standings
    assert len(mixed_climb.against_parent) == 2
    assert mixed_climb.corrupted_against_parent == []
    assert mixed_climb.parent_robustness(second) is None
    assert "fog" in set(mixed_climb.robustness(second)["corruption"])
    with pytest.raises(
        RunError, match=r"seed-1 and .*seed-0 were tested on differently degraded images"
    ):
        mixed_climb.robustness(third)
    page = mixed_climb.report().read_text()
    assert "There are several tables" in page
    assert page.count('aria-label="Accuracy on degraded images"') == 2


def test_folds_of_a_pair_are_those_of_its_own_images(tmp_path: Path) -> None:
    """Of larger images fewer are made worse: what the first rung was asked is no measure for the
    others.
    """
    ladder = load_ladder("classic").part(["lenet5", "max-pooling", "same-padding"])
    keys = [TrialKey(rung.name, 0, fold) for rung in ladder.rungs for fold in range(3)]
    climb = make_climb(
        tmp_path, {key: share_right(0.7, 40, n) for n, key in enumerate(keys)}, ladder
    )
    for key in keys[3:]:
        run = saved_run.SavedRun(folders.trial_folder(climb, key))
        few = replace(
            run.corrupted, rows=run.corrupted.rows[:25], correct=run.corrupted.correct[..., :25]
        )
        saved_run.write_arrays(run.folder, run.samples, run.features, few)
    (claim,) = cl.Climb(climb).corrupted_against_parent
    assert (claim.name, claim.reference) == (keys[6].rung, keys[3].rung)
    assert claim.difference.p_value is not None
