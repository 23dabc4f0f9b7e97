"""A climb and a run from the command line to the report, on a few digits."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import command_line
import convladder as cl
from command_line import Done, commands_said
from convladder.evaluation import metrics, predictions
from convladder.results import folders, locks, planned_looks, saved_run
from convladder.results.saved_climb import SavedClimb
from images_made import MakeFolder
from limits import HANG
from stops import start_command

# one job: a worker more would have to import TensorFlow too
SMALL = [
    "climb", "digits", "--limit", "200", "--rungs", "lenet5,max-pooling",
    "--seeds", "2", "--epochs", "2",
    "--jobs", "1",
]  # fmt: skip


def convladder(
    *words: str, cwd: Path, status: int = 0, run: Callable[..., Done] = command_line.convladder
) -> Done:
    done = run(*words, cwd=cwd)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


# what trains in workers, or not at all, needs no process of its own
convladder_here = partial(convladder, run=command_line.convladder_here)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished climb of two rungs with two seeds; its standard output lies beside it."""
    folder = tmp_path_factory.mktemp("climbed")
    done = convladder(*SMALL, "--out", "first", cwd=folder)
    (folder / "stdout").write_text(done.stdout)
    return folder / "first"


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_climb_leaves_what_the_design_says(climbed: Path) -> None:
    trial = {
        "experiment.json",
        "history.csv",
        "predictions.csv",
        "metrics.json",
        "model.json",
        "weights.npz",
        "samples.npz",
        "features.npz",
        "corrupted.npz",
        "card.md",
        "splits.csv.gz",
    }
    trials = {
        f"trials/{rung}/seed-{seed}/{name}"
        for rung in ("lenet5", "max-pooling")
        for seed in (0, 1)
        for name in trial
    }
    kinds = ("accuracy", "loss")
    plots = {f"plots/{rung}-{kind}.png" for rung in ("lenet5", "max-pooling") for kind in kinds}
    one = (
        "ladder",
        "robustness",
        "confusion",
        "samples",
        "reliability",
        "heat",
        "filters",
        "features",
    )
    one += ("roc", "precision-recall")
    plots |= {f"plots/{name}.png" for name in one}
    top = {"climb.json", "ladder.json", "results.csv", "summary.csv"}
    top |= {"report.html", "live.html"}
    found = files_of(climbed) - {".convladder-lock"}
    pages = {name for name in found if re.fullmatch(r"trials/.+/(report\.html|plots/.+)", name)}
    assert found - pages == trials | plots | top
    with_page = [name.split("/")[1] for name in pages if name.endswith("report.html")]
    assert sorted(with_page) == ["lenet5", "max-pooling"], "the best network of each"
    printed = (climbed.parent / "stdout").read_text()
    assert "max-pooling" in printed
    said, _, _ = printed.partition("\n\nnext:\n")
    assert said.endswith("report: first/report.html")
    verbs = [words[1] for words in commands_said(printed)]
    assert verbs[-2:] == ["explain", "bundle"]


def test_every_figure_comes_from_the_predictions_to_the_last_digit(climbed: Path) -> None:
    results = pd.read_csv(climbed / "results.csv").set_index(["rung", "seed"])
    page = (climbed / "report.html").read_text(encoding="utf-8")
    for (rung, seed), row in results.iterrows():
        run = saved_run.SavedRun(folders.trial_folder(climbed, folders.TrialKey(rung, seed)))
        figures = metrics.compute(predictions.read(run.folder / "predictions.csv"))
        assert {split: run.metrics[split] for split in figures} == figures
        assert row["test_accuracy"] == figures["test"]["accuracy"]
        assert row["test_log_loss"] == figures["test"]["log_loss"]
    shown = SavedClimb(climbed).shown
    assert (
        f"Accuracy {shown.metrics['test']['accuracy']:.4f}, log loss "
        f"{shown.metrics['test']['log_loss']:.4f}" in page
    )
    summary = pd.read_csv(climbed / "summary.csv").set_index("rung")
    for rung in ("lenet5", "max-pooling"):
        assert summary.loc[rung, "accuracy"] == pytest.approx(
            results.loc[rung]["test_accuracy"].mean()
        )
        assert f"{100 * summary.loc[rung, 'accuracy']:.1f} %" in page


