"""What is ours is known again, in folders and in the cache, and nothing else is removed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import convladder as cl
from convladder.core import files
from convladder.core.errors import DataError, ExperimentError, RunError
from convladder.core.ladder import load_ladder
from convladder.data.bank import cache
from convladder.data.loading import load
from convladder.deploy.serve.corrections import Corrections
from convladder.experiments import climb_folder, climb_plan, resume
from convladder.experiments.pretrained import imagenet
from convladder.experiments.ray import bank_transfer, node_task
from convladder.results import folders, locks, outputs
from convladder.results.folders import TrialKey
from foreign import THEIRS, put, snapshot
from images_made import MakeFolder
from made_runs import make_climb, share_right


@pytest.fixture
def place(tmp_path: Path, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with images, and a folder of somebody else's files."""
    make_folder({"cat": 6, "dog": 6}, at="pets")
    put(tmp_path / "theirs", THEIRS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_of_ours_are_known_with_a_format_number_and_without(tmp_path: Path) -> None:
    key = TrialKey("lenet5", 0)
    climb = make_climb(
        tmp_path / "climb", {key: share_right(0.5, 20, 0)}, load_ladder("classic").part(["lenet5"])
    )
    run = folders.trial_folder(climb, key)
    for about in (climb / "climb.json", run / "experiment.json"):
        assert "format" not in files.read_json(about)
    for _ in ("as before there was a number", "with one"):
        outputs.check(climb, "climb")
        outputs.check_run(run)
        assert (outputs.kind_of(climb), outputs.kind_of(run)) == ("climb", "run")
        for about in (climb / "climb.json", run / "experiment.json"):
            files.write_json(about, files.read_json(about) | {"format": folders.FORMAT})
    with pytest.raises(RunError, match="already exists and holds a climb: choose another --out"):
        outputs.check_run(climb)
    with pytest.raises(RunError, match="already exists and holds a run: choose another --out"):
        outputs.check(run, None)
    files.write_json(
        climb / "climb.json", files.read_json(climb / "climb.json") | {"format": folders.FORMAT + 1}
    )
    with pytest.raises(
        RunError, match=r"was written by a newer convladder .format 3; this one knows 2.: update"
    ):
        outputs.check(climb, "climb")


def test_what_is_written_says_its_format(tmp_path: Path, few_digits: Any) -> None:
    from convladder.core.experiment import Experiment
    from convladder.experiments.engines import engine_at
    from convladder.experiments.resume import ResumePolicy
    from convladder.experiments.trial import Trial

    trial = Trial(
        "lenet5", Experiment().replace({"train.epochs": 1} | few_digits.settled()), few_digits
    )
    plan = climb_plan.Plan(load_ladder("classic").part(["lenet5"]), (trial,), "identity")
    with engine_at(None, 1) as engine:
        taken = climb_folder.Spent(1.0, time_is_up=False, fits_time=False)
        climb_folder.describe(plan, tmp_path, [trial.key], [], engine, trains=True, taken=taken)
    assert files.read_json(tmp_path / "climb.json")["format"] == folders.FORMAT
    assert outputs.kind_of(tmp_path) == "climb"
    assert ResumePolicy().find(tmp_path, trial) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "[" * 100_000, '{"format": 1}',
     '{"trials": [], "data": {}, "environment": {}}',
     (
         '{"trials": [], "data": {"source": 1, "fingerprint": 2}, "environment": {"versions": '
         '["convladder"]}}'
     )],
)  # fmt: skip
def test_another_file_of_that_name_is_not_taken_for_ours(text: str, tmp_path: Path) -> None:
    for name in ("climb.json", "tune.json", "experiment.json", "metrics.json"):
        (tmp_path / name).write_text(text)
    assert outputs.kind_of(tmp_path) is None
    with pytest.raises(RunError, match=r"such as climb\.json"):
        outputs.check(tmp_path, "climb")


OF_OURS = '<!doctype html><meta name="generator" content="convladder, format 1">'


def test_a_page_of_what_trains_stands_in_no_way_of_its_training(tmp_path: Path) -> None:
    (tmp_path / ".convladder-live.html.0123abcd.tmp").touch()
    (tmp_path / "live.html").write_text(OF_OURS)
    outputs.check_run(tmp_path)
    outputs.check(tmp_path, "climb")
    with pytest.raises(RunError, match=r"such as \.convladder-live|such as live\.html"):
        outputs.check(tmp_path, None)  # an export or a comparison
    (tmp_path / "live.html").write_text("<h1>Our year</h1>")
    with pytest.raises(RunError, match=r"such as live\.html"):
        outputs.check_run(tmp_path)


