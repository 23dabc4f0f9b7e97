"""`convladder compare`: any runs on the same test images."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import convladder as cl
from made_runs import make_run, share_right

IMAGES = 400


@pytest.fixture
def rungs(tmp_path: Path) -> Path:
    """Make two rungs of four seeds, of which the second is better by far."""
    for rung, share in (("lenet5", 0.6), ("batch-norm", 0.8)):
        for seed in range(4):
            draw = seed + (10 if rung == "batch-norm" else 0)
            changes = {"model.batch_norm": rung == "batch-norm"}
            folder = tmp_path / rung / f"seed-{seed}"
            make_run(
                folder,
                rung=rung,
                seed=seed,
                right=share_right(share, IMAGES, draw),
                changes=changes,
            )
    return tmp_path


def compare(*arguments: str | Path, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "convladder", "compare", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_rungs_are_compared_over_seeds_as_in_a_climb(rungs: Path) -> None:
    found = cl.compare(rungs / "lenet5", rungs / "batch-norm")
    (claim,) = found.claims
    assert not found.of_networks
    assert (claim.name, claim.reference, claim.difference.verdict) == (
        "batch-norm",
        "lenet5",
        "better",
    )
    assert claim.difference.difference == pytest.approx(0.2, abs=0.04)
    assert found.changes["batch-norm"] == {"model.batch_norm": True}
    assert list(found.table()["name"]) == ["lenet5", "batch-norm"]
    assert found.corrupted_claims[0].difference.verdict == "better"


def test_the_seeds_may_be_named_one_by_one(rungs: Path) -> None:
    one_by_one = [
        rungs / rung / f"seed-{seed}" for seed in range(4) for rung in ("lenet5", "batch-norm")
    ]
    assert (
        cl.compare(*one_by_one).claims == cl.compare(rungs / "lenet5", rungs / "batch-norm").claims
    )


def test_single_runs_are_compared_as_networks(rungs: Path) -> None:
    found = cl.compare(rungs / "lenet5/seed-0", rungs / "batch-norm/seed-0")
    assert found.of_networks
    assert found.claims[0].difference.p_value is not None
    assert "these trained networks" in found.headline()
    assert found.corrupted_claims == []


def test_one_seed_against_several_allows_no_comparison(rungs: Path) -> None:
    found = cl.compare(rungs / "lenet5", rungs / "batch-norm/seed-0")
    assert found.claims[0].difference.verdict == "no comparison"
    assert "one of them has one seed only" in found.headline()


def test_seeds_of_one_rung_are_compared_as_networks(rungs: Path) -> None:
    found = cl.compare(rungs / "lenet5")
    assert list(found.standings) == [f"lenet5, seed {seed}" for seed in range(4)]
    assert found.of_networks


def test_the_order_of_the_images_does_not_matter(rungs: Path, tmp_path: Path) -> None:
    right, order = share_right(0.8, IMAGES, 3), np.random.default_rng(0).permutation(IMAGES)
    changes = {"train.epochs": 3}
    plain = make_run(tmp_path / "plain", rung="other", right=right, changes=changes)
    shuffled = make_run(
        tmp_path / "shuffled", rung="other", right=right, changes=changes, order=order
    )
    reference = rungs / "lenet5/seed-0"
    found = [cl.compare(reference, run.folder).claims[0].difference for run in (plain, shuffled)]
    assert found[0] == found[1]
    assert cl.compare(reference, plain.folder).lineup.asked_alike("lenet5", "other")
    assert not cl.compare(reference, shuffled.folder).lineup.asked_alike("lenet5", "other")


def test_equal_rungs_are_told_apart_by_their_settings(tmp_path: Path) -> None:
    for name, rate in (("first", 1e-3), ("second", 3e-4)):
        changes = {"train.learning_rate": rate}
        make_run(tmp_path / name, right=share_right(0.7, IMAGES, 1), changes=changes)
    found = cl.compare(tmp_path / "first", tmp_path / "second")
    assert list(found.standings) == ["lenet5", "lenet5 (learning_rate = 0.0003)"]


def test_a_page_and_a_table_are_written(rungs: Path) -> None:
    done = compare("lenet5", "batch-norm", "--out", "out", cwd=rungs)
    assert "better" in done.stdout
    page = (rungs / "out/report.html").read_text()
    assert re.search(">batch-norm</span> is better than lenet5 by .* points on the same 400", page)
    assert "<script" not in page
    assert page.count("<svg") == 1
    assert (rungs / "out/plots/comparison.png").exists()
    assert pd.read_csv(rungs / "out/summary.csv")["reference_verdict"].tolist()[1] == "better"
    assert (
        "already exists"
        in compare("lenet5", "batch-norm", "--out", "out", cwd=rungs, status=2).stderr
    )


def test_without_out_the_page_gets_a_dated_folder(rungs: Path) -> None:
    compare("lenet5", "batch-norm", "--json", cwd=rungs)
    assert len(list((rungs / "comparisons").glob("*-lenet5/report.html"))) == 1


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["lenet5", "nothing"], "there is no folder nothing"),
        (["lenet5/seed-0"], "needs two or more runs"),
        (["lenet5", "lenet5/seed-0"], "lenet5/seed-0 is given twice"),
        (["lenet5", "few"], "of its 10 test images 10 are among their 400"),
        (["lenet5", "again"], "lenet5/seed-0 and again are the same experiment with the same seed"),
        (["lenet5", "relabelled"], "images of the same names with other labels"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(
    rungs: Path, paths: list[str], said: str
) -> None:
    changes, right = {"train.epochs": 3}, share_right(0.5, IMAGES, 0)
    make_run(rungs / "few", rung="few", right=right[:10], changes=changes)
    make_run(rungs / "again", right=right, changes={"model.batch_norm": False})
    relabelled = make_run(rungs / "relabelled", rung="other", right=right, changes=changes)
    text = (relabelled.folder / "predictions.csv").read_text()
    (relabelled.folder / "predictions.csv").write_text(
        text.replace('"test","cat"', '"test","dog"', 1)
    )
    error = compare(*paths, cwd=rungs, status=2).stderr
    assert said in " ".join(error.split())
    assert not (rungs / "comparisons").exists()


def test_other_data_of_the_same_names_is_pointed_out(rungs: Path, tmp_path: Path) -> None:
    make_run(
        tmp_path / "moved", rung="other", right=share_right(0.5, IMAGES, 0), source="elsewhere"
    )
    (note,) = cl.compare(rungs / "lenet5/seed-0", tmp_path / "moved").notes
    assert note.startswith("The runs name different data (pets, elsewhere)")
