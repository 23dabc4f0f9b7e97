"""Folders that are stored, so that later versions are known to read and resume those of this one.

`run`, `climb` and `tune` are finished; `stopped-run.unfinished`, `stopped-climb` and `stopped-tune`
were interrupted.

python tests/support/stored_runs.py     makes them anew, where the format changes, beside the old
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

STORED = Path(__file__).parents[1] / "fixtures" / "format-1-runs.zip"
DATA = ["digits", "--limit", "160", "--set", 'data.classes=["0","1"]']
NETWORK = ["--set", "model.filters=[4]", "--set", "model.dense=[8]"]
COMMON = [*DATA, *NETWORK, "--jobs", "1", "--quiet"]
TRAIN = ["train", *COMMON, "--rung", "lenet5"]
CLIMB = ["climb", *COMMON, "--rungs", "lenet5,max-pooling", "--seeds", "2"]
TUNE = ["tune", *COMMON, "--rung", "lenet5", "--trials", "3", "--seeds", "2"]
LONG = ["--epochs", "120"]  # of those that are interrupted


def unpack(folder: Path) -> Path:
    """Write what is stored into a folder, and return it."""
    with zipfile.ZipFile(STORED) as stored:
        stored.extractall(folder)
    return folder


def finish(*command: str, cwd: Path) -> None:
    subprocess.run([sys.executable, "-m", "convladder", *command], cwd=cwd, check=True)


def interrupt(*command: str, cwd: Path, once: str) -> None:
    """Run a command, and press Ctrl-C once there is a file that matches a pattern."""
    process = subprocess.Popen(
        [sys.executable, "-m", "convladder", *command],
        cwd=cwd,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while not list(cwd.glob(once)):
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} was done before it could be interrupted")
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.wait()


def pack(folder: Path, path: Path) -> None:
    """Store everything but pages and plots, which are made anew from the rest."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as stored:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix not in (".html", ".png"):
                stored.write(file, file.relative_to(folder))


def main() -> None:
    with tempfile.TemporaryDirectory() as spare:
        folder = Path(spare)
        finish(*TRAIN, "--epochs", "2", "--out", "run", cwd=folder)
        finish(*CLIMB, "--epochs", "2", "--out", "climb", cwd=folder)
        finish(*TUNE, "--epochs", "2", "--out", "tune", cwd=folder)
        begun = "checkpoint-*.json"
        interrupt(
            *TRAIN,
            *LONG,
            "--out",
            "stopped-run",
            cwd=folder,
            once=f"stopped-run.unfinished/{begun}",
        )
        second = f"stopped-climb/trials/max-pooling/seed-0.unfinished/{begun}"
        interrupt(*CLIMB, *LONG, "--out", "stopped-climb", cwd=folder, once=second)
        interrupt(
            *TUNE, *LONG, "--out", "stopped-tune", cwd=folder, once=f"stopped-tune/**/{begun}"
        )
        pack(folder, STORED)


if __name__ == "__main__":
    main()
