"""How a command runs: on what, from where it goes on, where it writes, and who is told.

What it imports is light, since the command line reads it to say what it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.core.devices import ALONE, Parallel
from convladder.core.options import option
from convladder.experiments.ray import ADDRESSES

if TYPE_CHECKING:
    from convladder.experiments.resume import ResumePolicy


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a command runs, whatever it trains; each takes those that mean something to it.

    on_page : is told of the page that shows what trains, once it is there.
    """

    jobs: int | None = option(
        None,
        "Trials in parallel",
        unset="one per core, or as many as fit in memory",
        kind=int,
        metavar="N",
        least=1,
    )
    threads: int | None = option(
        None,
        "Number of threads",
        unset="one per core",
        kind=int,
        flag="--jobs",
        metavar="N",
        least=1,
    )
    cluster: str | None = option(
        None,
        f"Train on a Ray cluster (an extra): {ADDRESSES}",
        unset="this machine",
        metavar="ADDRESS",
    )
    allow_rejects: bool = option(
        False, "Continue even if more than 1 % of the files are unreadable", kind=bool
    )
    out: str | Path | None = option(
        None,
        "Where to write: a new or empty folder, or one to resume",
        unset="a new dated folder",
        kind=Path,
        metavar="FOLDER",
    )
    fresh: bool = option(
        False,
        "Start over instead of resuming an unfinished run (finished runs stay)",
        kind=bool,
    )
    allow_changed: bool = option(
        False,
        "Resume even if versions, threads or epochs changed (recorded in the run)",
        kind=bool,
    )
    tensorboard: bool = option(
        False, "Write the figures of each epoch for TensorBoard (an extra)", kind=bool
    )
    mlflow: str | None = option(
        None,
        "Send the figures to MLflow (an extra): http://HOST:PORT, sqlite:///FILE or a folder",
        metavar="URI",
    )
    parallel: Parallel = ALONE
    on_page: Callable[[Path], object] | None = None
    quiet: bool = option(False, "Do not show progress", kind=bool, short="-q")

    @property
    def resume(self) -> ResumePolicy:
        """What is done with what an earlier command has left."""
        from convladder.experiments.resume import ResumePolicy

        return ResumePolicy(fresh=self.fresh, allow_changed=self.allow_changed)


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions(RunOptions):
    """How a run is trained again."""

    out: str | Path | None = option(
        None, "Save the new run in this folder", kind=Path, metavar="FOLDER"
    )
