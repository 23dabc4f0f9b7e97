"""A disk that is full at any write of a trial, or of its climb: what was there stands, and it goes
on.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import itertools
import os
import re
from pathlib import Path
from typing import Any

import pytest

from convladder.api import climb as climbs
from convladder.cli import main
from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.experiment import Experiment
from convladder.core.tasks import Failed
from convladder.data.dataset import SplitDataset
from convladder.evaluation import corruptions
from convladder.experiments import climb_folder
from convladder.experiments.trial import Trial, run_trial
from convladder.results import folders, locks, saved_run
from convladder.training import checkpoint

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
# a lock's file, who holds it, the history so far: done without, if need be
COURTESIES = ("lock", "-history.csv")

# what a name has until its file is whole
TEMPORARY = re.compile(r"^\.convladder-|\.[0-9a-f]{8}\.tmp$")
FILES_OF_A_RUN = {
    *("experiment.json", "history.csv", "metrics.json", "model.json", "predictions.csv", "card.md"),
    *(
        saved_run.SPLITS,
        saved_run.WEIGHTS,
        saved_run.SAMPLES,
        saved_run.FEATURES,
        saved_run.CORRUPTED,
    ),
}


class FullFile(io.FileIO):
    """A file of which nothing gets on the disk."""

    def write(self, data: Any) -> int:
        del data
        raise FULL


class Disk:
    """Has room for so many files that are opened for writing, and not for the next."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.room, self.opened, self._real = folder, -1, list[str](), builtins.open
        for module in (builtins, io):
            monkeypatch.setattr(module, "open", self.open)

    def open(self, file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if not self._counts(file, mode):
            return self._real(file, mode, *arguments, **more)
        self.opened.append(Path(file).name)
        if len(self.opened) - 1 != self.room:
            return self._real(file, mode, *arguments, **more)
        raw = io.BufferedWriter(FullFile(file, "w"))
        return raw if "b" in mode else io.TextIOWrapper(raw, encoding="utf-8")

    def _counts(self, file: Any, mode: str) -> bool:
        written = any(letter in mode for letter in "wxa+")
        path = isinstance(file, str | os.PathLike)
        if not (written and path and Path(file).is_relative_to(self.folder)):
            return False
        return not any(courtesy in Path(file).name for courtesy in COURTESIES)


@pytest.fixture
def trial(few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch) -> Trial:
    # so that a test takes less long
    monkeypatch.setattr(corruptions, "NAMES", corruptions.NAMES[:1])
    return Trial(
        "lenet5", Experiment().replace({"train.epochs": 1} | few_digits.settled()), few_digits
    )


def content(run: Path) -> dict[str, bytes]:
    return {
        name: (run / name).read_bytes()
        for name in ("predictions.csv", saved_run.WEIGHTS, saved_run.SPLITS)
    }


def test_a_trial_goes_on_from_any_write_that_failed(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_trial(trial, tmp_path / "whole", "pytest", print)
    place, failed = tmp_path / "runs/run", set[str]()
    unfinished = folders.unfinished(place)
    disk = Disk(tmp_path / "runs", monkeypatch)

    def fail_at(room: int) -> bool:
        disk.room = room
        disk.opened.clear()
        with contextlib.suppress(OSError, RuntimeError):
            run_trial(trial, place, "pytest", print)
            return False
        failed.add(TEMPORARY.sub("", disk.opened[-1]))
        assert not place.exists(), "no run that is not whole is to be seen"
        assert not [*place.parent.glob(".*.tmp"), *unfinished.glob(".*.tmp")]
        assert checkpoint.read_newest(unfinished)[1] == []
        return True

    for room in itertools.takewhile(
        lambda _: checkpoint.read_newest(unfinished)[0] is None, itertools.count()
    ):
        assert fail_at(room)
    assert all(fail_at(room) for room in range(len(FILES_OF_A_RUN) + 1)), failed
    assert not fail_at(len(FILES_OF_A_RUN) + 1)
    assert failed == FILES_OF_A_RUN | {
        "checkpoint-0001-000000.safetensors",
        "checkpoint-0001-000000.json",
    }
    assert content(place) == content(tmp_path / "whole")


def test_an_error_that_cannot_be_kept_ends_the_climb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, error = Failed("lenet5", "no memory", "", expected=True), tmp_path / "seed-0.error.txt"
    climb_folder._keep_error(error, failed)
    assert error.read_text() == "no memory\n"
    Disk(tmp_path, monkeypatch).room = 0
    with pytest.raises(
        RunError,
        match=r"cannot write .*seed-0\.error\.txt \(No space left on device\): free some space",
    ):
        climb_folder._keep_error(error, failed)
    assert error.read_text() == "no memory\n"


def test_a_lock_is_held_also_where_its_holder_cannot_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(files, "_write_synced", fail)
    with (
        locks.locked(tmp_path),
        pytest.raises(RunError, match=r"another convladder process is working in [^(]*: wait"),
    ):
        locks.check_unlocked(tmp_path)


def test_the_command_line_says_it_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), str(tmp_path / "report.html"))

    monkeypatch.setattr(climbs, "climb_request", fail)
    monkeypatch.setattr("sys.argv", ["convladder", "climb", "digits"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert "report.html" in line
    assert line.endswith("free some space and run the same command to resume")
