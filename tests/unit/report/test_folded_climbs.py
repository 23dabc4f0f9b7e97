"""What is said of a cross-validation, on its page and elsewhere; from run folders whose figures are
known.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import convladder as cl
from convladder.cli import results_output
from convladder.core import files
from convladder.core.errors import ExperimentError, RunError
from convladder.core.ladder import load_ladder
from convladder.evaluation import calibration, metrics, predictions
from convladder.results import folders
from convladder.results.folders import TrialKey
from convladder.results.saved_climb import SavedClimb
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun
from made_runs import make_climb, make_run, share_right

FOLDS, IMAGES = 3, 20  # test images of a fold


def fold_up(folder: Path, *rungs: str, unfinished: tuple[str, int] | None = None) -> Path:
    """Write a cross-validation of rungs of the classic ladder; `unfinished` is a rung and a fold
    that it lacks.
    """
    trials = {
        TrialKey(rung, 0, fold): []
        if (rung, fold) == unfinished
        else share_right(0.6, IMAGES, 10 * number + fold)
        for number, rung in enumerate(rungs)
        for fold in range(FOLDS)
    }
    return make_climb(folder, trials, load_ladder("classic").part(rungs))


def words_of(page: Path) -> str:
    """Return what can be read on a page, without its marks."""
    body = page.read_text(encoding="utf-8").partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture(scope="module")
def one_rung(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cross-validation of batch-norm alone, with its page."""
    folder = fold_up(tmp_path_factory.mktemp("one"), "batch-norm")
    cl.Climb(folder).report()
    return folder


def test_the_page_is_of_all_images_each_predicted_by_the_network_of_its_fold(
    one_rung: Path,
) -> None:
    climbed, text = cl.Climb(one_rung), words_of(one_rung / "report.html")
    table = pd.concat([run.tested for run in climbed.runs("batch-norm")])
    figures = metrics.compute(table)["test"]
    assert figures["images"] == FOLDS * IMAGES
    assert f"This section shows all {FOLDS * IMAGES} images" in text
    assert (
        f"Accuracy {figures['accuracy']:.4f}, log loss {figures['log_loss']:.4f}, on 60 test images"
        in text
    )
    mistakes = ((table["label"] == "cat") & (table["predicted"] == "dog")).sum()
    assert f"cat dog {mistakes} of 30" in text
    assert (
        f"of one network: {folders.TrialKey('', 0, climbed.shown.experiment.data.fold).name}"
        in text
    )
    # in all splits, of which fold 0 has 10 a class
    assert "class images cat 30 dog 30 all 60" in text


def test_the_predictions_of_all_folds_are_a_table(one_rung: Path) -> None:
    table = cl.Climb(one_rung).predictions("batch-norm")
    assert list(table.columns) == [
        "seed",
        "fold",
        "path",
        "split",
        "label",
        "predicted",
        "p:cat",
        "p:dog",
    ]
    assert table["path"].is_unique
    assert table["fold"].tolist() == np.repeat(range(FOLDS), IMAGES).tolist()
    written = predictions.read(one_rung / "trials/batch-norm/predictions.csv")
    assert written[["path", "predicted"]].equals(table[["path", "predicted"]])
    with pytest.raises(
        RunError, match="'lenet5' has no finished run: the rungs with one are batch-norm"
    ):
        cl.Climb(one_rung).predictions("lenet5")


def test_one_rung_alone_has_a_page_without_empty_tables(one_rung: Path) -> None:
    page = (one_rung / "report.html").read_text(encoding="utf-8")
    assert re.search(r">batch-norm</span> gets [\d.]+ % of test images right\.</h1>", page)
    headline = SavedClimb(one_rung).headline()
    assert re.search(r"\(95 % interval [\d.]+ to [\d.]+\), the mean of 3 networks\. ", headline)
    assert headline.endswith("Every image was tested once, in 3 folds.")
    for empty in (
        "What each technique",
        "Compared with the start",
        "More than one change",
        "the rung to use",
        "Holm",
        "than its parent",
    ):
        assert empty not in page


def test_the_curves_are_of_folds(one_rung: Path) -> None:
    page = (one_rung / "report.html").read_text(encoding="utf-8")
    assert "train, each fold" in page
    assert "each seed" not in page


