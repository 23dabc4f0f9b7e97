"""ROC and precision-recall curves as pictures, and on the pages of a run and of a climb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import convladder as cl
from convladder.core.errors import RunError
from convladder.core.ladder import load_ladder
from convladder.evaluation import predictions
from convladder.evaluation.curves import Curves
from convladder.report import curve_plots
from convladder.results.folders import TrialKey
from convladder.results.seed_runs import SeedRun, measure_curves
from made_runs import make_climb, make_run, share_right


def draw_table(classes: int) -> pd.DataFrame:
    """Draw predictions of 20 test images per class."""
    labels = np.repeat(np.arange(classes), 20)
    logits = 2 * np.eye(classes)[labels] + np.random.default_rng(0).normal(
        size=(len(labels), classes)
    )
    return predictions.make_table(
        [str(number) for number in range(len(labels))],
        ["test"] * len(labels),
        labels.tolist(),
        logits.astype(np.float32),
        [f"class {number}" for number in range(classes)],
    )


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_a_legend_has_each_area_with_its_interval() -> None:
    found = Curves([draw_table(10)])
    told = legend_of(curve_plots.draw_roc(found, ["class 4"]))
    area = found.areas["class 4"][0]
    assert told == [f"class 4: AUC {area.mean:.2f} ({area.low:.2f} to {area.high:.2f})", "chance"]
    told = legend_of(curve_plots.draw_precision_recall(found))
    assert len(told) == 5  # three classes, their average, and chance
    assert told[3].startswith("macro average: AP 0.")


def test_of_two_classes_the_legend_names_the_positive_one() -> None:
    told = legend_of(curve_plots.draw_roc(Curves([draw_table(2)])))
    assert told[0].startswith("positive: class 1, AUC 0.")
    assert told[1:] == ["chance"]


def test_twelve_classes_look_apart() -> None:
    found = Curves([draw_table(12)])
    axes = curve_plots.draw_roc(found, found.classes)
    looks = {
        (str(line.get_color()), str(line._dash_pattern))
        for line in axes.lines
        if str(line.get_label()).startswith("class")
    }
    assert len(looks) == 12


def test_the_chance_of_precision_is_the_share_of_the_class() -> None:
    axes = curve_plots.draw_precision_recall(Curves([draw_table(4)]), ["class 0"])
    (chance,) = [line for line in axes.lines if str(line.get_label()).startswith("chance")]
    assert list(chance.get_ydata()) == [0.25, 0.25]  # type: ignore[arg-type]


def test_a_run_has_both_curves_on_its_page_and_as_files(tmp_path: Path) -> None:
    run = cl.Run(make_run(tmp_path / "run", right=share_right(0.7, 60, 0)).folder)
    page = run.report().read_text(encoding="utf-8")
    assert "They cover the choice of test images." in page
    assert page.index("Classification report") < page.index("ROC and precision-recall curves")
    assert {"roc.png", "precision-recall.png"} <= {
        path.name for path in (run.folder / "plots").iterdir()
    }
    assert run.plot_roc().get_xlabel() == "false positive rate"
    assert run.plot_precision_recall(classes=["cat"]).get_ylabel() == "precision"


def test_a_climb_has_those_of_all_seeds_of_the_rung_that_it_shows(tmp_path: Path) -> None:
    runs = {TrialKey("lenet5", seed): share_right(0.7, 60, seed) for seed in range(3)}
    climb = cl.Climb(make_climb(tmp_path, runs, load_ladder("classic").part(["lenet5"])))
    page = climb.report().read_text(encoding="utf-8")
    assert "averages over all 3 seeds of lenet5" in page
    axes = climb.plot_roc("lenet5")
    areas = measure_curves(climb.lineup.pooled["lenet5"]).areas["dog"]
    assert f"AUC {areas[0].mean:.2f} (" in legend_of(axes)[0]
    assert climb.plot_precision_recall("lenet5", classes=["cat", "dog"]) is not None
    with pytest.raises(RunError, match="'nothing' has no finished run"):
        climb.plot_roc("nothing")


def test_a_climb_over_folds_says_why_it_has_no_bands(tmp_path: Path) -> None:
    runs = {TrialKey("lenet5", 0, fold): share_right(0.7, 20, fold) for fold in range(3)}
    climb = cl.Climb(make_climb(tmp_path, runs, load_ladder("classic").part(["lenet5"])))
    page = climb.report().read_text(encoding="utf-8")
    assert "There are no bands, because the folds share training images." in page
    assert "(" not in legend_of(climb.plot_roc("lenet5"))[0]


def test_a_page_without_enough_test_images_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", right=np.array([True, False, True]))
    page = cl.Run(run.folder).report().read_text(encoding="utf-8")
    assert "A curve takes at least two test images of a class" in page


def test_runs_on_other_images_are_refused_by_name(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / name, right=share_right(0.7, 20, 0), prefix=name) for name in ("a", "b")
    ]
    with pytest.raises(RunError, match=r"not about the same images: .*/a, .*/b"):
        measure_curves([SeedRun((run,)) for run in runs])
