"""A run that was stopped goes on, to the same bits; what has changed since is refused; a folder has
one worker.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import convladder as cl
from command_line import convladder_here
from convladder.core import files, worker
from convladder.core.devices import Parallel
from convladder.core.errors import RunError, SearchError
from convladder.core.experiment import Experiment
from convladder.core.tasks import Failed, Finished, Halted, Started, Validated
from convladder.core.worker import Stopped
from convladder.data.dataset import SplitDataset
from convladder.experiments import (
    climb_folder,
    climb_plan,
    climbing,
    reproduction,
    resume,
    single_training,
)
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial, run_trial
from convladder.results import folders, locks, provenance, saved_run
from convladder.training import checkpoint
from kept_workers import kept_workers
from limits import HANG
from stops import start_command

EPOCHS = 120
TRAIN = ["train", "digits", "--limit", "300", "--rung", "lenet5", "--jobs", "1"]
TRAIN += ["--epochs", str(EPOCHS)]
IN_PYTHON = (  # the same
    f"import convladder as cl\ncl.train('digits', 'lenet5', epochs={EPOCHS}, "
    "changes={'data.limit': 300}, threads=1, quiet=True)"
)
CHECKPOINTS = "runs/*.unfinished/checkpoint-*.json"


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """Keep the workers of this process; those of commands end with them."""
    with kept_workers():
        yield


def finish(process: subprocess.Popen[str]) -> str:
    _, said = process.communicate(timeout=HANG)
    return said


@contextlib.contextmanager
def paused(
    process: subprocess.Popen[str], place: Path
) -> Iterator[tuple[Path, list[psutil.Process]]]:
    """Hold the workers of a training in the block, once it has kept another checkpoint."""
    earlier = set(place.glob(CHECKPOINTS))
    unfinished = wait_for_another(place, earlier).parent
    workers = psutil.Process(process.pid).children(recursive=True)
    for each in workers:
        each.suspend()
    yield unfinished, workers
    time.sleep(0.5)  # a signal of the block reaches the process before its workers go on
    for each in workers:
        each.resume()


def wait_for_another(place: Path, earlier: set[Path]) -> Path:
    for _ in range(int(20 * HANG)):
        if found := set(place.glob(CHECKPOINTS)) - earlier:
            return found.pop()
        time.sleep(0.05)
    raise AssertionError("no other checkpoint")


def position(found: checkpoint.Checkpoint | None) -> tuple[int, int]:
    assert found is not None
    return found.epoch, found.step


def start_python(code: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, cwd=cwd, text=True
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_signals_save_and_end_and_the_same_command_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    process = start_command(*TRAIN, cwd=tmp_path)
    with paused(process, tmp_path) as (unfinished, _):
        before, _ = checkpoint.read_newest(unfinished)
        refused = start_command(*TRAIN, cwd=tmp_path)
        assert f"(process {process.pid} on " in finish(refused)
        assert refused.returncode == 2
        process.send_signal(signal.SIGINT)
    said = finish(process)
    assert process.returncode == 130
    assert "Stopping and saving" in said
    assert f"saved in runs/{unfinished.name}; run the same command to resume" in said
    stopped, _ = checkpoint.read_newest(unfinished)
    assert position(stopped) > position(before)

    process = start_command(*TRAIN, cwd=tmp_path)
    with paused(process, tmp_path) as (_, workers):  # of a queue that tells every process
        before, _ = checkpoint.read_newest(unfinished)
        for each in (*workers, process):
            each.terminate()
    said = finish(process)
    assert process.returncode == 143
    assert "failed" not in said
    stopped, _ = checkpoint.read_newest(unfinished)
    assert position(stopped) > position(before)

    process = start_python(IN_PYTHON, cwd=tmp_path)
    with paused(process, tmp_path):
        process.terminate()
    assert "run the same command to resume" in finish(process), "a quiet one says that, too"
    assert process.returncode == 143

    process = start_command(*TRAIN, cwd=tmp_path)
    finish(process)
    assert process.returncode == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder == folders.finished(unfinished)
    assert len(saved_run.SavedRun(folder).about["resumed"]) == 3
    whole = tmp_path / "whole"
    assert convladder_here(*TRAIN, "--out", str(whole)).returncode == 0
    assert (folder / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    histories = [
        saved_run.SavedRun(each).history.drop(columns="train_seconds") for each in (folder, whole)
    ]
    assert histories[0].equals(histories[1])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_second_signal_quits_at_once(tmp_path: Path) -> None:
    waits = (
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2] / 'support')!r})\n"
        "from convladder.core import signals, tasks, worker_pool\nfrom slow_tasks import sleep_on\n"
        "pool = worker_pool.Pool([tasks.Task(0, sleep_on)], jobs=1)\n"
        "with signals.answered_gently(pool.stop):\n"
        "    for event in pool.events():\n        print(event, flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", waits], stdout=subprocess.PIPE, cwd=tmp_path, text=True
    )
    assert process.stdout is not None
    assert "Started" in process.stdout.readline()
    assert "Message" in process.stdout.readline(), (
        "the task is within saves_when_stopped, and does not end"
    )
    process.send_signal(signal.SIGTERM)
    assert "Stopping" in process.stdout.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == -signal.SIGTERM
    process.stdout.close()


@pytest.fixture(scope="module")
def stopped(
    few_digits: SplitDataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trial, Path]:
    """A trial that was stopped in its second epoch, and the folder that holds what it has left."""
    experiment = Experiment().replace({"train.epochs": 2}).replace(few_digits.settled())
    trial, runs = Trial("lenet5", experiment, few_digits), tmp_path_factory.mktemp("stopped")
    asked = iter([False] * 3)  # two calls of training, one of validation
    with pytest.MonkeyPatch.context() as stopping:
        stopping.setenv("OMP_NUM_THREADS", "1")  # as in a worker
        stopping.setattr(worker, "stop_asked", lambda: next(asked, True))
        with pytest.raises(Stopped):
            run_trial(trial, runs / "run", "pytest", print)
    return trial, runs


@pytest.fixture
def begun(
    stopped: tuple[Trial, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Trial, Path]:
    """A trial that was stopped in its second epoch, and the folder of its run to be."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in a worker
    trial, left = stopped
    shutil.copytree(left, tmp_path / "runs")
    return trial, tmp_path / "runs/run"