def test_a_run_is_named_with_its_fold(one_rung: Path) -> None:
    run = cl.Run(one_rung / "trials/batch-norm/fold-2-seed-0")
    assert repr(run).startswith("<Run batch-norm, fold 2, seed 0: test accuracy")
    alone = make_run(one_rung.parent / "alone", right=share_right(0.6, IMAGES, 0))
    assert repr(cl.Run(alone.folder)).startswith("<Run lenet5, seed 0: ")


def test_the_page_of_a_comparison_speaks_of_folds(tmp_path: Path) -> None:
    climbed = fold_up(tmp_path / "climb", "lenet5", "max-pooling")
    compared = cl.compare(climbed / "trials/lenet5", climbed / "trials/max-pooling")
    text = words_of(compared.report(tmp_path / "out"))
    assert "each dot a fold" in text
    assert "The test over the 3 folds" in text
    assert "seeds and test images" not in text


def test_the_json_of_a_climb_has_its_folds(
    one_rung: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results_output.climb(SavedClimb(one_rung), one_rung / "report.html", json_wanted=True)
    assert json.loads(capsys.readouterr().out)["folds"] == FOLDS


def test_one_rung_is_printed_without_columns_of_a_comparison(
    one_rung: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results_output.climb(SavedClimb(one_rung), one_rung / "report.html", json_wanted=False)
    assert "verdict" not in capsys.readouterr().out


def test_a_reading_counts_folds_not_seeds(tmp_path: Path) -> None:
    climbed = cl.Climb(fold_up(tmp_path, "lenet5", "max-pooling"))
    assert "With 3 folds and 60 test images" in climbed.reading("max-pooling")


def test_a_rung_that_lacks_a_fold_is_said_to_be_left_out(tmp_path: Path) -> None:
    climbed = cl.Climb(fold_up(tmp_path, "lenet5", "max-pooling", unfinished=("max-pooling", 1)))
    assert climbed.left_out == {("max-pooling", 0): 1}
    assert "max-pooling, seed 0, lacks 1 of 3 folds and is left out." in words_of(climbed.report())


def test_hints_name_a_run_that_there_is(one_rung: Path, tmp_path: Path) -> None:
    rung = one_rung / "trials/batch-norm"
    with pytest.raises(
        RunError, match=f"is a climb: give one of its runs, such as {rung}/fold-0-seed-0$"
    ):
        SavedRun(one_rung)
    with pytest.raises(RunError, match=f"give rungs of the climb, such as {rung}$"):
        cl.compare(one_rung)
    files.write_json(tmp_path / "climb.json", {})
    with pytest.raises(RunError, match=r"is a climb without a finished run$"):
        SavedRun(tmp_path)


def test_a_leak_that_was_kept_is_told_at_the_top(tmp_path: Path) -> None:
    folder = fold_up(tmp_path, "lenet5")
    about = files.read_json(folder / "climb.json")
    about["data"]["notes"] = [
        "kept a leak: 3 of train are copies of images of test",
        "image size 16x16",
    ]
    files.write_json(folder / "climb.json", about)
    text = words_of(cl.Climb(folder).report())
    card = (
        "Warning: train and test overlap. The splits of these data leak and were kept unchanged: "
        "3 of train are copies"
    )
    assert text.index(card) < text.index("Use lenet5")
    assert text.count("Warning: train and test overlap.") == 1


def test_each_network_has_a_temperature_of_its_own(one_rung: Path) -> None:
    pooled: SeedRun = SavedClimb(one_rung).shown_seed
    tables = [run.predictions for run in pooled.runs]
    own = [calibration.assess(table) for table in tables]
    together = calibration.assess(*tables)
    assert together.temperature == pytest.approx(
        np.prod([each.temperature for each in own]) ** (1 / FOLDS)
    )
    assert together.log_loss_after == pytest.approx(np.mean([each.log_loss_after for each in own]))
    assert sum(each.accuracy.images for each in together.bins) == FOLDS * IMAGES


@pytest.mark.parametrize("folds", [0, 1])
def test_so_few_folds_are_refused_and_not_passed_over(folds: int) -> None:
    with pytest.raises(
        ExperimentError, match=r"data\.folds: Input should be greater than or equal to 2"
    ):
        cl.climb("digits", folds=folds, quiet=True)
