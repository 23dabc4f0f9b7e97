"""Whether what lies in a folder already is of the trial that is to be put there, and what differs if not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convladder import files, folders, provenance, runs
from convladder.config import Experiment, difference
from convladder.data.bank import VERSION
from convladder.errors import RunError
from convladder.trial import Trial

DECISIVE = ("convladder", "keras", "tensorflow", "tensorflow-cpu", "numpy")  # packages that results depend on
INDIFFERENT = ("data.source", "train.checkpoint_seconds")  # the fingerprint speaks for the data, wherever they lie


@dataclass(frozen=True)
class HowToGoOn:
    """What is done with what an earlier command has left.

    fresh : begin unfinished runs anew, and never touch finished ones. allow_changed : go on with a run that was
    begun otherwise, and keep a record of it.
    """

    fresh: bool = False
    allow_changed: bool = False

    def take_finished(self, run: runs.Run, trial: Trial) -> None:
        """Let a finished run stand for the trial, and remove what a kill may have left of its checkpoints.

        Raises RunError where it may not.
        """
        if self.fresh:
            raise RunError(f"{run.folder} is finished: to start over, remove it or choose another --out")
        check_finished(run, trial)
        shutil.rmtree(folders.unfinished(run.folder), ignore_errors=True)

    def find(self, parent: Path, trial: Trial) -> Path | None:
        """Return where the newest unfinished run of this trial under `parent` is to be put, if there is one."""
        every = [] if self.fresh else parent.glob(f"*{folders.UNFINISHED}/{folders.ABOUT}")
        for path in sorted(every, reverse=True):
            about = files.read_json(path)
            if about["rung"] == trial.rung and not _changes(about, trial):
                return folders.finished(path.parent)
        return None

    def prepare(self, trial: Trial, run_folder: Path) -> Trial:
        """Return the trial, knowing what has changed since it was begun; or with nothing left of that.

        Raises RunError where something has changed that may not.
        """
        unfinished = folders.unfinished(run_folder)
        if self.fresh:
            remove_unfinished(unfinished)
        changes = _changes_since(unfinished, trial)
        if changes and not self.allow_changed:
            raise RunError(
                f"{unfinished} was begun otherwise ({'; '.join(changes)}): --fresh starts over, --allow-changed "
                "goes on from where it is, and keeps a record of that"
            )
        return replace(trial, changed=tuple(changes))


def check_finished(run: runs.Run, trial: Trial) -> None:
    """Raise RunError where a finished run is not of this trial, naming what differs."""
    changes = _changes(run.about, trial)
    if changes:
        raise RunError(f"{run.folder} is another run ({'; '.join(changes)}): choose another --out")


def remove_unfinished(folder: Path) -> None:
    """Remove all of an unfinished run but its locks, which this process may hold."""
    for path in folder.glob("[!.]*"):
        path.unlink()


def threads_of(unfinished: Path) -> int | None:
    """Return how many threads an unfinished run was begun with: with others, its bits would be others."""
    path = unfinished / folders.ABOUT
    threads = files.read_json(path)["environment"]["threads"] if path.exists() else None
    return int(threads) if threads else None


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of an unfinished run that has no checkpoint, so that nothing is lost."""
    if not any(folder.glob("checkpoint-*.json")):
        shutil.rmtree(folder, ignore_errors=True)


def _changes_since(unfinished: Path, trial: Trial) -> list[str]:
    """Say what has changed since an unfinished run was begun, if there is one."""
    path = unfinished / folders.ABOUT
    if not path.exists():
        return []
    about = files.read_json(path)
    return _changes(about, trial) + _changed_versions(about["environment"]["versions"])


def _changes(about: Mapping[str, Any], trial: Trial) -> list[str]:
    """Say what of the data and of the experiment differs from what a run was begun with."""
    if about["data"].get("bank_version") != VERSION:
        return ["images are read otherwise by this version of convladder"]
    if about["data"]["fingerprint"] != trial.dataset.bank.fingerprint:
        return [f"it is of other data, from {about['data']['source']}"]
    differing = difference(Experiment.parse(about["experiment"]), trial.experiment)
    return [f"{key} was {old} and is now {new}" for key, (old, new) in differing.items() if key not in INDIFFERENT]


def _changed_versions(before: Mapping[str, str]) -> list[str]:
    now = provenance.versions(DECISIVE)
    return [
        f"{name} was {before.get(name, 'not there')} and is now {now.get(name, 'not there')}"
        for name in DECISIVE
        if before.get(name) != now.get(name)
    ]
