"""Whether what lies in a folder is of the trial to be put there, and what differs if not."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convladder.core import backend
from convladder.core.errors import ConvladderError, RunError
from convladder.core.experiment import Experiment, difference
from convladder.core.formatting import written
from convladder.data.bank.bank import VERSION
from convladder.data.dataset import SplitDataset
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.experiments.trial import INDIFFERENT, Trial
from convladder.results import folders, locks, migrations, outputs, provenance, saved_run
from convladder.results.provenance import DECISIVE

_logger = logging.getLogger(__name__)

# docs/decisions/040-allow-changed-does-not-reach-images-and-their-split.md
# what may change between two sessions
CHANGEABLE = ("train.epochs", "train.early_stopping", "train.plateau", "train.plateau_factor")
# other images, or another split of them, are not: weights may have seen what would be tested then
FRESH = "--fresh starts over"
OTHERWISE = "this version of convladder finds copies differently, and so makes other splits"


@dataclass(frozen=True)
class ResumePolicy:
    """What is done with what an earlier command has left.

    fresh : start unfinished runs over, and never touch finished ones.
    allow_changed : resume a run that was started differently, and keep a record of it.
    """

    fresh: bool = False
    allow_changed: bool = False

    def find(self, parent: Path, trial: Trial, say: Say = silent) -> Path | None:
        """Return the place of this trial's newest unfinished run under `parent`, if any.

        What may be changed on the way does not count where that is allowed. Where there is none,
        `say` is told of one by a version that split the images otherwise.
        """
        older: list[Path] = []
        every = [] if self.fresh else parent.glob(f"*{folders.UNFINISHED}")
        for folder in sorted(every, reverse=True):
            try:
                about = read_about(folder)
            except RunError as error:  # damaged, or of another version
                _logger.info("not resumed: %s", error)
                continue
            if about is None or about.get("rung") != trial.rung:
                continue
            changed = _changes(about, trial).keys() - {*(CHANGEABLE if self.allow_changed else ())}
            if not changed:
                return folders.finished(folder)
            if changed == {"data"} and _is_of_older_version(about["data"], trial.dataset):
                older.append(folder)
        _say_of_older(older, say)
        return None

    def prepare(self, trial: Trial, run_folder: Path, threads: int | None = None) -> Trial:
        """Return the trial, knowing what has changed since it was begun. Nothing is removed yet.

        threads : those that a person asked for. Raises RunError where something has changed that
            may not.
        """
        unfinished = folders.unfinished(run_folder)
        if self.fresh:
            return trial
        lasting, others = _changes_since(unfinished, trial, threads)
        if lasting:
            raise RunError(
                f"{unfinished} was started differently and cannot be resumed "
                f"({'; '.join(lasting)}): {FRESH}"
            )
        if others and not self.allow_changed:
            raise RunError(
                f"{unfinished} was started differently ({'; '.join(others)}): {FRESH}; "
                "--allow-changed resumes it and records the change"
            )
        return replace(trial, changed=tuple(others))

    def clear(self, run_folder: Path) -> None:
        """Remove what lies unfinished of a run that is to start over: all but its locks."""
        if self.fresh:
            outputs.clear_unfinished(folders.unfinished(run_folder))


def find_alike(
    parent: Path, name: str, identity: str, dataset: SplitDataset, say: Say = silent
) -> Path | None:
    """Return the newest climb or search under `parent` with this identity, finished or not.

    `name` is that of the file which tells of it. Where there is none, `say` is told of one of these
    images by a version that split them otherwise.
    """
    older: list[Path] = []
    for path in sorted(parent.glob(f"*/{name}"), reverse=True):
        try:
            about = migrations.read_about(path)
            if about["identity"] == identity and is_split_alike(about["data"]):
                return path.parent
            if _is_of_older_version(about["data"], dataset):
                older.append(path.parent)
        except (KeyError, TypeError, RunError) as error:  # damaged, or newer
            _logger.info("%s is passed over (%s)", path.parent, error)
    _say_of_older(older, say)
    return None


def is_split_alike(data: Mapping[str, Any]) -> bool:
    """Whether the data of a run, climb or search was split as this version splits images."""
    return bool(data["bank_version"] == VERSION)


def _is_of_older_version(data: Mapping[str, Any], dataset: SplitDataset) -> bool:
    bank = dataset.bank
    same = data["fingerprint"] == bank.fingerprint or data["source"] == bank.source
    return same and not is_split_alike(data)


def _say_of_older(newest_first: list[Path], say: Say) -> None:
    if newest_first:
        left = (
            f"{newest_first[0]} also uses these images, but cannot be resumed and is left unchanged"
        )
        say(f"{left}: {OTHERWISE}")


def take_finished(run: saved_run.SavedRun, trial: Trial) -> None:
    """Let a finished run stand for the trial, and remove checkpoints that a kill left.

    Raises RunError where it is not of this trial.
    """
    check_finished(run, trial)
    outputs.remove_unfinished(folders.unfinished(run.folder))


def check_finished(run: saved_run.SavedRun, trial: Trial) -> None:
    """Raise RunError where a finished run is not of this trial, naming what differs."""
    changes = _changes(run.about, trial)
    if changes:
        advice = "choose another --out"
        if changes.keys() <= {*CHANGEABLE}:
            advice += "; --allow-changed resumes only unfinished runs"
        what = f"{run.folder} is finished and is a different run"
        raise RunError(f"{what} ({'; '.join(changes.values())}): {advice}")


def threads_of(folder: Path) -> int | None:
    """Return with how many threads a run was trained last: its bits depend on them."""
    about = read_about(folder)
    threads = about and provenance.last_environment(about)["threads"]
    return int(threads) if threads else None


def read_about(folder: Path) -> dict[str, Any] | None:
    """Return what a run is of; None where not written. Raises RunError where unusable."""
    path = folder / folders.ABOUT
    if not path.exists():
        return None
    about = migrations.read_about(path, FRESH)
    try:
        Experiment.parse(about["experiment"])
        provenance.last_environment(about)["versions"]
        about["data"]["fingerprint"]
    except ConvladderError as error:
        raise RunError(
            f"{path} does not fit this version of convladder ({error}): resume it with the version "
            "that wrote it, or start over with --fresh"
        ) from None
    except migrations.DAMAGE as error:
        raise migrations.damaged(path, error, FRESH) from None
    return about


def forget_if_empty(folder: Path) -> None:
    """Remove an unfinished run without a checkpoint, unless another process is at work in it."""
    if folder.is_dir():
        with contextlib.suppress(RunError), locks.locked(folder):
            if not _checkpoints(folder):
                outputs.remove_unfinished(folder)


def _checkpoints(folder: Path) -> bool:
    return any(folder.glob("checkpoint-*.json"))


def _changes_since(
    unfinished: Path, trial: Trial, threads: int | None
) -> tuple[list[str], list[str]]:
    """Say what has changed since an unfinished run was begun: what hinders, and the rest."""
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
    """Say what data and settings differ from those a run was begun with, by setting."""
    return changes_of(about["data"], Experiment.parse(about["experiment"]), trial)


def changes_of(data: Mapping[str, Any], begun: Experiment, trial: Trial) -> dict[str, str]:
    """Say how a trial differs from an experiment begun on some data, by setting."""
    changes = {}
    if not is_split_alike(data):
        changes["data"] = OTHERWISE
    elif data["fingerprint"] != trial.dataset.bank.fingerprint:
        changes["data"] = f"it uses other data, from {data['source']}"
    differing = difference(begun, trial.experiment)
    return changes | {
        key: f"{key} was {written(old)} and is now {written(new)}"
        for key, (old, new) in differing.items()
        if key not in INDIFFERENT
    }


def changed_backend(environment: Mapping[str, Any]) -> list[str]:
    """Say what differs of the backend, or else of the packages."""
    then, chosen = environment["backend"], backend.chosen()
    packages = (*DECISIVE, *backend.PACKAGES[chosen]) if then == chosen else DECISIVE
    before, now = environment["versions"], provenance.versions(packages)
    changed = [
        f"{name} was {before.get(name, 'not there')} and is now {now.get(name, 'not there')}"
        for name in packages
        if before.get(name) != now.get(name)
    ]
    return changed if then == chosen else [f"the backend was {then} and is now {chosen}", *changed]
