"""The run folder: what a finished trial leaves on disk, and how it is read.

    experiment.json   the experiment; the data's provenance; versions, machine and time
    history.csv       a row an epoch
    predictions.csv   a row an image of validation and test
    metrics.json      every figure, derived from predictions.csv, and the price
    model.json        what the network is built from, beside its weights
    weights.npz       the weights
    samples.npz       some test images as the network saw them, right and wrong
    report.html, plots/

It becomes visible whole: a folder that has `metrics.json` is a finished trial.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from convladder import files
from convladder.config import Experiment
from convladder.errors import RunError
from convladder.evaluation import predictions

MARKER = "metrics.json"  # the last file that a run needs
PACKAGES = (
    "convladder",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "numpy",
    "pillow",
    "scikit-learn",
    "pandas",
    "scipy",
)


@dataclass(frozen=True)
class Samples:
    """Test images as the network saw them: pixels `(N, H, W, C)` and their rows in the test predictions.

    drawn : which of them were drawn at random; the others are there to show mistakes.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    drawn: NDArray[np.bool_]


class Run:
    """A finished trial on disk. Nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not is_finished(folder):
            raise RunError(f"{folder} is not a finished run: it has no metrics.json")

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `experiment.json` holds beside the experiment: rung, data, environment."""
        about: dict[str, Any] = files.read_json(self.folder / "experiment.json")
        return about

    @cached_property
    def experiment(self) -> Experiment:
        return Experiment.parse(self.about["experiment"])

    @cached_property
    def metrics(self) -> dict[str, Any]:
        figures: dict[str, Any] = files.read_json(self.folder / "metrics.json")
        return figures

    @cached_property
    def history(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        return predictions.read(self.folder / "predictions.csv")

    @cached_property
    def samples(self) -> Samples:
        with np.load(self.folder / "samples.npz", allow_pickle=False) as file:
            return Samples(file["pixels"], file["rows"], file["drawn"])

    @property
    def rung(self) -> str:
        return str(self.about["rung"])

    @property
    def seed(self) -> int:
        return self.experiment.seed


def is_finished(folder: Path) -> bool:
    return (folder / "experiment.json").is_file() and (folder / MARKER).is_file()


def is_climb(folder: Path) -> bool:
    return (folder / "climb.json").is_file()


def trial_folder(climb: Path, rung: str, seed: int) -> Path:
    """Return where a climb keeps the run of a rung and a seed."""
    return climb / "trials" / rung / f"seed-{seed}"


def error_file(run_folder: Path) -> Path:
    """Return where the error of a failed trial is kept: beside the run folder that it did not become."""
    return run_folder.with_name(run_folder.name + ".error.txt")


def new_folder(parent: str, name: str) -> Path:
    """Return a dated path under `parent` that nothing has yet, such as `runs/2026-11-23-1405-digits`."""
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    last = Path(name).expanduser().resolve().name
    clean = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in last)
    base = Path(parent) / f"{stamp}-{clean or 'data'}"
    candidate, number = base, 2
    while candidate.exists():
        candidate, number = Path(f"{base}-{number}"), number + 1
    return candidate


def check_writable(folder: Path) -> None:
    """Make the folder if it is missing. Raises RunError where nothing can be written, before any work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RunError(f"cannot write to {folder} ({error.strerror}): choose another place with --out") from None


def check_outside(folder: Path, source: str) -> None:
    """Raise RunError where `folder` lies among the images: what is written there would be read as data."""
    data = Path(source).expanduser()
    if data.is_dir() and folder.resolve().is_relative_to(data.resolve()):
        raise RunError(f"{folder} lies inside the images ({data.resolve()}): choose a place outside with --out")


def check_new(folder: Path) -> None:
    """Make the folder. Raises RunError where it is there and not empty, or cannot be written."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RunError(f"{folder} is there already: choose another --out")
    check_writable(folder)


def check_free(folder: Path) -> None:
    """Raise RunError where a run cannot be put at `folder`, before any work: something else is there."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not is_finished(folder)):
        raise RunError(f"{folder} is there already and is not a finished run: remove it, or choose another --out")


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes the run folder when the block ends well."""
    with files.whole_folder(folder, MARKER) as temporary:
        yield temporary


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a folder. Raises RunError where one does.

    The lock is the operating system's: it ends with the process that holds it, whatever ended that.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"another convladder is at work in {folder}: wait for it, or choose another --out"
        ) from None
    try:
        yield
    finally:
        lock.release()


def write_samples(folder: Path, samples: Samples) -> None:
    np.savez_compressed(folder / "samples.npz", pixels=samples.pixels, rows=samples.rows, drawn=samples.drawn)


def command() -> str:
    """Return the command that this process was started with."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def environment(command: str) -> dict[str, Any]:
    """Return versions, machine and time: what a result depends on beside the experiment."""
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "time": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": f"{platform.machine()}, {_processor()}",
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "versions": versions,
        "command": command,
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