def test_the_same_command_gives_the_same_predictions_with_other_jobs_and_seeds_differ(
    climbed: Path,
) -> None:
    two = [*SMALL[:-1], "2"]
    convladder(*two, "--out", "second", "--quiet", cwd=climbed.parent)
    second = climbed.parent / "second"
    contents = set()
    for path in sorted(climbed.glob("trials/*/*/predictions.csv")):
        content = path.read_bytes()
        assert content == (second / path.relative_to(climbed)).read_bytes()
        contents.add(content)
    assert len(contents) == 4


LEFT = (
    ".shared.tmp/part",
    ".climb.json.0123abcd.tmp",
    "trials/lenet5/.seed-2.0123abcd.tmp/model.json",
)
OF_A_PERSON = {".idea.tmp/workspace.xml", "trials/.notes.tmp", "plots/.DS_Store", "notes.md"}


def make_older(folder: Path) -> None:
    """Give a climb the form that it had before there were format numbers and marks, with files of a
    person's.
    """
    for path in [folder / "climb.json", *folder.glob("trials/*/*/experiment.json")]:
        about = json.loads(path.read_text())
        assert about.pop("format") == folders.FORMAT
        path.write_text(json.dumps(about))
    (folder / ".convladder-lock").rename(folder / ".lock")
    for name in [*LEFT, *OF_A_PERSON]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_finished_trials_are_never_trained_again_also_of_a_climb_by_an_older_version(
    climbed: Path,
) -> None:
    work = climbed.parent / "more"
    shutil.copytree(climbed, work)
    make_older(work)
    before = {path: path.stat().st_mtime_ns for path in work.glob("trials/*/seed-*/metrics.json")}
    more = [*SMALL, "--out", "more"]
    more[more.index("--seeds") + 1] = "3"
    done = convladder_here(*more, cwd=climbed.parent)
    assert "4 of 6 trials in" in done.stderr
    after = {path: path.stat().st_mtime_ns for path in work.glob("trials/*/seed-*/metrics.json")}
    assert len(after) == 6
    assert before.items() <= after.items()
    assert files_of(work) & {*LEFT, *OF_A_PERSON} == OF_A_PERSON
    assert json.loads((work / "climb.json").read_text())["format"] == folders.FORMAT


def test_the_same_command_finds_its_finished_climb(tmp_path: Path) -> None:
    words = [*SMALL[:4], "--rungs", "lenet5", "--seeds", "1", "--epochs", "1"]
    convladder_here(*words, cwd=tmp_path)
    again = convladder_here(*words, cwd=tmp_path)
    assert "1 of 1 trials in" in again.stderr
    (folder,) = (tmp_path / "climbs").iterdir()
    (run,) = map(saved_run.SavedRun, folder.glob("trials/*/*"))
    assert run.metrics["price"]["train_milliseconds_per_image"] is None, "one epoch compiles too"


def test_fewer_seeds_than_before_drop_none_from_sight(climbed: Path) -> None:
    work = climbed.parent / "fewer"
    shutil.copytree(climbed, work)
    fewer = [*SMALL, "--out", "fewer"]
    fewer[fewer.index("--seeds") + 1] = "1"
    convladder_here(*fewer, cwd=climbed.parent)
    assert [len(standing.runs) for standing in SavedClimb(work).standings.values()] == [2, 2]
    fewer[fewer.index("--rungs") + 1] = "lenet5"
    done = convladder_here(*fewer, cwd=climbed.parent, status=2)
    assert "holds rungs that this command leaves out (max-pooling)" in done.stderr


def test_another_experiment_in_the_same_folder_is_refused(climbed: Path) -> None:
    other = [*SMALL, "--out", "first", "--set", "train.batch_size=16"]
    done = convladder_here(*other, cwd=climbed.parent, status=2)
    assert "train.batch_size was 32 and is now 16" in done.stderr
    other = [*SMALL, "--out", "first", "--set", "data.split_seed=1"]
    done = convladder_here(*other, cwd=climbed.parent, status=2)
    assert "other data" in done.stderr


