"""A search that trains: its claim, its page, its end after a kill, what it must not see."""

from __future__ import annotations

import html as escaping
import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import convladder as cl
from command_line import convladder, convladder_here
from convladder.api.search import Tuning
from convladder.core import files
from convladder.core.errors import ExperimentError, RunError, SearchError
from convladder.core.experiment import Experiment, parse_assignments
from convladder.core.ladder import parse_ladder
from convladder.data.dataset import SplitDataset
from convladder.experiments.trial import Trial
from convladder.results import folders
from convladder.tuning.objective import run_candidate
from limits import HANG
from stops import start_command

SPACE = """
"train.learning_rate" = { low = 1e-4, high = 3e-2, log = true }
"model.pooling" = ["average", "max"]
"""
FOLDED = parse_ladder(
    'name = "mine"\n[base]\n"data.folds" = 3\n[[rung]]\nname = "start"', "mine.toml"
)
TRIALS, EPOCHS, SEEDS = 4, 3, 2
ABOUTS = ("tune.json", "climb/climb.json")
HOW = {
    "limit": 200,
    "rung": "lenet5",
    "trials": TRIALS,
    "epochs": EPOCHS,
    "seeds": SEEDS,
    "jobs": 1,
}


def command(folder: Path, **how: object) -> list[str]:
    (folder / "space.toml").write_text(SPACE)
    options = [word for name, value in (HOW | how).items() for word in (f"--{name}", str(value))]
    return ["tune", "digits", *options, "--space", "space.toml", "--out", "tuned"]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a search was made, as `tuned`."""
    folder = tmp_path_factory.mktemp("search")
    done = convladder(*command(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def tuned(climbed: Path) -> Tuning:
    return Tuning(climbed / "tuned")


def test_the_winner_is_claimed_against_the_default_with_other_seeds_on_test(tuned: Tuning) -> None:
    assert len(tuned.candidates) == TRIALS
    assert tuned.climb is not None
    assert tuned.climb.about["trials"] == [
        [rung, seed, None] for rung in ("default", "tuned") for seed in (1, 2)
    ]
    (claim,) = tuned.climb.against_parent
    assert (claim.name, claim.reference) == ("tuned", "default")
    assert f"{100 * claim.difference.difference:.1f}".removeprefix("-") in tuned.headline()
    best = tuned.candidates[tuned.candidates["state"] == "finished"]["validation_accuracy"].max()
    assert tuned.winner is not None
    assert tuned.on_validation(tuned.winner) == best


def test_what_was_trained_afresh_is_what_was_found(tuned: Tuning) -> None:
    assert tuned.climb is not None
    row = tuned.candidates.set_index("candidate").loc[tuned.winner]
    for run in tuned.climb.runs("tuned"):
        assert run.experiment.train.learning_rate == row["train.learning_rate"]
        assert run.experiment.model.pooling == row["model.pooling"]
    assert {run.experiment.train.learning_rate for run in tuned.climb.runs("default")} == {0.001}


def test_candidates_leave_a_history_and_nothing_of_the_test_images(tuned: Tuning) -> None:
    for number, epochs in zip(
        tuned.candidates["candidate"], tuned.candidates["epochs"], strict=True
    ):
        history = tuned.history(number)
        assert history is not None
        assert len(history) >= epochs
    inside = {path.name for path in (tuned.folder / "candidates").rglob("*") if path.is_file()}
    assert inside == {"experiment.json", "history.csv"}


def test_a_candidate_does_not_depend_on_the_test_images(
    few_digits: SplitDataset, tmp_path: Path
) -> None:
    blank = replace(few_digits.bank)
    vars(blank)["images"] = few_digits.bank.images.copy()
    blank.images[blank.rows[few_digits.splits.test]] = 0
    experiment = Experiment().replace({"data.limit": 300, "train.epochs": 1} | few_digits.settled())
    histories = []
    for name, bank in (("as-it-is", few_digits.bank), ("blank", blank)):
        trial = Trial("candidate", experiment, replace(few_digits, bank=bank))
        run_candidate(trial, tmp_path / name, "", lambda value: None)
        histories.append(pd.read_csv(tmp_path / name / "history.csv").drop(columns="train_seconds"))
    assert histories[0].equals(histories[1])


def test_what_was_found_is_told_as_other_commands_take_it(tuned: Tuning) -> None:
    changes = tuned.default.replace(parse_assignments(shlex.split(tuned.assignments)[1::2]))
    assert changes == tuned.tuned
    assert tuned.tuned_run is not None
    assert cl.Run(tuned.tuned_run).experiment.replace({"seed": 0}) == tuned.tuned
    page = tuned.report().read_text()
    assert escaping.escape(tuned.assignments) in page
    validated = sum(tuned.about["data"]["counts"]["validation"].values())
    assert f"of {validated} validation images right" in page
    with pytest.raises(
        RunError, match=r"is a search, not a run: give a run of its final test, such as .*seed-2"
    ):
        cl.Run(tuned.folder)


def test_where_time_was_up_before_anything_was_trained_a_longer_one_is_named(
    tuned: Tuning, tmp_path: Path
) -> None:
    late = tmp_path / "late"
    late.mkdir()
    about = {
        "winner": None,
        "changes": {},
        "budget": {"trials": None, "seconds": 5.0},
        "seconds": 5.1,
    }
    files.write_json(late / "tune.json", tuned.about | about)
    rows = pd.read_csv(tuned.folder / "candidates.csv", dtype=object)
    row = rows.iloc[[0]].assign(state="unfinished", validation_accuracy=None, epochs=0)
    row.to_csv(late / "candidates.csv", index=False)
    found = Tuning(late)
    assert "Give a longer --time to resume" in found.headline()
    assert "No candidate has finished an epoch yet." in found.report().read_text()


def test_the_same_command_again_trains_nothing_and_leaves_where_it_was_trained(
    climbed: Path,
) -> None:
    before = (climbed / "tuned/candidates.csv").read_bytes()
    trained = [files.read_json(climbed / "tuned" / each)["environment"] for each in ABOUTS]
    done = convladder_here(*command(climbed), "--json", cwd=climbed)
    told = json.loads(done.stdout)
    assert "to train" not in done.stderr
    assert len(told["candidates"]) == TRIALS
    assert [row["rung"] for row in told["rungs"]] == ["default", "tuned"]
    assert (climbed / "tuned/candidates.csv").read_bytes() == before
    assert [files.read_json(climbed / "tuned" / each)["environment"] for each in ABOUTS] == trained


def test_more_candidates_are_refused_once_the_winner_was_tested(climbed: Path) -> None:
    done = convladder_here(*command(climbed, trials=TRIALS + 2), cwd=climbed)
    assert done.returncode == 2
    assert "has started, so no more candidates may be tried" in done.stderr


def test_more_seeds_are_refused_once_the_winner_was_tested(climbed: Path) -> None:
    done = convladder_here(*command(climbed, seeds=SEEDS + 1), cwd=climbed)
    assert done.returncode == 2
    assert f"give --seeds {SEEDS}" in done.stderr


def test_another_search_is_refused_in_its_folder(climbed: Path) -> None:
    done = convladder_here(*command(climbed, epochs=EPOCHS + 1), cwd=climbed)
    assert done.returncode == 2
    assert (
        f"holds another search (train.epochs was {EPOCHS} and is now {EPOCHS + 1}): choose"
        in done.stderr
    )


def test_the_page_is_rebuilt_without_optuna_and_tensorflow(climbed: Path) -> None:
    code = (
        "import sys; sys.modules['optuna'] = sys.modules['tensorflow'] = None\n"
        "sys.argv = ['convladder', 'report', 'tuned']\nfrom convladder.cli.main import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=climbed,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr
    page = (climbed / "tuned/report.html").read_text()
    assert "on validation" in page.partition("<h1>")[2].partition("<table")[0]
    assert "train.learning_rate" in page
    assert "climb/report.html" in page
    assert (climbed / "tuned/climb/report.html").exists()


def test_a_search_that_was_killed_comes_to_the_same_candidates(
    climbed: Path, tmp_path: Path
) -> None:
    process = start_command(*command(tmp_path), cwd=tmp_path)
    while not (tmp_path / "tuned/candidates/0001.unfinished").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=HANG)
    assert not folders.is_climb(tmp_path / "tuned/climb")
    about = files.read_json(tmp_path / "tuned/tune.json")
    elsewhere = about["environment"] | {"backend": "jax"}
    files.write_json(
        tmp_path / "tuned/tune.json", about | {"optuna": "4.9", "environment": elsewhere}
    )
    done = convladder(*command(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Optuna was 4.9 and is now {about['optuna']}: the next candidates" in done.stderr
    changed = "the backend was jax and is now tensorflow"
    assert f"{changed}: this search compares candidates" in done.stderr
    assert changed in (tmp_path / "tuned/report.html").read_text()
    killed, whole = tmp_path / "tuned", climbed / "tuned"
    assert (killed / "candidates.csv").read_bytes() == (whole / "candidates.csv").read_bytes()
    place = "climb/trials/tuned/seed-1/predictions.csv"
    assert (killed / place).read_bytes() == (whole / place).read_bytes()


def test_where_nothing_is_better_the_test_images_stay_closed(tmp_path: Path) -> None:
    found = cl.tune(
        "digits",
        "lenet5",
        space={"train.learning_rate": [1e-3, 1e-9]},
        trials=2,
        epochs=2,
        changes={"data.limit": 300},
        jobs=2,
        out=tmp_path / "tuned",
        quiet=True,
    )
    assert list(found.candidates["state"]) == ["finished", "finished"]
    assert found.changes == {}
    assert found.climb is None
    assert "the test images were not opened" in found.headline()
    assert "the test images were not opened" in found.report().read_text()


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"trials": 0}, ExperimentError, "trials must be 1 or more; got 0"),
        ({"seconds": -1}, ExperimentError, "seconds must be a number above 0; got -1"),
        ({"changes": {"data.folds": 3}}, ExperimentError, "a search cannot use folds"),
        ({"ladder": FOLDED}, ExperimentError, "a search cannot use folds"),
        ({"changes": {"data.limit": 300, "data.image_size": (4, 4)}}, ExperimentError, "too small"),
        (
            {"space": {"train.optimizer": ["adam", "rmsprop"]}},
            SearchError,
            "space: train.optimizer: ",
        ),
        ({"rung": "lenet"}, cl.ConvladderError, "unknown rung 'lenet'"),
    ],
)
def test_what_cannot_be_searched_is_said_at_once(
    how: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        cl.tune("digits", quiet=True, **how)  # type: ignore[arg-type]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(
        RunError, match="already exists and holds files that convladder did not write"
    ):
        cl.tune("digits", trials=1, changes={"data.limit": 300}, out=tmp_path, quiet=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_built_in_space_is_printed_to_start_from() -> None:
    done = convladder_here("tune", "--print-space")
    assert done.returncode == 0
    assert '"train.learning_rate" = { low' in done.stdout