def test_a_command_that_was_stopped_before_it_said_what_it_does_goes_on(tmp_path: Path) -> None:
    ladder = load_ladder("classic").to_json()
    (tmp_path / ".lock").touch()  # as older versions left it
    (tmp_path / ".lock-holder").write_text("process 1 on a-machine")
    with locks.locked(tmp_path):
        files.write_json(tmp_path / "ladder.json", ladder)
    outputs.check(tmp_path, "climb")
    with pytest.raises(RunError, match="holds files that convladder did not write"):
        outputs.check_run(tmp_path)


def test_an_older_command_that_was_killed_while_it_wrote_goes_on(tmp_path: Path) -> None:
    half = ".ladder.json.0123abcd.tmp"
    climb = put(tmp_path / "climb", {".lock": "", half: "{"})
    outputs.check(climb, "climb")
    climb_folder.remove_leftovers(climb)
    assert not (climb / half).exists()
    outputs.check(put(tmp_path / "search", {".lock": "", ".tune.json.0123abcd.tmp": ""}), "search")
    of_lock = {
        ".training-lock-holder": "process 7 on a-machine",
        ".experiment.json.0123abcd.tmp": "",
    }
    put(tmp_path / "run.unfinished", of_lock)
    outputs.check_run(tmp_path / "run")
    theirs = put(tmp_path / "theirs", {".lock": "1234", half: "a draft"})  # of another program
    with pytest.raises(RunError, match="holds files that convladder did not write"):
        outputs.check(theirs, "climb")


def test_what_a_person_has_put_beside_a_checkpoint_stays(tmp_path: Path) -> None:
    unfinished = tmp_path / "run.unfinished"
    ours = [
        "experiment.json",
        "history.csv",
        "checkpoint-0001-000000.json",
        "checkpoint-0001-000000.safetensors",
    ]
    ours += ["damaged-checkpoint-0001-000000.json", ".training-lock", ".convladder-lock", ".lock"]
    ours += [".history.csv.0123abcd.tmp", ".convladder-history.csv.0123abcd.tmp"]
    put(
        unfinished,
        dict.fromkeys([*ours, "notes.md", "pictures/cat.png", "checkpoint-best.json"], "x"),
    )
    resume.ResumePolicy(fresh=True).clear(tmp_path / "run")
    assert (unfinished / ".convladder-lock").exists()
    outputs.remove_unfinished(unfinished)
    assert sorted(path.name for path in unfinished.iterdir()) == [
        "checkpoint-best.json",
        "notes.md",
        "pictures",
    ]
    assert (unfinished / "pictures/cat.png").exists()


def test_an_unfinished_run_is_known_by_a_checkpoint_where_the_rest_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = put(tmp_path / "run.unfinished", {"experiment.json": "{"})
    with pytest.raises(RunError, match=r"run\.unfinished already exists"):
        outputs.check_run(tmp_path / "run")
    told = {"sha256": "0", "checkpoint": {"format": 1}}
    files.write_json(unfinished / "checkpoint-0001-000000.json", told)
    read: list[Path] = []
    content = files.read_json
    monkeypatch.setattr(files, "read_json", lambda path: read.append(path) or content(path))
    outputs.check_run(tmp_path / "run")
    assert [path.name for path in read].count("checkpoint-0001-000000.json") == 1


def test_a_page_of_ours_is_replaced_and_no_other(place: Path) -> None:
    checked = cl.check("pets", quiet=True)
    page = checked.report("check.html")
    first = page.read_bytes()
    assert checked.report("check.html").read_bytes() == first
    older = first.replace(b'<meta name="generator" content="convladder, format 1">\n', b"")
    older = re.sub(b"<title>.*?</title>", b"<title>Check of pets</title>", older)
    assert older != first
    page.write_bytes(older)
    assert checked.report("check.html").read_bytes() == first
    page.write_text("<!doctype html><title>Check of the month</title>")
    with pytest.raises(RunError, match="was not written by convladder"):
        checked.report("check.html")
    assert b"of the month" in page.read_bytes()


def test_clearing_a_cache_leaves_what_a_person_keeps_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, sha256 = "0123456789abcdef0123", "ab" * 32
    theirs = put(
        place / "shared",
        THEIRS
        | {
            "banks/photos/cat.png": "x",
            "banks/photos/index.json": "{}",
            f"banks/{name}/notes.txt": "x",
            "banks/.git.building/x": "x",
            "banks/.lock": "x",
            "backbones/notes.json": "{}",
            "backbones/MobileNet.json": '{"mine": 1}',
            "backbones/best.safetensors": "x",
            "backbones/my.lock": "x",
            "trials/mine/.lock": "",
            "trials/mine/notes.txt": "x",
            "trials/0123456789abcdef/.lock": "",
            "trials/0123456789abcdef/notes.txt": "x",
        },
    )
    before = snapshot(theirs)
    monkeypatch.setenv("CONVLADDER_CACHE", str(theirs))
    load("pets")
    ours = {f"banks/{name}/images.npy": "x", f"banks/{name}/index.json": "{}"}
    ours |= {f"backbones/{sha256}.safetensors": "x"}
    ours |= {
        "backbones/MobileNetV2.json": json.dumps({"sha256": sha256, "format": 1, "keras": "3"})
    }
    ours |= {f"banks/.{name}.{state}/images.npy": "x" for state in ("building", "receiving")}
    put(theirs, ours)
    node_task.remove_abandoned()
    assert cache.clear_banks()[0] == 1
    imagenet.clear()
    after = {
        path: content for path, content in snapshot(theirs).items() if not path.endswith(".lock")
    }
    assert after == {
        path: content for path, content in before.items() if not path.endswith(".lock")
    }
    assert {path for path in before if path.endswith(".lock")} <= snapshot(theirs).keys()


