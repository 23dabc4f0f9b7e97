"""The Python interface: `load`, `train`, `climb`, and what they return."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes

import convladder as cl
from convladder.results.folders import TrialKey
from made_runs import make_climb, share_right

mpl.use("agg")
pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture(scope="module")
def digits() -> cl.Dataset:
    return cl.load("digits", limit=200, quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def run(digits: cl.Dataset, folder: Path) -> cl.Run:
    return cl.train(digits, "max-pooling", epochs=2, out=folder / "run", quiet=True)


@pytest.fixture(scope="module")
def climb(digits: cl.Dataset, folder: Path) -> cl.Climb:
    rungs = ["lenet5", "max-pooling"]
    return cl.climb(
        digits, rungs=rungs, seeds=2, epochs=2, jobs=1, out=folder / "climb", quiet=True
    )


def test_a_dataset_gives_its_pixels_and_labels(digits: cl.Dataset) -> None:
    assert digits.images("test").shape == (30, 16, 16, 1)
    assert digits.images().dtype == np.uint8
    assert len(digits.images()) == len(digits.labels()) == 140
    assert digits.table().to_numpy().sum() == 200
    assert digits.table().loc["3", "test"] == np.sum(digits.labels("test") == 3)


def test_a_dataset_shows_itself(digits: cl.Dataset) -> None:
    assert "200 images, 16 × 16 × 1" in digits._repr_html_()
    grid = digits.plot_images(each=4)
    assert grid.shape == (10, 4)
    assert grid[7, 0].get_title() == "7"
    assert np.array_equal(
        grid[7, 1].images[0].get_array(), digits.images()[digits.labels() == 7][1].squeeze()
    )


def test_the_augmentation_is_shown_beside_the_image_as_it_is(digits: cl.Dataset) -> None:
    grid = digits.plot_augmentation(cl.Augmentation(shift=0.3), images=2, each=3)
    assert grid.shape == (2, 4)
    pictures = [axes.images[0].get_array() for axes in grid[1]]
    assert np.array_equal(pictures[0], digits.images()[1].squeeze())
    assert not any(np.array_equal(pictures[0], changed) for changed in pictures[1:])


def test_a_run_has_its_tables_and_plots(run: cl.Run) -> None:
    assert list(run.history["epoch"]) == [1, 2]
    assert set(run.predictions["split"]) == {"validation", "test"}
    assert run.classification_report().loc["macro average", "images"] == 30
    assert isinstance(run.plot_history("loss"), Axes)
    assert run.plot_confusion().get_ylabel() == "true class"
    assert run.plot_samples().size >= 6
    assert "max-pooling, seed 0" in run._repr_html_()
    architecture = run.architecture()
    assert architecture["parameters"].sum() == run.metrics["price"]["parameters"]
    assert architecture.iloc[0].tolist() == ["pixels", "16 × 16 × 1", 0]
    page = run.report()
    assert page.name == "report.html"
    said = page.read_text()
    assert "cannot be shown on 30 validation images, it takes at least 299" in said
    assert '"text">guaranteed<' in said
    assert '"text">as seen on validation<' in said


def test_plots_take_the_callers_axes(run: cl.Run, climb: cl.Climb) -> None:
    from matplotlib import pyplot

    _, axes = pyplot.subplots()
    assert run.plot_history(ax=axes) is axes
    assert climb.plot_ladder(ax=axes) is axes
    pyplot.close("all")


def test_a_run_is_evaluated_on_other_images(run: cl.Run, folder: Path) -> None:
    figures = run.evaluate("digits", out=folder / "elsewhere", quiet=True)
    assert figures["all"]["images"] == 1797
    assert (folder / "elsewhere/predictions.csv").is_file()
    with pytest.raises(cl.ConvladderError, match="already exists"):
        run.evaluate("digits", out=folder / "elsewhere", quiet=True)


def test_a_climb_has_its_claims_and_plots(climb: cl.Climb) -> None:
    assert list(climb.table()["rung"]) == ["lenet5", "max-pooling"]
    assert climb.table()["verdict"].iloc[1] in ("better", "worse", "undecided")
    assert [run.seed for run in climb.runs("lenet5")] == [0, 1]
    assert climb.best_run.rung in ("lenet5", "max-pooling")
    assert climb.plot_ladder().get_xlabel() == "accuracy on test, %"
    assert isinstance(climb.plot_history("lenet5"), Axes)
    assert climb.headline() in climb._repr_html_()
    reading = climb.reading("max-pooling")
    assert reading.startswith("**max-pooling** against lenet5: ")
    assert "with 2 seeds and 30 test images" in reading or "so **" in reading
    assert reading.endswith("Cost: the same number of parameters, the same number of FLOPs.")
    with pytest.raises(cl.ConvladderError, match="'lenet5' has no parent to be compared with"):
        climb.reading("lenet5")
    with pytest.raises(cl.ConvladderError, match="'batch-norm' has no finished run"):
        climb.runs("batch-norm")


def test_a_climb_and_a_train_of_the_same_trial_predict_alike(run: cl.Run, climb: cl.Climb) -> None:
    """Threads may change the last digits, no more."""
    climbed = climb.runs("max-pooling")[0]
    assert climbed.experiment == run.experiment
    columns = [name for name in run.predictions if name.startswith("p:")]
    assert np.allclose(climbed.predictions[columns], run.predictions[columns], atol=1e-3)


def test_the_settings_of_a_loaded_dataset_are_those_of_the_run(run: cl.Run) -> None:
    assert run.experiment.data.limit == 200
    assert run.experiment.train.epochs == 2


def test_what_belongs_to_an_argument_is_no_change(digits: cl.Dataset) -> None:
    with pytest.raises(cl.ConvladderError, match="changes cannot set seed"):
        cl.train(digits, changes={"seed": 3}, quiet=True)
    with pytest.raises(cl.ConvladderError, match=r"did you mean 'train\.epochs'"):
        cl.climb(digits, changes={"train.epoch": 3}, quiet=True)


def test_a_notebook_gets_a_bar_that_is_renewed_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from convladder.core.tasks import Finished, Started
    from convladder.report import progress
    from convladder.results.folders import TrialKey

    shown: list[str] = []

    class Handle:
        def update(self, data: dict[str, str], raw: bool) -> None:
            assert raw
            shown.append(data["text/html"])

    monkeypatch.setattr("IPython.display.display", lambda *_, **__: Handle())
    reporter = progress.Reporter(Console(force_jupyter=True))
    with reporter.trials() as display:
        display.expect({TrialKey("<b>", 0): 1.0})
        display.follow(Started(TrialKey("<b>", 0)))
        display.follow(Finished(TrialKey("<b>", 0), None))
    assert "0 of 1 trials; &lt;b&gt; seed 0" in shown[0]
    assert shown[-1].startswith("1 trial in ")


def test_a_run_explains_itself(run: cl.Run) -> None:
    accuracies = run.class_accuracies()
    assert accuracies["images"].sum() == 30
    weighted = (accuracies["share"] * accuracies["images"]).sum() / 30
    assert weighted == pytest.approx(run.metrics["test"]["accuracy"])
    wrong = run.predictions.query("split == 'test' and label != predicted")
    assert run.confused_pairs(100)["mistakes"].sum() == len(wrong)
    assert set(run.most_wrong(100)["path"]) == set(wrong["path"])
    assert set(run.suspected_labels()["split"]) <= {"validation", "test"}
    assert run.selection(0.5).wanted == 0.5
    guaranteed, seen = run.selection(0.95), run.selection(0.95, as_seen=True)
    assert (guaranteed.basis, guaranteed.threshold) == ("guaranteed", None)  # of 30 images
    assert guaranteed.as_seen is not None
    assert (seen.basis, seen.threshold) == ("as-seen", guaranteed.as_seen.threshold)
    assert run.calibration().log_loss == pytest.approx(run.metrics["test"]["log_loss"], rel=1e-6)
    assert run.plot_reliability().get_xlabel() == "confidence"


def test_a_run_says_how_it_bears_worse_images(run: cl.Run, climb: cl.Climb) -> None:
    table = run.robustness()
    assert set(table["strength"]) == {0, 1, 2, 3, 4, 5}
    assert table["corruption"].nunique() == 7
    assert (table.query("strength == 0")["accuracy"] == run.metrics["test"]["accuracy"]).all()
    assert (table["low"] <= table["accuracy"]).all()
    assert run.plot_robustness().shape == (2, 4)
    assert climb.plot_robustness("max-pooling")[0, 0].get_title() == "Gaussian noise"
    assert len(climb.robustness("lenet5")) == 42
    assert [claim.name for claim in climb.corrupted_against_parent] == ["max-pooling"]


def test_a_run_predicts_files(run: cl.Run, digits: cl.Dataset, tmp_path: Path) -> None:
    """The files are the test images, so their predictions are those that the run has of them."""
    from PIL import Image

    paths = []
    for number, pixels in enumerate(digits.images("test")[:5]):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}.png")
        paths.append(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    os.mkfifo(tmp_path / "pipe.png")  # to open it would wait for ever
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two epochs may not reach 95 %
        table = run.predict(
            [*paths, *(tmp_path / name for name in ("broken.png", "missing.png", "pipe.png"))]
        )
    own = run.predictions.query("split == 'test'").head(5)
    assert table["predicted"].head(5).tolist() == own["predicted"].tolist()
    assert table["error"].head(5).tolist() == [""] * 5
    assert table["confidence"].head(5).between(0.1, 1).all()
    threshold = run.selection(0.95).threshold
    expected = (
        [True] * 5 if threshold is None else (table["confidence"].head(5) < threshold).tolist()
    )
    assert table["unsure"].tolist() == [*expected, True, True, True]
    assert "not one of" in table["error"].iloc[5]
    assert "there is no such file" in table["error"].iloc[6]
    assert "not a regular file" in table["error"].iloc[7]
    assert table["predicted"].isna().tolist() == [False] * 5 + [True] * 3
    with pytest.raises(cl.ConvladderError, match="no files to predict"):
        run.predict([])


def test_runs_are_compared_and_reported(climb: cl.Climb, folder: Path) -> None:
    found = cl.compare(climb.runs("lenet5")[0], climb.runs("max-pooling")[0])
    assert found.plot().get_xlabel() == "accuracy on test, %"
    assert "max-pooling" in found._repr_html_()
    assert found.report(folder / "compared").is_file()
    with pytest.raises(cl.ConvladderError, match="compare needs runs"):
        cl.compare(climb)  # type: ignore[arg-type]


def test_corrupted_images_keep_their_labels(run: cl.Run, digits: cl.Dataset) -> None:
    """One corruption, predicted by hand."""
    from convladder.evaluation import corruptions
    from convladder.experiments.corrupted_images import CHUNK
    from convladder.experiments.inference import load_network

    kept = run.corrupted
    pixels, labels = digits.images("test")[kept.rows], digits.labels("test")[kept.rows]
    assert len(labels) < CHUNK, "so that the seed of all is that of the first chunk"
    network = load_network(run)
    for name, strength in (("brightness", 1), ("gaussian_noise", 3), ("shift", 2)):
        worse = corruptions.corrupt(pixels, name, strength, seed=0).astype(np.float32)
        predicted = np.asarray(network(worse, training=False)).argmax(axis=1)
        place = kept.recipe.names.index(name)
        assert np.mean((predicted == labels) == kept.correct[place, strength - 1]) > 0.95


def test_a_rung_that_changes_the_data_does_so_on_a_loaded_dataset_too(
    digits: cl.Dataset, tmp_path: Path
) -> None:
    ladder = tmp_path / "forms.toml"
    ladder.write_text(
        'name = "forms"\ntitle = "Forms"\n[[rung]]\nname = "start"\n'
        '[[rung]]\nname = "large"\nparent = "start"\nchange = {data.image_size = [24, 24]}\n'
    )
    trained = cl.train(
        digits, "large", ladder=str(ladder), epochs=1, out=tmp_path / "run", quiet=True
    )
    assert trained.experiment.data.image_size == (24, 24)
    assert trained.experiment.data.limit == 200
    plain = cl.train(
        digits, "start", ladder=str(ladder), epochs=1, out=tmp_path / "plain", quiet=True
    )
    found = cl.compare(plain, trained)
    assert not found.lineup.asked_alike("start", "large"), "severities depend on the size"
    assert found.report(tmp_path / "page").read_text().count("<svg") == 0


def test_results_are_opened_again_by_their_path(run: cl.Run, climb: cl.Climb) -> None:
    assert cl.Run(str(run.folder)).metrics == run.metrics
    assert cl.Climb(str(climb.folder)).headline() == climb.headline()
    paths = [str(each.folder) for each in climb.runs("lenet5")]
    assert list(cl.Comparison(paths).standings) == ["lenet5, seed 0", "lenet5, seed 1"]
    assert cl.compare(climb.runs("lenet5"), climb.runs("max-pooling")).reference == "lenet5"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seeds": 0}, "seeds must be 1 or more; got 0"),
        ({"seeds": [0, 1]}, r"seeds must be 1 or more; got \[0, 1\]"),
        ({"jobs": -1}, "jobs must be 1 or more; got -1"),
        ({"rungs": "lenet5"}, r"rungs must be a list of names, such as \['lenet5'\]"),
    ],
)
def test_what_an_argument_cannot_be_is_said(
    digits: cl.Dataset, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(cl.ConvladderError, match=said):
        cl.climb(digits, quiet=True, **settings)


def test_a_share_is_no_percentage(run: cl.Run) -> None:
    with pytest.raises(cl.ConvladderError, match=r"between 0 and 1, such as 0\.95; got 95"):
        run.selection(95)


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(cl.ConvladderError, match="two or more runs: none is given"):
        cl.compare()


@pytest.mark.parametrize("name", ["samples.npz", "features.npz", "corrupted.npz"])
@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_damaged_file_is_named(run: cl.Run, tmp_path: Path, name: str, damage: str) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "run")
    content = (folder / name).read_bytes()
    if damage == "other":
        np.savez(folder / name, something=np.zeros(3))
    else:
        (folder / name).write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(cl.ConvladderError, match=f"cannot read .*{name}.*train the run again"):
        cl.Run(folder).report()


def test_odd_class_names_can_be_drawn(tmp_path: Path) -> None:
    from PIL import Image

    for name in (b"cat\xff", rb"$\frac$", b"plain"):
        folder = tmp_path / "images" / os.fsdecode(name)
        folder.mkdir(parents=True)
        for number in range(6):
            Image.new("L", (16, 16), 40 * number).save(folder / f"{number}.png")
    grid = cl.load(tmp_path / "images", quiet=True).plot_images(each=2)
    grid.flat[0].figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_a_run_without_mistakes_has_a_table_of_them(
    run: cl.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = run.predictions.assign(predicted=run.predictions["label"])
    monkeypatch.setitem(run.__dict__, "predictions", right)
    table = run.confused_pairs()
    assert len(table) == 0
    assert list(table.columns) == [
        "class",
        "predicted",
        "mistakes",
        "share",
        "low",
        "high",
        "images",
    ]


def test_a_threshold_that_was_not_reached_is_said(
    run: cl.Run, digits: cl.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.fromarray(digits.images("test")[0, ..., 0]).save(tmp_path / "0.png")
    others = [name for name in digits.class_names if name != "0"]
    wrong = run.predictions.assign(
        label=[others[len(path) % 9] for path in run.predictions["path"]]
    )
    monkeypatch.setitem(run.__dict__, "predictions", wrong)
    with pytest.warns(
        UserWarning,
        match="could not be shown on 30 validation images.*not reached on validation with any",
    ):
        table = run.predict(tmp_path / "0.png")
    assert table["unsure"].tolist() == [True]


def test_results_print_in_a_line(run: cl.Run, climb: cl.Climb, digits: cl.Dataset) -> None:
    assert repr(digits) == "digits: 200 images, 16 × 16 × 1 (height, width, channels)"
    assert repr(run).startswith("<Run max-pooling, seed 0: test accuracy 0.")
    assert repr(climb).startswith(f"<Climb in {climb.folder}: max-pooling is not shown")
    compared = repr(cl.compare(climb.runs("lenet5")))
    assert compared.startswith("<Comparison: ")
    assert "lenet5, seed 1 against lenet5, seed 0" in compared


def test_what_is_no_part_or_metric_is_said(run: cl.Run, digits: cl.Dataset) -> None:
    with pytest.raises(
        cl.ConvladderError, match="no part 'all': there are train, validation, test"
    ):
        digits.images("all")  # type: ignore[arg-type]
    with pytest.raises(cl.ConvladderError, match="accuracy or loss; got 'acc'"):
        run.plot_history("acc")  # type: ignore[arg-type]
    with pytest.raises(cl.ConvladderError, match="predict needs paths of image files; got ndarray"):
        run.predict(digits.images("test"))  # type: ignore[arg-type]


def test_rungs_that_were_left_out_are_named_with_the_one_that_stands_for_them(
    tmp_path: Path,
) -> None:
    ladder = cl.load_ladder("classic").part(["lenet5", "more-conv-layers"])
    right = {
        TrialKey(rung.name, seed): share_right(0.7, 30, seed)
        for rung in ladder.rungs
        for seed in range(2)
    }
    climb = cl.Climb(make_climb(tmp_path / "climb", right, ladder))
    said = (
        "more-conv-layers includes max-pooling, same-padding, because their own rungs were not "
        "climbed"
    )
    assert said in climb.headline()
    assert said in climb.reading("more-conv-layers")
    assert "Two seeds say almost nothing" in climb.headline()
    page = climb.report().read_text()
    assert "<b>More than one change:</b> this rung also includes max-pooling, same-padding" in page


def test_evaluating_on_images_that_were_trained_on_is_remarked_upon(
    run: cl.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = run.about["data"]["counts"]
    seen = sum(counts["train"].values()) + sum(counts["validation"].values())
    run.evaluate("digits")
    assert (
        f"warning: the network was trained or validated on {seen} of these 1,797"
        in capsys.readouterr().err
    )
    foreign = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "foreign.npz", x=foreign, y=np.tile(["3", "7"], 10))
    run.evaluate(tmp_path / "foreign.npz")
    assert "warning:" not in capsys.readouterr().err