def test_two_climbs_do_not_work_in_one_folder(climbed: Path) -> None:
    with locks.locked(climbed):
        done = convladder(*SMALL, "--out", "first", cwd=climbed.parent, status=2)
    assert "another convladder process is working in first" in done.stderr


def test_the_command_is_the_persons(climbed: Path) -> None:
    run = saved_run.SavedRun(folders.trial_folder(climbed, folders.TrialKey("lenet5", 0)))
    assert run.about["environment"]["command"].endswith(" ".join([*SMALL, "--out", "first"]))
    assert run.about["environment"]["threads"] == "1"


def test_a_rung_may_change_the_form_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "sizes.toml").write_text(
        'name = "sizes"\n[[rung]]\nname = "small"\n[[rung]]\nname = "large"\n'
        "change = { data.image_size = [24, 24] }\n"
    )
    words = [
        "climb",
        "digits",
        "--limit",
        "200",
        "--ladder",
        "sizes.toml",
        "--seeds",
        "1",
        "--epochs",
        "1",
    ]
    convladder_here(*words, "--jobs", "1", "--out", "sizes", cwd=tmp_path)
    standings = SavedClimb(tmp_path / "sizes").standings
    shapes = [standing.runs[0].about["data"]["image_shape"] for standing in standings.values()]
    assert shapes == [[16, 16, 1], [24, 24, 1]]
    assert standings["large"].price.flops > 2 * standings["small"].price.flops


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data.limit = 100", "would be tested on other images than 'small'"),
        ("data.split_seed = 1", "would be tested on other images than 'small'"),
        ("seed = 7", "a rung cannot change the seed"),
    ],
)
def test_a_rung_that_cannot_be_compared_is_refused(tmp_path: Path, change: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(
        f'name = "mine"\n[[rung]]\nname = "small"\n[[rung]]\nname = "odd"\nchange = {{ {change} '
        f"}}\n"
    )
    done = convladder_here(
        "climb", "digits", "--limit", "200", "--ladder", "mine.toml", cwd=tmp_path, status=2
    )
    assert said in done.stderr


def test_the_report_is_rebuilt_without_tensorflow(climbed: Path) -> None:
    page = (climbed / "report.html").read_bytes()
    (climbed / "report.html").unlink()
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from convladder.cli.main import main; sys.argv = ['convladder', 'report', 'first']; main()"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=climbed.parent, check=True, capture_output=True
    )
    assert (climbed / "report.html").read_bytes() == page


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")
        ]