def test_what_is_on_its_way_from_another_machine_is_cleared_unless_somebody_is_at_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = load("pets").bank.folder
    waybill = bank_transfer.BankManifest.of(source)
    monkeypatch.setenv("CONVLADDER_CACHE", str(place / "elsewhere"))
    receiver = bank_transfer.Receiver(waybill)
    assert receiver.begin() == bank_transfer.WANTED
    begun = place / f"elsewhere/banks/.{source.name}.receiving"
    cache.clear_banks()
    assert begun.is_dir()
    receiver._lock.release()  # as the system does for one that was killed
    cache.clear_banks()
    assert not begun.exists()


def test_what_was_received_in_part_long_ago_is_removed_by_the_next_that_receives(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waybill = bank_transfer.BankManifest.of(load("pets").bank.folder)
    monkeypatch.setenv("CONVLADDER_CACHE", str(place / "elsewhere"))
    old = put(place / f"elsewhere/banks/.{'0' * 20}.receiving", {"images.npy": "x"})
    os.utime(old, (0, 0))
    receiver = bank_transfer.Receiver(waybill)
    receiver.begin()
    assert not old.exists()
    receiver.leave()


def test_a_cache_among_the_images_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(place)
    monkeypatch.setenv("CONVLADDER_CACHE", str(place / "pets/cache"))
    with pytest.raises(DataError, match=r"is inside the folder of images .* set CONVLADDER_CACHE"):
        load("pets")
    assert snapshot(place) == before


def test_corrections_leave_the_files_that_are_there(place: Path) -> None:
    picture = next((place / "pets/cat").iterdir()).read_bytes()
    kept = Corrections(place / "theirs")
    path = kept.add(picture, "PNG", "cat")
    other = place / "theirs/plots" / path.name
    other.write_text("of that name, and another picture")
    before = snapshot(place)
    again = kept.add(picture, "PNG", "dog")
    assert not path.exists()  # it was put right anew
    expected = {
        name: content
        for name, content in before.items()
        if name != path.relative_to(place).as_posix()
    }
    assert {
        name: content for name, content in snapshot(place).items() if name in before
    } == expected
    assert again.read_bytes() == picture


def test_a_lock_is_looked_at_without_leaving_one(tmp_path: Path) -> None:
    locks.check_unlocked(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with locks.locked(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} >= {".convladder-lock"}
        with pytest.raises(RunError, match="another convladder process is working"):
            locks.check_unlocked(tmp_path)


@pytest.mark.parametrize(
    "given", ["{}", "sqlite:///{}/mlflow.db", "sqlite+pysqlite:///{}/mlflow.db?timeout=9"]
)
@pytest.mark.parametrize("what", ["text", "tables"])
def test_a_database_of_others_gets_no_tables_of_mlflow(place: Path, what: str, given: str) -> None:
    pytest.importorskip("mlflow")
    database = place / "theirs/mlflow.db"
    database.write_text("a poem")
    if what == "tables":
        database.unlink()
        with contextlib.closing(sqlite3.connect(database)) as opened:
            opened.execute("CREATE TABLE experiments (time REAL)")
    before = snapshot(place)
    for folder in (place / "theirs", "theirs"):
        with pytest.raises(
            ExperimentError, match=r"mlflow\.db is not an MLflow database: give another place"
        ):
            cl.climb("pets", mlflow=given.format(folder), quiet=True)
    assert snapshot(place) == before


@pytest.mark.parametrize("given", ["pets/kept", "sqlite:///pets/kept.db"])
def test_mlflow_puts_nothing_among_the_images(place: Path, given: str) -> None:
    pytest.importorskip("mlflow")
    before = snapshot(place)
    with pytest.raises(
        RunError, match=r"lies inside the images .* choose a place outside with --mlflow"
    ):
        cl.climb("pets", mlflow=given, quiet=True)
    assert snapshot(place) == before


def test_a_folder_that_has_an_export_is_told_from_one_of_others(tmp_path: Path) -> None:
    put(tmp_path / "cats-onnx", {"export.json": "{}", "classes.json": "[]"})
    with pytest.raises(
        RunError, match="already holds an export: choose a new or an empty folder with --out"
    ):
        outputs.check(tmp_path / "cats-onnx", None, "pets")
