"""Where runs and climbs lie: their names, and what is checked before anything is written there."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.experiment import Experiment
from convladder.core.formatting import plural

ABOUT = "experiment.json"
MARKER = "metrics.json"  # the last file that a run needs
REPORT = "report.html"
LIVE = "live.html"  # a page of what trains, and then of what came of it
UNFINISHED = ".unfinished"
# on Linux, with the mounted folder as the fifth word of a line
MOUNTS = Path("/proc/self/mountinfo")
LONGEST_NAME = 120  # bytes of the data's name in that of a run
# of experiment.json, climb.json and tune.json, each of which says so; older ones have no number
FORMAT = 2
# before they had a mark
OLDER_LOCKS = (".lock", ".lock-holder", ".training-lock", ".training-lock-holder")


def is_finished(folder: Path) -> bool:
    return (folder / ABOUT).is_file() and (folder / MARKER).is_file()


def is_climb(folder: Path) -> bool:
    return (folder / "climb.json").is_file()


def is_search(folder: Path) -> bool:
    return (folder / "tune.json").is_file()


def finished_inside(folder: Path) -> list[Path]:
    """Return the finished runs in a folder, such as that of a rung in a climb."""
    # what is being written has a dot before its name
    inside = folder.glob("[!.]*") if folder.is_dir() else []
    return sorted(filter(is_finished, inside))


def finished_runs(climb: Path) -> list[Path]:
    """Return the finished runs of a climb."""
    rungs = sorted((climb / "trials").glob("*"))
    return [run for rung in rungs for run in finished_inside(rung)]


def why_no_run(folder: Path) -> str:
    """Say why there is no finished run in a folder, and where one may be."""
    if not folder.exists() and not unfinished(folder).exists():
        return f"there is no folder {folder}"
    if is_climb(folder):
        runs = finished_runs(folder)
        named = f": give one of its runs, such as {runs[0]}" if runs else " without a finished run"
        return f"{folder} is a climb{named}"
    if is_search(folder):
        tested = finished_runs(folder / "climb")
        named = (
            f"give a run of its final test, such as {tested[-1]}"
            if tested
            else "its winner has not been tested yet"
        )
        return f"{folder} is a search, not a run: {named}"
    inside = finished_inside(folder)
    if inside:
        return (
            f"{folder} is not a run, but it holds {plural(len(inside), 'run')}: give one of them, "
            f"such as {inside[0]}"
        )
    if unfinished(folder).is_dir() or folder.name.endswith(UNFINISHED):
        return f"{folder} is not finished: run the same command again to resume it"
    return f"{folder} is not a finished run: it has no {MARKER}"


# docs/decisions/036-an-unfinished-run-lies-beside-its-place.md
def unfinished(run_folder: Path) -> Path:
    """Return where a run is kept until it is finished: beside its place, as `NAME.unfinished`."""
    return run_folder.with_name(run_folder.name + UNFINISHED)


def finished(unfinished_folder: Path) -> Path:
    """Return where an unfinished run is to be put."""
    return unfinished_folder.with_name(unfinished_folder.name.removesuffix(UNFINISHED))


class TrialKey(NamedTuple):
    """Which trial of a climb: its rung, its seed, and in cross-validation its fold."""

    rung: str
    seed: int
    fold: int | None = None

    @classmethod
    def of(cls, rung: str, experiment: Experiment) -> TrialKey:
        """Return the key of a rung's experiment."""
        data = experiment.data
        return cls(rung, experiment.seed, data.fold if data.folds else None)

    @property
    def name(self) -> str:
        """The trial among those of its rung, such as `seed 0` or `fold 2, seed 0`."""
        return f"seed {self.seed}" if self.fold is None else f"fold {self.fold}, seed {self.seed}"


def trial_folder(climb: Path, key: TrialKey) -> Path:
    """Return where a climb keeps the run of a trial, such as `trials/lenet5/seed-0`."""
    return climb / "trials" / place_of(key)


def climb_of(run_folder: Path) -> Path | None:
    """Return the climb that a run folder is a trial of; None where it is of none."""
    trials, climb = run_folder.parent.parent, run_folder.parent.parent.parent
    return climb if trials.name == "trials" and is_climb(climb) else None


def place_of(key: TrialKey) -> Path:
    """Return where a trial is among all of a climb, such as `lenet5/seed-0`."""
    return Path(key.rung) / key.name.replace(", ", "-").replace(" ", "-")


def rung_folder(climb: Path, rung: str) -> Path:
    """Return where a climb keeps the runs of a rung."""
    return climb / "trials" / rung


def error_file(run_folder: Path) -> Path:
    """Return where a failed trial's error is kept: beside the run folder that is not there."""
    return run_folder.with_name(run_folder.name + ".error.txt")


def new_folder(parent: str, name: str) -> Path:
    """Return an unused dated path under `parent`, such as `runs/2026-11-23-140500-digits`.

    A long name is cut: names have 255 bytes at most, and what is written beside the folder takes
    some of them.
    """
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    last = Path(name).expanduser().resolve().name
    clean = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in last)
    short = clean.encode(errors="replace")[:LONGEST_NAME].decode(errors="ignore")
    base = Path(parent) / f"{stamp}-{short or 'data'}"
    candidate, number = base, 2
    while candidate.exists() or unfinished(candidate).exists():
        candidate, number = Path(f"{base}-{number}"), number + 1
    return candidate


def followed(folder: Path) -> Path:
    """Return the folder that a path means: what a link leads to, and of `.` or `..` the named one.

    Another path is left as it was given.
    """
    return folder.resolve() if folder.is_symlink() or folder.name in ("", "..") else folder


def is_mount_point(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Whether a disk, or a folder of the same disk, is mounted at a folder, as far as told."""
    if os.path.ismount(folder):
        return True
    with contextlib.suppress(OSError, ValueError, IndexError):
        mounted = {line.split()[4] for line in mounts.read_text(encoding="utf-8").splitlines()}
        escaped = re.sub(r"[\s\\]", lambda found: f"\\{ord(found[0]):03o}", str(folder.resolve()))
        return escaped in mounted
    return False


def check_writable(folder: Path, option: str = "--out") -> None:
    """Make the folder if it is missing. Raises RunError where nobody can write, before any work.

    `option` is how the folder was given.
    """
    try:
        files.make_folder(folder)
        probe = folder / f"{files.MARK}write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RunError(
            f"cannot write to {folder} ({error.strerror}): choose another place with {option}"
        ) from None


def check_file(path: Path) -> None:
    """Raise RunError where a file cannot be written, before any work."""
    if path.is_dir():
        raise RunError(
            f"{path} is a folder: give the name of a file, such as {path / 'check.html'}"
        )
    if not path.parent.is_dir():
        raise RunError(f"there is no folder {path.parent} to write {path.name} into")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise RunError(f"cannot write {path}: choose another place")


def check_outside(folder: Path, source: str, option: str = "--out") -> None:
    """Raise RunError where `folder`, or a file, lies among the images: it would be read as data.

    `option` is how it was given.
    """
    data = Path(source).expanduser()
    if source and data.is_dir() and folder.resolve().is_relative_to(data.resolve()):
        raise RunError(
            f"{folder} lies inside the images ({data.resolve()}): choose a place outside with "
            f"{option}"
        )


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes the run folder when the block ends well.

    Until then that may hold the page of what trains, which stays.
    """
    with files.whole_folder(folder, MARKER, keeps={LIVE}) as temporary:
        yield temporary