def test_the_page_needs_no_network_and_runs_no_script(climbed: Path) -> None:
    page = _Page()
    page.feed((climbed / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert page.tags.count("svg") == 9  # two of each rung, and five of the one that is shown
    assert page.addresses
    assert all(address.startswith(("data:", "#", "trials/")) for address in page.addresses)


def test_a_climb_of_one_seed_claims_nothing(tmp_path: Path) -> None:
    one = [*SMALL, "--out", "one", "--json"]
    one[one.index("--seeds") + 1] = "1"
    done = convladder_here(*one, cwd=tmp_path)
    told = json.loads(done.stdout)
    assert [row["parent_verdict"] for row in told["rungs"]] == [None, "no comparison"]
    page = (tmp_path / "one/report.html").read_text()
    assert "with one seed per rung, a real effect cannot be told from chance" in page
    assert "The best rung" not in page


def test_a_trial_that_fails_is_shown_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\n[[rung]]\nname = "fine"\n[[rung]]\nname = "wild"\n'
        'change = { "train.optimizer" = "sgd", "train.learning_rate" = 1e12 }\n'
    )
    words = [
        "climb",
        "digits",
        "--limit",
        "200",
        "--ladder",
        "mine.toml",
        "--seeds",
        "2",
        "--epochs",
        "1",
    ]
    done = convladder_here(*words, "--jobs", "1", "--out", "failing", cwd=tmp_path, status=1)
    assert "wild, seed 0, failed: the loss was not a number" in done.stderr
    results = SavedClimb(tmp_path / "failing")
    assert list(results.standings) == ["fine"]
    assert [failure.key.rung for failure in results.failures] == ["wild", "wild"]
    page = (tmp_path / "failing/report.html").read_text()
    assert "Not finished" in page
    assert "wild, seed 0, failed" in page


def children_of(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: object, seconds: float = HANG) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_climb_that_is_stopped_leaves_no_orphan_and_goes_on(
    tmp_path: Path, how: signal.Signals
) -> None:
    jobs = "2" if how == signal.SIGKILL else "1"
    command = [
        "climb", "digits", "--limit", "200", "--rungs", "lenet5",
        "--seeds", "4", "--epochs", "2", "--jobs", jobs,
    ]  # fmt: skip
    parent = start_command(*command, cwd=tmp_path)
    assert wait_until(lambda: list(tmp_path.glob("climbs/*/trials/*/seed-*/metrics.json")))
    workers = children_of(parent.pid)
    assert workers
    parent.send_signal(how)
    _, said = parent.communicate(timeout=HANG)
    status = parent.returncode
    assert ("the same command to resume" in said) == (how != signal.SIGKILL)
    assert status == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[how]
    assert wait_until(lambda: not any(map(is_alive, workers)), 10)
    (folder,) = tmp_path.glob("climbs/*")
    finished = {
        path: path.stat().st_mtime_ns for path in folder.glob("trials/*/seed-*/metrics.json")
    }
    assert 0 < len(finished) < 4
    done = convladder(*command, cwd=tmp_path)
    assert f"{len(finished)} of 4 trials in" in done.stderr
    assert list(tmp_path.glob("climbs/*")) == [folder]
    after = {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/seed-*/metrics.json")}
    assert len(after) == 4
    assert finished.items() <= after.items()
    assert not list(folder.rglob("*.tmp"))


def test_train_and_evaluate(make_folder: MakeFolder, tmp_path: Path) -> None:
    images = make_folder({"dark": 30, "<b>bright & co": 30})
    done = convladder_here(
        "train", str(images), "--rung", "max-pooling", "--epochs", "3", "--out", "run", cwd=tmp_path
    )
    assert "test: accuracy" in done.stdout
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;bright &amp; co" in page
    assert "<b>bright" not in page

    told = json.loads(convladder_here("evaluate", "run", "--json", cwd=tmp_path).stdout)
    assert told == json.loads((tmp_path / "run/metrics.json").read_text())

    make_folder({"dark": 4}, at="other", size=40, suffix=".jpg")
    other = make_folder({"<b>bright & co": 4}, at="other", size=40, suffix=".jpg")
    words = ["evaluate", "run", "--data", str(other), "--out", "elsewhere"]
    done = convladder_here(*words, cwd=tmp_path)
    assert "all: accuracy" in done.stdout
    assert files_of(tmp_path / "elsewhere") == {"predictions.csv", "evaluation.json"}
    told = json.loads(convladder_here(*words[:-2], "--json", cwd=tmp_path).stdout)
    assert told == json.loads((tmp_path / "elsewhere/evaluation.json").read_text())
    done = convladder_here(*words[:-1], "run", cwd=tmp_path, status=2)
    assert "run already exists" in done.stderr
    table = predictions.read(tmp_path / "elsewhere/predictions.csv")
    assert len(table) == 8
    assert predictions.class_names(table) == ["<b>bright & co", "dark"]

    make_folder({"dark": 4}, at="unknown")
    unknown = make_folder({"grey": 4}, at="unknown")
    done = convladder_here("evaluate", "run", "--data", str(unknown), cwd=tmp_path, status=2)
    assert "class 'grey', which run was not trained on" in done.stderr


def test_names_that_are_not_utf8_go_all_the_way(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"plain": 12, "odd": 12})
    (root / "odd").rename(os.fsdecode(os.fsencode(root) + b"/caf\xe9 $x^2$ \r <i>"))
    words = ["climb", str(root), "--rungs", "lenet5,max-pooling", "--seeds", "1", "--epochs", "1"]
    convladder(*words, "--jobs", "1", "--out", "odd", cwd=tmp_path)
    names = SavedClimb(tmp_path / "odd").about["data"]["class_names"]
    assert names == [os.fsdecode(b"caf\xe9 $x^2$ \r <i>"), "plain"]
    page = (tmp_path / "odd/report.html").read_text(encoding="utf-8")
    assert "caf? $x^2$" in page
    assert "<i>" not in page


def test_a_folder_that_is_no_run_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep/notes.txt").touch()
    done = convladder_here(
        "train",
        "digits",
        "--limit",
        "200",
        "--epochs",
        "1",
        "--out",
        "keep",
        cwd=tmp_path,
        status=2,
    )
    assert (
        "keep already exists and holds files that convladder did not write, such as notes.txt"
        in done.stderr
    )
    assert files_of(tmp_path) == {"keep/notes.txt"}


def test_evaluating_the_same_images_gives_the_same_predictions(climbed: Path) -> None:
    from convladder.data.loading import load
    from convladder.experiments.inference import load_network
    from convladder.training import fit

    run = saved_run.SavedRun(folders.trial_folder(climbed, folders.TrialKey("max-pooling", 1)))
    dataset = load(run.experiment.data)
    logits = fit.predict_logits(load_network(run), dataset.bank, dataset.splits.test)
    test = predictions.part(run.predictions, "test")
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(predictions.probabilities(test), chances, atol=1e-5)


def test_the_pictures_show_something(climbed: Path) -> None:
    for path in climbed.glob("plots/*.png"):
        pixels = np.asarray(Image.open(path).convert("L"))
        assert min(pixels.shape) > 200, path
        assert pixels.std() > 10, path


def test_a_parent_of_other_images_is_not_drawn_beside(tmp_path: Path) -> None:
    """Severities depend on the size, so that the two were not asked the same."""
    from made_runs import make_run, share_right

    for rung, shape in (
        ("lenet5", [16, 16, 1]),
        ("larger", [24, 24, 1]),
        ("max-pooling", [16, 16, 1]),
    ):
        run = make_run(
            tmp_path / "trials" / rung / "seed-0", rung=rung, right=share_right(0.5, 20, 0)
        )
        about = run.about | {"data": run.about["data"] | {"image_shape": shape}}
        (run.folder / "experiment.json").write_text(json.dumps(about))
    rungs = [{"name": "lenet5"}, {"name": "larger", "change": {"data.image_size": [24, 24]}}]
    rungs += [{"name": "max-pooling", "parent": "lenet5", "change": {"model.pooling": "max"}}]
    (tmp_path / "ladder.json").write_text(json.dumps({"name": "forms", "rung": rungs}))
    trials = [[rung["name"], 0] for rung in rungs]
    looks = planned_looks.plan([1], (0,), tuple(rung["name"] for rung in rungs), 3)
    about = {"format": folders.FORMAT, "trials": trials, "time_is_up": False}
    about |= {"looks": [look.to_json() for look in looks], "data": run.about["data"]}
    (tmp_path / "climb.json").write_text(json.dumps(about))
    climbed = cl.Climb(tmp_path)
    assert climbed.parent_robustness("max-pooling") is not None
    assert climbed.parent_robustness("larger") is climbed.parent_robustness("lenet5") is None
    lines = {
        rung: len(climbed.plot_robustness(rung)[0, 0].lines) for rung in ("larger", "max-pooling")
    }
    assert lines == {"larger": 1, "max-pooling": 2}


def test_a_run_is_explained(climbed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(climbed / "trials/max-pooling/seed-0", tmp_path / "run")
    told = convladder_here("explain", str(folder), "--accuracy", "0.9", cwd=climbed).stdout
    for said in (
        "predicted as",
        "Confidence and accuracy are",
        "temperature",
        "accuracy of 90 %",
        "validation and test labels",
    ):
        assert said in told
    figures = json.loads(convladder_here("explain", str(folder), "--json", cwd=climbed).stdout)
    assert set(figures) == {
        "classes", "confused_pairs", "calibration", "selection", "prediction_sets",
        "robustness", "suspected_labels", "report"
    }  # fmt: skip
    assert Path(figures["report"]).is_file()
    assert sum(row["images"] for row in figures["classes"].values()) == 30
    assert "is a climb" in convladder_here("explain", str(climbed), cwd=climbed, status=2).stderr