def test_an_unfinished_run_can_be_read_and_is_found(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    unfinished = folders.unfinished(folder)
    assert files.read_json(unfinished / "experiment.json")["rung"] == "lenet5"
    assert len((unfinished / "history.csv").read_text().splitlines()) == 2
    assert ResumePolicy().find(folder.parent, trial) == folder
    assert ResumePolicy(fresh=True).find(folder.parent, trial) is None
    other = replace(trial, experiment=trial.experiment.replace({"seed": 1}))
    assert ResumePolicy().find(folder.parent, other) is None
    assert ResumePolicy(allow_changed=True).find(folder.parent, other) is None
    longer = replace(trial, experiment=trial.experiment.replace({"train.epochs": 9}))
    assert ResumePolicy().find(folder.parent, longer) is None
    assert ResumePolicy(allow_changed=True).find(folder.parent, longer) == folder
    with pytest.raises(RunError, match="is not finished: run the same command again to resume"):
        saved_run.SavedRun(folder)


def test_what_has_changed_is_refused_or_recorded(
    begun: tuple[Trial, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, folder = begun
    assert ResumePolicy().prepare(trial, folder).changed == ()
    often = replace(trial, experiment=trial.experiment.replace({"train.checkpoint_seconds": 1}))
    assert ResumePolicy().prepare(often, folder).changed == ()
    longer = replace(trial, experiment=trial.experiment.replace({"train.epochs": 3}))
    with pytest.raises(
        RunError, match=r"train\.epochs was 2 and is now 3.*--fresh.*--allow-changed"
    ):
        ResumePolicy().prepare(longer, folder)
    now = provenance.versions(resume.DECISIVE)
    monkeypatch.setattr(provenance, "versions", lambda *_: now | {"keras": "99.0"})
    with pytest.raises(RunError, match=rf"keras was {now['keras']} and is now 99\.0"):
        ResumePolicy().prepare(trial, folder)
    monkeypatch.undo()
    with pytest.raises(RunError, match=r"threads were 1 and are now 2.*--allow-changed"):
        ResumePolicy().prepare(trial, folder, threads=2)
    with monkeypatch.context() as jax:
        jax.setenv("KERAS_BACKEND", "jax")
        two = replace(trial, parallel=Parallel(processes=2, coordinator="there:1"))
    with pytest.raises(
        RunError, match="devices were 1 and are now 2; processes were 1 and are now 2"
    ):
        ResumePolicy().prepare(two, folder)
    allowed = ResumePolicy(allow_changed=True).prepare(longer, folder)
    run_trial(allowed, folder, "pytest", print)
    about = saved_run.SavedRun(folder).about
    assert [each["changed"] for each in about["resumed"]] == [["train.epochs was 2 and is now 3"]]
    assert about["experiment"]["train"]["epochs"] == 3
    assert not folders.unfinished(folder).exists()


def test_the_first_environment_stays_and_the_last_is_compared(
    begun: tuple[Trial, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, folder = begun
    first = files.read_json(folders.unfinished(folder) / "experiment.json")["environment"]
    now = provenance.versions()
    monkeypatch.setattr(provenance, "versions", lambda *_: now | {"keras": "99.0"})
    monkeypatch.setattr(provenance, "processor", lambda: "another")
    said: list[Any] = []
    allowed = ResumePolicy(allow_changed=True).prepare(trial, folder)
    with monkeypatch.context() as stopping:
        stopping.setattr(worker, "stop_asked", lambda: True)
        with pytest.raises(Stopped):
            run_trial(allowed, folder, "pytest", said.append)
    assert said[0].startswith("resumes after 1 epoch and")
    assert said[1] == f"changed since it was started: keras was {now['keras']} and is now 99.0"
    assert said[2].startswith(
        f"changed since it was started: the machine was {first['machine']} and is now "
    )
    assert ResumePolicy().prepare(trial, folder).changed == (), (
        "what was allowed once is not refused"
    )
    about = files.read_json(folders.unfinished(folder) / "experiment.json")
    assert about["environment"] == first
    assert provenance.last_environment(about)["versions"]["keras"] == "99.0"


def refusal(trial: Trial, folder: Path) -> str:
    """Return what is said of an unfinished run that cannot be resumed."""
    with pytest.raises(RunError) as raised:
        ResumePolicy(allow_changed=True).prepare(trial, folder)
    return str(raised.value)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[]", "it is not a JSON object"),
        ('{"format": 1, "environment": {"versions": {}}}', "it lacks 'experiment'"),
        ('{"environment": {"versions": {}}}', "it lacks 'data'"),
        (
            '{"format": 1, "experiment": {}, "environment": 3}',
            "it holds something else than convladder writes",
        ),
    ],
)
def test_an_unfinished_run_that_does_not_say_what_it_is_of_is_called_damaged_once(
    begun: tuple[Trial, Path], damage: str, why: str
) -> None:
    trial, folder = begun
    path = folders.unfinished(folder) / "experiment.json"
    path.write_text(damage)
    assert refusal(trial, folder) == f"{path} is damaged ({why}): --fresh starts over"


def test_an_unfinished_run_of_a_newer_version_is_not_to_be_started_over(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    path = folders.unfinished(folder) / "experiment.json"
    files.write_json(path, files.read_json(path) | {"format": folders.FORMAT + 1})
    said = refusal(trial, folder)
    assert said.startswith(f"{path.parent} was written by a newer convladder (format ")
    assert said.endswith("): update convladder, or choose another --out")


def test_an_unfinished_run_with_settings_that_there_are_no_more_names_them(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    path = folders.unfinished(folder) / "experiment.json"
    about = files.read_json(path)
    about["experiment"]["train"]["warp"] = 9
    files.write_json(path, about)
    said = refusal(trial, folder)
    assert said.startswith(f"{path} does not fit this version of convladder (")
    assert "train: unknown setting 'warp'" in said
    assert said.endswith("): resume it with the version that wrote it, or start over with --fresh")


def test_other_images_are_refused(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    bank = replace(trial.dataset.bank, fingerprint="other")
    other = replace(trial, dataset=replace(trial.dataset, bank=bank))
    for how in (ResumePolicy(), ResumePolicy(allow_changed=True)):
        with pytest.raises(
            RunError,
            match=r"cannot be resumed \(it uses other data, from digits.*--fresh starts over$",
        ):
            how.prepare(other, folder)
    faster = replace(other, experiment=trial.experiment.replace({"train.learning_rate": 0.1}))
    with pytest.raises(
        RunError, match=r"other data.*train\.learning_rate was 0\.001 and is now 0\.1"
    ):
        ResumePolicy(allow_changed=True).prepare(faster, folder)


def test_another_split_is_refused_as_weights_have_seen_what_would_be_tested(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    for changes in ({"data.split_seed": 1}, {"data.validation": 0.2}, {"data.folds": 2}):
        other = replace(trial, experiment=trial.experiment.replace(changes))
        with pytest.raises(RunError, match="cannot be resumed"):
            ResumePolicy(allow_changed=True).prepare(other, folder)


def test_nothing_has_changed_where_nothing_is_kept(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    for path in folders.unfinished(folder).glob("checkpoint-*"):
        path.unlink()
    other = replace(trial, experiment=trial.experiment.replace({"train.learning_rate": 0.1}))
    assert ResumePolicy().prepare(other, folder) == other


def test_what_the_checkpoint_holds_cannot_be_changed_on_the_way(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    for changes in ({"train.learning_rate": 0.1}, {"train.select": "last"}, {"seed": 1}):
        other = replace(trial, experiment=trial.experiment.replace(changes))
        with pytest.raises(RunError, match=r"cannot be resumed .* is now .*: --fresh starts over$"):
            ResumePolicy(allow_changed=True).prepare(other, folder)


def test_a_finished_run_of_other_epochs_says_that_allow_changed_does_not_reach_it(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    run_trial(trial, folder, "pytest", print)
    longer = replace(trial, experiment=trial.experiment.replace({"train.epochs": 3}))
    allowed = ResumePolicy(allow_changed=True)
    with pytest.raises(
        RunError, match=r"is finished and .* now 3\).* --allow-changed resumes only unfinished runs"
    ):
        single_training.train_one(longer, folder, threads=1, how=allowed, on_event=print)
    faster = replace(trial, experiment=trial.experiment.replace({"train.learning_rate": 0.1}))
    with pytest.raises(
        RunError, match=r"is finished and is a different run .*: choose another --out$"
    ):
        single_training.train_one(faster, folder, threads=1, how=allowed, on_event=print)


def test_checkpoints_that_do_not_say_what_they_are_of_are_refused(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    (folders.unfinished(folder) / "experiment.json").unlink()
    with pytest.raises(RunError, match=r"experiment\.json is missing"):
        ResumePolicy(allow_changed=True).prepare(trial, folder)
    assert ResumePolicy().find(folder.parent, trial) is None


def test_what_cannot_be_read_is_not_found(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    for name, text in (
        ("a", "{"),
        ("b", "{}"),
        ("c", '{"rung": "lenet5", "data": {}, "experiment": {"no": 1}}'),
    ):
        files.write_text(folder.parent / f"z-{name}.unfinished" / "experiment.json", text)
    assert ResumePolicy().find(folder.parent, trial) == folder


def test_fresh_begins_anew_and_replaces_nothing_finished(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    before = sorted(folders.unfinished(folder).iterdir())
    assert ResumePolicy(fresh=True).prepare(trial, folder).changed == ()
    assert sorted(folders.unfinished(folder).iterdir()) == before, (
        "nothing is removed before all is checked"
    )
    ResumePolicy().clear(folder)
    assert sorted(folders.unfinished(folder).iterdir()) == before
    ResumePolicy(fresh=True).clear(folder)
    assert not list(folders.unfinished(folder).glob("[!.]*"))
    run_trial(trial, folder, "pytest", print)
    assert "resumed" not in saved_run.SavedRun(folder).about
    with pytest.raises(RunError, match="is finished: to start over, remove it"):
        single_training.train_one(
            trial, folder, threads=1, how=ResumePolicy(fresh=True), on_event=print
        )


def test_a_command_that_is_refused_leaves_the_run_alone(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    unfinished = folders.unfinished(folder)
    for path in unfinished.glob("checkpoint-*"):
        path.unlink()  # as before the first checkpoint
    with locks.locked(unfinished):
        before = sorted(unfinished.iterdir())
        with pytest.raises(RunError, match="another convladder process is working"):
            single_training.train_one(trial, folder, threads=1, how=ResumePolicy(), on_event=print)
        assert sorted(unfinished.iterdir()) == before


def test_a_checkpoint_that_is_damaged_is_not_gone_on_from_and_that_is_said(
    begun: tuple[Trial, Path], tmp_path: Path
) -> None:
    trial, folder = begun
    newest = max(folders.unfinished(folder).glob("checkpoint-*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    said: list[Any] = []
    run_trial(trial, folder, "pytest", said.append)
    assert said[:2] == [
        f"damaged checkpoints, not used: {newest.stem}.json",
        "resumes after 1 epoch and 0 steps",
    ]
    (resumed,) = saved_run.SavedRun(folder).about["resumed"]
    assert (resumed["epoch"], resumed["step"], resumed["damaged"]) == (
        1,
        0,
        [f"{newest.stem}.json"],
    )
    run_trial(trial, tmp_path / "whole", "pytest", print)
    assert (folder / "predictions.csv").read_bytes() == (
        tmp_path / "whole/predictions.csv"
    ).read_bytes()


def test_what_is_damaged_is_put_aside_once_it_is_written_down(
    begun: tuple[Trial, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, folder = begun
    newest = max(folders.unfinished(folder).glob("checkpoint-*.safetensors"))
    newest.write_bytes(b"")

    def die(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as dying:
        dying.setattr(files, "write_json", die)
        with pytest.raises(ZeroDivisionError):
            run_trial(trial, folder, "pytest", print)
    assert newest.exists()
    run_trial(trial, folder, "pytest", print)
    assert saved_run.SavedRun(folder).about["resumed"][0]["damaged"] == [f"{newest.stem}.json"]


def test_what_changed_on_the_way_is_on_the_card_and_versions_count_as_mixed(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    run_trial(replace(trial, changed=("keras was 1.0 and is now 2.0",)), folder, "pytest", print)
    run = saved_run.SavedRun(folder)
    assert "although keras was 1.0 and is now 2.0" in (folder / "card.md").read_text()
    assert provenance.mixed_versions([run.about]) == []
    run.about["resumed"][0]["environment"]["versions"]["keras"] = "99.0"
    assert provenance.mixed_versions([run.about]) == ["keras"]


def test_what_is_being_written_is_no_run_yet(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    run_trial(trial, folder, "pytest", print)
    folder.rename(folder.with_name(".convladder-run.0123abcd.tmp"))
    assert folders.finished_inside(folder.parent) == []


def test_an_error_of_before_is_forgotten_when_its_trial_has_ended_well(tmp_path: Path) -> None:
    """Not when it is begun again: what was compared without it would be so no more."""
    key = folders.TrialKey("lenet5", 0)
    error = folders.error_file(folders.trial_folder(tmp_path, key))
    climbing._take(Failed(key, "no memory", "", expected=True), tmp_path, print)
    assert error.exists()
    climbing._take(Started(key), tmp_path, print)
    climbing._take(Halted(key), tmp_path, print)
    assert error.exists()
    climbing._take(Finished(key, Validated(0.5, "accuracy")), tmp_path, print)
    assert not error.exists()


def test_a_climb_that_cannot_be_read_is_not_found(tmp_path: Path, few_digits: SplitDataset) -> None:
    plan = climb_plan.Plan(None, (Trial("lenet5", Experiment(), few_digits),), "this")
    files.write_text(tmp_path / "a/climb.json", "{")
    files.write_json(
        tmp_path / "b/climb.json",
        {"format": folders.FORMAT, "identity": "this", "data": few_digits.provenance()},
    )
    files.write_text(tmp_path / "c/climb.json", "[]")
    files.write_text(tmp_path / "d/climb.json", '{"format": 1, "identity": "this"}')
    assert climb_folder.find_climb(tmp_path, plan) == tmp_path / "b"


@pytest.mark.parametrize("identity", ["this", "of another version"])
def test_that_an_older_version_split_the_images_otherwise_is_said(
    identity: str, tmp_path: Path, few_digits: SplitDataset
) -> None:
    from convladder.tuning import record, searching
    from convladder.tuning.candidates import SearchPlan
    from convladder.tuning.space_file import space_of

    said: list[str] = []
    trial = Trial("lenet5", Experiment().replace(few_digits.settled()), few_digits)
    plan = climb_plan.Plan(None, (trial,), "this")
    search = SearchPlan(trial, space_of({"train.learning_rate": [0.1, 0.2]}, "space"))
    older = few_digits.provenance() | {"bank_version": 3}
    about = {
        "format": folders.FORMAT,
        "default": trial.experiment.model_dump(),
        "space": search.space.to_json(),
        "data": older,
    }
    for name in ("a", "b"):
        files.write_json(
            tmp_path / name / "climb.json",
            {"format": folders.FORMAT, "identity": identity, "data": older},
        )
        own = search.identity if identity == "this" else identity
        files.write_json(tmp_path / name / "tune.json", about | {"identity": own})
    assert climb_folder.find_climb(tmp_path, plan, said.append) is None
    assert searching.find_search(tmp_path, search, said.append) is None
    told = f"{tmp_path / 'b'} also uses these images, but cannot be resumed and is left unchanged"
    assert said == [f"{told}: {resume.OTHERWISE}"] * 2
    with pytest.raises(
        SearchError, match=r"finds copies differently, and so makes other splits.*another --out"
    ):
        record.begin(tmp_path / "b", search, searching.Budget(1, None), fresh=False)
    files.write_json(
        tmp_path / "c/climb.json",
        {
            "format": folders.FORMAT,
            "identity": "this",
            "data": older | {"source": "x", "fingerprint": "y"},
        },
    )
    files.write_json(
        tmp_path / "a/climb.json",
        {"format": folders.FORMAT, "identity": "this", "data": few_digits.provenance()},
    )
    assert climb_folder.find_climb(tmp_path, plan, said.append) == tmp_path / "a"
    assert len(said) == 2


def test_a_run_whose_images_an_older_version_split_otherwise_is_told_of_and_refused(
    begun: tuple[Trial, Path],
) -> None:
    trial, folder = begun
    path = folders.unfinished(folder) / "experiment.json"
    about = files.read_json(path)
    files.write_json(path, about | {"data": about["data"] | {"bank_version": 3}})
    said: list[str] = []
    assert ResumePolicy().find(folder.parent, trial, said.append) is None
    assert len(said) == 1
    assert "run.unfinished also uses these images, but cannot be resumed" in said[0]
    other = replace(trial, experiment=trial.experiment.replace({"seed": 1}))
    assert ResumePolicy().find(folder.parent, other, said.append) is None
    assert len(said) == 1
    with pytest.raises(
        RunError,
        match=r"cannot be resumed .*finds copies differently, and so makes other splits.*--fresh",
    ):
        ResumePolicy().prepare(trial, folder)


@pytest.mark.parametrize("call", [cl.train, cl.climb])
def test_allow_changed_says_where_nothing_is_to_be_gone_on_with(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"--allow-changed found no .* with --out"):
        call("digits", changes={"data.limit": 99}, allow_changed=True, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    holds = (
        "import sys, time; from pathlib import Path; from convladder.results import locks\n"
        "with locks.locked(Path(sys.argv[1])):\n    print(flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", holds, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(
        RunError, match=rf"another convladder process is working in .* \(process {holder.pid} on "
    ):
        locks.check_unlocked(tmp_path)
    holder.kill()
    holder.wait()
    locks.check_unlocked(tmp_path)


def test_a_run_is_reproduced_or_it_is_said_how_far_it_is_not(tmp_path: Path) -> None:
    run = cl.train(
        "digits",
        "lenet5",
        epochs=1,
        changes={"data.limit": 200},
        threads=1,
        out=tmp_path / "run",
        quiet=True,
    )
    same = cl.reproduce(run, quiet=True)
    assert same.equal
    assert (same.otherwise, same.apart, same.circumstances) == (0, 0, ())
    table = run.predictions
    table.loc[0, "predicted"] = "other"
    table.to_csv(run.folder / "predictions.csv", index=False)
    about: dict[str, Any] = run.about
    about["environment"]["versions"]["keras"] = "1.0"
    files.write_json(run.folder / "experiment.json", about)
    other = cl.reproduce(tmp_path / "run", out=tmp_path / "again", quiet=True)
    assert not other.equal
    assert (other.otherwise, other.apart) == (1, pytest.approx(0, abs=1e-7))
    assert other.circumstances == (
        f"keras was 1.0 and is now {provenance.versions(['keras'])['keras']}",
    )
    assert saved_run.SavedRun(tmp_path / "again").seed == 0
    with pytest.raises(RunError, match="run is the original run: choose another --out"):
        cl.reproduce(run, out=run.folder, quiet=True)


def test_what_cannot_be_made_again_is_said(begun: tuple[Trial, Path]) -> None:
    trial, folder = begun
    run_trial(replace(trial, changed=("train.epochs was 1 and is now 2",)), folder, "pytest", print)
    run = saved_run.SavedRun(folder)
    assert reproduction.compare(run, run).circumstances == (
        "it was resumed although train.epochs was 1 and is now 2",
    )
