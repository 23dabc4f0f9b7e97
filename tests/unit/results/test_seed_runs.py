"""Cross-validation, from run folders whose figures are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from convladder.core.errors import RunError
from convladder.evaluation import cross_validation
from convladder.results.comparison import RunComparison
from convladder.results.groups import GroupComparison
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import pool
from made_runs import make_run, share_right

FOLDS = 5
IMAGES = 40  # of each fold


def make_folds(
    folder: Path,
    name: str,
    right: Sequence[NDArray[np.bool_]],
    *,
    seed: int = 0,
    changes: Mapping[str, object] | None = None,
    images_of: Sequence[int] | None = None,
) -> list[SavedRun]:
    """Write a run a fold, each tested on images of its own; `images_of` gives each those of another
    fold.
    """
    return [
        make_run(
            folder / name / f"fold-{fold}-seed-{seed}",
            rung=name,
            seed=seed,
            right=correct,
            prefix=f"{images_of[fold] if images_of else fold}-",
            changes={"data.folds": len(right), "data.fold": fold} | dict(changes or {}),
        )
        for fold, correct in enumerate(right)
    ]


def shares(share: float, seed: int) -> list[NDArray[np.bool_]]:
    return [share_right(share, IMAGES, 100 * seed + fold) for fold in range(FOLDS)]


def test_the_folds_of_a_seed_test_every_image_once(tmp_path: Path) -> None:
    right = shares(0.7, 1)
    (pooled,) = pool(make_folds(tmp_path, "lenet5", right)[::-1])
    assert len(set(pooled.tested["path"])) == FOLDS * IMAGES
    assert pooled.tested_in.tolist() == np.repeat(range(FOLDS), IMAGES).tolist()
    lineup = GroupComparison({"lenet5": pooled.runs})
    assert lineup.correct["lenet5"].tolist() == [np.concatenate(right).tolist()]
    assert lineup.folds == FOLDS


def test_a_seed_that_lacks_a_fold_is_left_out(tmp_path: Path) -> None:
    whole = make_folds(tmp_path, "lenet5", shares(0.7, 1))
    part = make_folds(tmp_path, "lenet5", shares(0.7, 2), seed=1)[:-1]
    assert [pooled.seed for pooled in pool([*whole, *part])] == [0]
    assert GroupComparison({"lenet5": part}).groups == {}


def test_the_interval_and_the_verdict_are_those_of_overlapping_folds(tmp_path: Path) -> None:
    good, bad = shares(0.9, 1), shares(0.5, 2)
    lineup = GroupComparison(
        {
            "good": make_folds(tmp_path, "good", good, changes={"model.pooling": "max"}),
            "bad": make_folds(tmp_path, "bad", bad),
        }
    )
    tables = {"good": np.concatenate(good)[np.newaxis], "bad": np.concatenate(bad)[np.newaxis]}
    folds = np.repeat(np.arange(FOLDS), IMAGES)
    assert lineup.standings["good"].estimate == cross_validation.estimate(tables["good"], folds)
    assert lineup.standings["good"].run_values == tuple(float(fold.mean()) for fold in good)
    (claim,) = lineup.claims([("good", "bad")])
    seeds = {"good": [0], "bad": [0]}
    (expected,) = cross_validation.compare(tables, [("good", "bad")], seeds, folds=folds)
    assert claim.difference == expected
    assert claim.difference.verdict == "better"


def test_robustness_is_measured_over_all_folds(tmp_path: Path) -> None:
    lineup = GroupComparison({"lenet5": make_folds(tmp_path, "lenet5", shares(0.7, 1))})
    found = lineup.robustness["lenet5"]
    assert found.clean.images == FOLDS * IMAGES
    assert found.clean.mean == pytest.approx(lineup.standings["lenet5"].estimate.mean)


def test_folders_of_folds_are_compared(tmp_path: Path) -> None:
    make_folds(tmp_path, "good", shares(0.9, 1), changes={"model.pooling": "max"})
    make_folds(tmp_path, "bad", shares(0.5, 2))
    compared = RunComparison([tmp_path / "bad", tmp_path / "good"])
    assert not compared.of_networks
    assert [claim.difference.verdict for claim in compared.claims] == ["better"]


def test_folds_are_not_compared_with_a_single_split(tmp_path: Path) -> None:
    folds = make_folds(tmp_path, "lenet5", shares(0.9, 1))
    single = make_run(tmp_path / "single", right=share_right(0.9, IMAGES, 3))
    with pytest.raises(RunError, match="runs of a cross-validation cannot be compared with others"):
        _ = GroupComparison({"a": folds, "b": [single]}).standings


def test_the_same_images_in_other_folds_are_not_compared(tmp_path: Path) -> None:
    make_folds(tmp_path, "first", shares(0.9, 1))
    otherwise = {"data.split_seed": 1}
    make_folds(tmp_path, "second", shares(0.5, 2), changes=otherwise, images_of=[1, 0, 2, 3, 4])
    with pytest.raises(
        RunError, match=r"second.* into other folds .*: train with the same data.split_seed and"
    ):
        RunComparison([tmp_path / "first", tmp_path / "second"])


def test_five_folds_are_not_compared_with_ten(tmp_path: Path) -> None:
    five = make_folds(tmp_path, "five", shares(0.9, 1))
    ten = make_folds(tmp_path, "ten", [share_right(0.9, IMAGES // 2, fold) for fold in range(10)])
    with pytest.raises(RunError, match=r"ten.* into other folds"):
        _ = GroupComparison({"five": five, "ten": ten}).standings
