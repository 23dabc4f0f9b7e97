"""Whether what lies in a folder already is of the trial that is to be put there, and what differs if not."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convladder import backend, files, folders, locks, outputs, provenance, runs
from convladder.config import Experiment, difference
from convladder.data.bank import VERSION
from convladder.errors import ConvladderError, RunError
from convladder.provenance import DECISIVE
from convladder.trial import INDIFFERENT, Trial
from convladder.wording import written

CHANGEABLE = ("train.epochs", "train.early_stopping", "train.plateau", "train.plateau_factor")  # on the way
# other images, or another split of them, are not: weights may have seen what would be tested then


@dataclass(frozen=True)
class HowToGoOn:
    """What is done with what an earlier command has left.

    fresh : begin unfinished runs anew, and never touch finished ones. allow_changed : go on with a run that was
    begun otherwise, and keep a record of it.
    """

    fresh: bool = False
    allow_changed: bool = False

    def find(self, parent: Path, trial: Trial) -> Path | None:
        """Return where the newest unfinished run of this trial under `parent` is to be put, if there is one.

        What may be changed on the way does not count where that is allowed.
        """
        every = [] if self.fresh else parent.glob(f"*{folders.UNFINISHED}")
        for folder in sorted(every, reverse=True):
            with contextlib.suppress(RunError):  # it is of another version
                about = read_about(folder)
                ignored = CHANGEABLE if self.allow_changed else ()
                if about and about.get("rung") == trial.rung and not _changes(about, trial).keys() - {*ignored}:
                    return folders.finished(folder)
        return None

    def prepare(self, trial: Trial, run_folder: Path, threads: int | None = None) -> Trial:
        """Return the trial, knowing what has changed since it was begun. Nothing is removed yet.

        threads : those that a person asked for. Raises RunError where something has changed that may not.
        """
        unfinished = folders.unfinished(run_folder)
        if self.fresh:
            return trial
        lasting, others = _changes_since(unfinished, trial, threads)
        if lasting:
            raise RunError(
                f"{unfinished} was begun otherwise, and cannot go on ({'; '.join(lasting)}): --fresh starts over"
            )
        if others and not self.allow_changed:
            raise RunError(
                f"{unfinished} was begun otherwise ({'; '.join(others)}): --fresh starts over, --allow-changed "
                "goes on from where it is, and keeps a record of that"
            )
        return replace(trial, changed=tuple(others))

    def clear(self, run_folder: Path) -> None:
        """Remove what lies unfinished of a run that is to begin anew: all but its locks."""
        if self.fresh:
            outputs.clear_unfinished(folders.unfinished(run_folder))


def take_finished(run: runs.Run, trial: Trial) -> None:
    """Let a finished run stand for the trial, and remove what a kill may have left of its checkpoints.

    Raises RunError where it is not of this trial.
    """
    check_finished(run, trial)
    outputs.remove_unfinished(folders.unfinished(run.folder))


def check_finished(run: runs.Run, trial: Trial) -> None:
    """Raise RunError where a finished run is not of this trial, naming what differs."""
    changes = _changes(run.about, trial)
    if changes:
        raise RunError(f"{run.folder} is another run ({'; '.join(changes.values())}): choose another --out")


def threads_of(folder: Path) -> int | None:
    """Return how many threads a run was trained with last: with others, its bits would be others."""
    about = read_about(folder)
    threads = about and provenance.last_environment(about)["threads"]
    return int(threads) if threads else None


def read_about(folder: Path) -> dict[str, Any] | None:
    """Return what a run is of; None where that was not written. Raises RunError where it cannot be read."""
    path = folder / folders.ABOUT
    if not path.exists():
        return None
    try:
        about: dict[str, Any] = files.read_json(path)
        Experiment.parse(about["experiment"])
        provenance.last_environment(about)["versions"]
        about["data"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, ConvladderError) as error:
        raise RunError(f"{path} is damaged or of another version ({error}): --fresh starts over") from None
    return about


def forget_if_empty(folder: Path) -> None:
    """Remove an unfinished run that has no checkpoint to go on with, unless another process is at work in it."""
    if folder.is_dir():
        with contextlib.suppress(RunError), locks.locked(folder):
            if not _checkpoints(folder):
                outputs.remove_unfinished(folder)


def _checkpoints(folder: Path) -> bool:
    return any(folder.glob("checkpoint-*.json"))


def _changes_since(unfinished: Path, trial: Trial, threads: int | None) -> tuple[list[str], list[str]]:
    """Say what has changed since an unfinished run was begun: what it cannot go on with, and the rest."""
    if not _checkpoints(unfinished):
        return [], []
    about = read_about(unfinished)
    if about is None:
        return [f"{folders.ABOUT} is missing"], []
    changes = _changes(about, trial)
    changeable = set(CHANGEABLE)
    if 0 < trial.experiment.train.frozen_share < 1:
        changeable.remove("train.epochs")  # the backbone is frozen for a share of them
    lasting = [text for key, text in changes.items() if key not in changeable]
    others = [text for key, text in changes.items() if key in changeable]
    before = provenance.last_environment(about)
    if threads and before["threads"] not in (None, str(threads)):
        others.append(f"threads were {before['threads']} and are now {threads}")
    for what, now in (("devices", trial.parallel.total), ("processes", trial.parallel.processes)):
        if before.get(what, 1) != now:
            others.append(f"{what} were {before.get(what, 1)} and are now {now}")
    return lasting, others + changed_backend(before)


def _changes(about: Mapping[str, Any], trial: Trial) -> dict[str, str]:
    """Say what of the data and of the experiment differs from what a run was begun with, by the setting's key."""
    return changes_of(about["data"], Experiment.parse(about["experiment"]), trial)


def changes_of(data: Mapping[str, Any], begun: Experiment, trial: Trial) -> dict[str, str]:
    """Say in what a trial differs from an experiment that was begun on some data, by the setting's key."""
    changes = {}
    if data.get("bank_version") != VERSION:
        changes["data"] = "images are read otherwise by this version of convladder"
    elif data["fingerprint"] != trial.dataset.bank.fingerprint:
        changes["data"] = f"it is of other data, from {data['source']}"
    differing = difference(begun, trial.experiment)
    return changes | {
        key: f"{key} was {written(old)} and is now {written(new)}"
        for key, (old, new) in differing.items()
        if key not in INDIFFERENT
    }


def changed_backend(environment: Mapping[str, Any]) -> list[str]:
    """Say what differs of backend and packages; of another backend, the packages are others anyway."""
    then, chosen = provenance.backend_of(environment), backend.chosen()
    packages = (*DECISIVE, *backend.PACKAGES[chosen]) if then == chosen else DECISIVE
    before, now = environment["versions"], provenance.versions(packages)
    changed = [
        f"{name} was {before.get(name, 'not there')} and is now {now.get(name, 'not there')}"
        for name in packages
        if before.get(name) != now.get(name)
    ]
    return changed if then == chosen else [f"the backend was {then} and is now {chosen}", *changed]
