"""Climbs and comparisons that are judged by another metric than accuracy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import convladder as cl
from command_line import convladder_here
from convladder.core import files
from convladder.core.errors import ExperimentError, RunError
from convladder.core.ladder import load_ladder
from convladder.core.metrics import metric_named
from convladder.evaluation import predictions, scores
from convladder.evaluation.metrics import compute
from convladder.results import standings
from convladder.results.comparison import RunComparison
from convladder.results.folders import TrialKey, trial_folder
from convladder.results.groups import GroupComparison
from convladder.results.saved_climb import SavedClimb
from convladder.results.seed_runs import estimate_of
from made_runs import make_climb, make_run, share_right

RUNGS = ("lenet5", "max-pooling", "same-padding")
SETTINGS = {"a": {"train.batch_size": 16}, "b": {"train.batch_size": 32}}
SHARES = dict(zip(RUNGS, (0.6, 0.9, 0.9), strict=True))


def judged(tmp_path: Path, name: str) -> SavedClimb:
    """A climb of three rungs, of which the second is much better than the first."""
    ladder = load_ladder("classic").part(RUNGS)
    ladder.base["metric"] = name
    right = {
        TrialKey(rung, seed): share_right(SHARES[rung], 400, seed + 10 * place)
        for place, rung in enumerate(RUNGS)
        for seed in range(3)
    }
    return SavedClimb(make_climb(tmp_path / "climb", right, ladder))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("macro-f1", 0.55, 0.65),
        ("balanced-accuracy", 0.55, 0.65),
        ("auroc", 0.55, 0.65),
        ("recall@dog", 0.5, 0.7),
        ("f1@cat", 0.5, 0.7),
        ("log-loss", 1.2, 2.0),
        ("brier", 0.6, 0.9),
    ],
)
def test_a_climb_is_judged_by_its_metric(
    tmp_path: Path, name: str, low: float, high: float
) -> None:
    climb, metric = judged(tmp_path, name), metric_named(name)
    assert climb.lineup.metric == metric
    start, better = climb.standings["lenet5"], climb.standings["max-pooling"]
    assert low < start.estimate.mean < high
    assert 0 < start.estimate.low < start.estimate.mean < start.estimate.high
    assert np.mean(start.seed_values) == pytest.approx(start.estimate.mean)
    claim, undecided = climb.against_parent
    assert (claim.difference.verdict, undecided.difference.verdict) == ("better", "undecided")
    found = claim.difference.difference
    assert found == pytest.approx(better.estimate.mean - start.estimate.mean)
    assert metric.as_score(found) > 0
    ends = claim.difference.family_low, claim.difference.family_high
    assert ends[0] < found < ends[1]
    assert claim.beats is not None
    assert claim.beats.value > 0.9


def test_tables_and_words_have_the_metric(tmp_path: Path) -> None:
    climb = judged(tmp_path, "log-loss")
    table = climb.summary_table()
    assert {"log_loss", "log_loss_low", "log_loss_high", "validation_log_loss"} <= {*table}
    assert table.set_index("rung")["parent_difference"]["max-pooling"] < 0
    assert "Log loss" in climb.headline()
    assert "points" not in climb.headline()


def test_the_value_of_a_seed_is_that_of_scikit_learn(tmp_path: Path) -> None:
    climb = judged(tmp_path, "macro-f1")
    run = climb.standings["lenet5"].runs[0]
    expected = metrics.f1_score(run.tested["label"], run.tested["predicted"], average="macro")
    assert climb.standings["lenet5"].seed_values[0] == pytest.approx(expected)
    assert run.measure(metric_named("macro-f1"), "test") == pytest.approx(expected)


def test_runs_are_compared_by_what_is_asked_for(tmp_path: Path) -> None:
    folders = []
    for name, share in (("a", 0.6), ("b", 0.9)):
        for seed in range(3):
            folders.append(tmp_path / name / f"seed-{seed}")
            right = share_right(share, 400, seed)
            make_run(folders[-1], rung=name, seed=seed, right=right, changes=SETTINGS[name])
    compared = RunComparison(folders, metric="brier")
    assert compared.claims[0].difference.verdict == "better"
    assert compared.claims[0].difference.difference < 0
    single = RunComparison([folders[0], folders[3]], metric="brier")
    assert single.of_networks
    assert single.claims[0].difference.verdict == "better"
    with pytest.raises(
        RunError, match="metric recall@fox: unknown class 'fox': choose from cat, dog"
    ):
        _ = RunComparison(folders, metric="recall@fox").claims


def test_networks_that_are_right_alike_are_not_different_in_anything(tmp_path: Path) -> None:
    """No image differs, and yet nothing is certain of other images."""
    right = share_right(0.8, 400, 0)
    for name in ("a", "b"):
        make_run(tmp_path / name, rung=name, right=right, changes=SETTINGS[name])
    for metric in ("brier", "auroc", "recall@cat"):
        (claim,) = RunComparison([tmp_path / "a", tmp_path / "b"], metric=metric).claims
        assert claim.difference.verdict == "undecided"
        assert claim.difference.low is not None
        assert claim.difference.low < 0


def test_runs_for_different_metrics_need_a_choice(tmp_path: Path) -> None:
    runs = {
        name: [make_run(tmp_path / name, right=share_right(0.7, 50, 0), changes={"metric": name})]
        for name in ("brier", "auroc")
    }
    with pytest.raises(RunError, match=r"for different metrics \(auroc, brier\): choose one with"):
        GroupComparison(runs)


def test_the_command_compares_by_a_metric(tmp_path: Path) -> None:
    for name, share in (("a", 0.6), ("b", 0.9)):
        right = share_right(share, 400, 1)
        make_run(tmp_path / name, rung=name, right=right, changes=SETTINGS[name])
    done = convladder_here("compare", "a", "b", "--metric", "f1@dog", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["metric"] == "f1@dog"
    table = predictions.read(tmp_path / "a" / "predictions.csv")
    answers = predictions.answers(predictions.part(table, "test"))
    expected = scores.value(metric_named("f1@dog"), answers)
    assert pd.DataFrame(told["groups"])["f1@dog"][0] == pytest.approx(expected)
    refused = convladder_here("compare", "a", "b", "--metric", "f2", cwd=tmp_path)
    assert refused.returncode == 2
    assert "unknown metric 'f2': choose from accuracy" in refused.stderr


def test_probabilities_are_a_family_of_their_own(tmp_path: Path) -> None:
    climb = judged(tmp_path, "accuracy")
    claims = climb.probabilities_against_parent
    assert [(claim.metric.name, claim.name) for claim in claims] == [
        (metric, rung) for metric in ("brier", "log-loss") for rung in RUNGS[1:]
    ]
    assert [claim.difference.verdict for claim in claims] == ["better", "undecided"] * 2
    assert "In Brier score, of 2 steps: 1 better (max-pooling)." in climb.headline()
    table = climb.summary_table().set_index("rung")
    assert table["parent_brier_verdict"]["max-pooling"] == "better"
    assert table["parent_log_loss_difference"]["max-pooling"] < 0


def test_the_metric_of_the_climb_is_not_asked_about_twice(tmp_path: Path) -> None:
    climb = judged(tmp_path, "brier")
    assert {claim.metric.name for claim in climb.probabilities_against_parent} == {"log-loss"}


def test_a_run_of_one_fold_has_a_report_of_its_own(tmp_path: Path) -> None:
    ladder = load_ladder("classic").part(["lenet5"])
    right = {TrialKey("lenet5", 0, fold): share_right(0.7, 60, fold) for fold in range(3)}
    climb = make_climb(tmp_path / "climb", right, ladder)
    run = cl.Run(trial_folder(climb, TrialKey("lenet5", 0, 1)))
    expected = f"{100 * run.metrics['test']['accuracy']:.1f} %"
    page = run.report().read_text("utf-8")
    assert f"<h1>lenet5 gets {expected} of test images right on pets.</h1>" in page
    assert '<a href="../../../report.html">See all its rungs</a>' in page


def test_a_margin_is_of_the_climbs_metric_alone(tmp_path: Path) -> None:
    climb = judged(tmp_path, "auroc")
    about = files.read_json(climb.folder / "climb.json") | {"margin": 0.5}
    files.write_json(climb.folder / "climb.json", about)
    climb = SavedClimb(climb.folder)
    assert {claim.difference.margin for claim in climb.against_parent} == {0.5}
    others = [*climb.probabilities_against_parent, *climb.corrupted_against_parent]
    assert {claim.difference.margin for claim in others} == {None}
    with pytest.raises(ExperimentError, match="differences in AUROC, more than 0 and less than 1"):
        cl.climb("digits", metric="auroc", margin=2)
    runs = climb.lineup.groups["lenet5"][0].folder, climb.lineup.groups["max-pooling"][0].folder
    with pytest.raises(ExperimentError, match="differences in AUROC, more than 0 and less than 1"):
        cl.compare(*runs, margin=1)


def test_recall_is_told_with_what_it_was_bought_with(tmp_path: Path) -> None:
    climb = judged(tmp_path, "recall@dog")
    said = climb.headline()
    assert climb.best is not None
    accuracy = f"{100 * climb.standings[climb.best].accuracy:.1f} %"
    assert f"Its precision of dog is {precision_of(climb)}, and its accuracy {accuracy}." in said
    assert "400 test images, 200 of them dog" in climb.standings["lenet5"].tested
    rows = standings.table(climb.standings, "rung")
    assert rows[0]["accuracy"] == f"{100 * climb.standings['lenet5'].accuracy:.1f} %"


def test_ten_images_that_are_alike_show_no_equality_within_ten_points(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for seed in range(3):
            folder = tmp_path / name / f"seed-{seed}"
            make_run(folder, rung=name, seed=seed, right=np.ones(20, bool), changes=SETTINGS[name])
    folders = [path for name in ("a", "b") for path in sorted((tmp_path / name).iterdir())]
    (claim,) = RunComparison(folders, margin=10, metric="recall@dog").claims
    assert claim.difference.verdict == "undecided"


@pytest.mark.parametrize(("missed", "verdict"), [(0, "undecided"), (1, "undecided"), (25, "worse")])
def test_forty_images_show_no_equality_but_may_show_a_difference(
    tmp_path: Path, missed: int, verdict: str
) -> None:
    """Of 80 images 40 are dogs; one seed of the second misses some of them."""
    groups = {}
    for name, wrong in (("a", 0), ("b", missed)):
        right = np.ones((3, 80), bool)
        right[: 1 if wrong == 1 else 3, 1 : 2 * wrong : 2] = False
        groups[name] = [
            make_run(
                tmp_path / name / str(seed),
                rung=name,
                seed=seed,
                right=right[seed],
                changes=SETTINGS[name],
            )
            for seed in range(3)
        ]
    compared = GroupComparison(groups, margin=4, metric=metric_named("recall@dog"))
    (claim,) = compared.claims([("b", "a")])
    assert claim.difference.verdict == verdict


def test_the_metric_is_among_the_figures_of_each_trial(tmp_path: Path) -> None:
    climb = judged(tmp_path, "auroc")
    for run in climb.lineup.groups["lenet5"]:
        path = run.folder / "metrics.json"
        table = predictions.read(run.folder / "predictions.csv")
        computed = compute(table, metric_named("auroc"))
        files.write_json(path, files.read_json(path) | computed)
    climb = SavedClimb(climb.folder)
    table = climb.trials_table().set_index(["rung", "seed"])
    assert table["test_auroc"]["lenet5", 0] == climb.standings["lenet5"].run_values[0]


def test_a_loss_is_not_called_perfect_where_no_mistake_was_seen(tmp_path: Path) -> None:
    """With 12 images all answered rightly, a thirteenth may be wrong."""
    run = make_run(tmp_path / "a", right=np.ones(12, bool), changes={"metric": "log-loss"})
    found = estimate_of(run)
    assert found.mean == pytest.approx(0.018, abs=0.001)
    assert found.low < found.mean < 0.5 < found.high


def test_runs_that_were_chosen_for_another_metric_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        changes = SETTINGS[name] | {"metric": "recall@cat"}
        make_run(tmp_path / name, rung=name, right=share_right(0.7, 50, 1), changes=changes)
    (note,) = RunComparison([tmp_path / "a", tmp_path / "b"], metric="brier").notes
    assert "chosen for recall of cat, and not for the Brier score" in note


def test_the_best_is_the_one_with_least_loss_and_of_equals_the_surer(tmp_path: Path) -> None:
    climb = judged(tmp_path, "log-loss")
    for rung, loss in (("lenet5", 0.5), ("max-pooling", 0.2), ("same-padding", 0.3)):
        set_on_validation(climb, rung, log_loss=loss)
    assert SavedClimb(climb.folder).best == "max-pooling"
    climb = judged(tmp_path / "other", "recall@dog")
    for rung, loss in (("lenet5", 0.5), ("max-pooling", 0.3), ("same-padding", 0.2)):
        set_on_validation(climb, rung, log_loss=loss, **{"recall@dog": 1.0})
    assert SavedClimb(climb.folder).best == "same-padding"


def precision_of(climb: SavedClimb) -> str:
    tables = [run.tested for run in climb.lineup.groups[climb.best or ""]]
    values = [
        metrics.precision_score(table["label"], table["predicted"], pos_label="dog")
        for table in tables
    ]
    return f"{100 * np.mean(values):.1f} %"


def set_on_validation(climb: SavedClimb, rung: str, **values: float) -> None:
    for run in climb.lineup.groups[rung]:
        figures = files.read_json(run.folder / "metrics.json")
        figures["validation"] |= values
        files.write_json(run.folder / "metrics.json", figures)
