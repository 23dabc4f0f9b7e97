"""What a person asks to be trained, as given: nothing is looked up or loaded yet.

What it imports is light, since the command line reads it to say what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.core import defaults
from convladder.core.errors import ExperimentError
from convladder.core.options import option
from convladder.data.sources.registry import EXPECTED

if TYPE_CHECKING:
    from convladder.core.ladder import Ladder
    from convladder.data.dataset import SplitDataset
    from convladder.results.saved_run import SavedRun

DATA = f"Your images: {EXPECTED}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every training is of: images, and a ladder with what is changed at its start."""

    data: str | Path | SplitDataset = option(MISSING, DATA, metavar="DATA")
    ladder: str | Ladder | None = option(
        None,
        "A built-in ladder or a .toml file",
        unset=f"{defaults.LADDER}, or {defaults.PRETRAINED_LADDER} with --pretrained",
        metavar="NAME|FILE",
    )
    seed: int = option(
        0, "The seed (the first one, if there are several)", kind=int, metavar="N", least=0
    )
    epochs: int | None = option(
        None, "Epochs per trial", unset="those of the ladder, or 20", kind=int, metavar="N", least=1
    )
    pretrained: str | Path | None = option(
        None,
        "Start from a network of keras.applications (docs/transfer.md), or from a run or a bundle",
        metavar="NAME|RUN",
    )
    weights: str | Path | None = option(
        None,
        "File of weights (.h5) to use instead of the download (with --pretrained NAME)",
        kind=Path,
        metavar="FILE",
    )
    metric: str | None = option(
        None,
        "What networks are judged by: accuracy, balanced-accuracy, macro-f1, auroc, log-loss, "
        "brier, or recall@CLASS, precision@CLASS, f1@CLASS",
        unset="accuracy",
        metavar="METRIC",
    )
    changes: Mapping[str, Any] | None = option(
        None,
        "Change any setting (docs/settings.md)",
        hint=", such as train.learning_rate=3e-4; may be repeated",
        kind=list[str],
        flag="--set",
        metavar="KEY=VALUE",
    )

    @property
    def given(self) -> dict[str, Any]:
        """All settings that are given. Raises ExperimentError where one is an argument."""
        given = dict(self.changes or {})
        for key in ("seed", "data.source"):
            if key in given:
                raise ExperimentError(f"changes cannot set {key}: it has its own argument")
        arguments = {"train.epochs": self.epochs, "metric": self.metric}
        return given | {key: value for key, value in arguments.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class TrainRequest(Request):
    """One rung with one seed."""

    rung: str | None = option(
        None, "The rung to train", unset="the last of the ladder", metavar="NAME"
    )


@dataclass(frozen=True, kw_only=True)
class ClimbRequest(Request):
    """The rungs of a ladder, or some, with several seeds, and in every fold if there are any."""

    rungs: Sequence[str] | None = option(
        None,
        "Train only these rungs",
        hint=", separated by commas",
        unset="all",
        metavar="A,B,C",
    )
    seeds: int | None = option(
        None,
        "Train every rung with so many seeds",
        unset=(
            f"{defaults.LOOKS[0]}, then up to {defaults.LOOKS[-1]} where more can decide a "
            f"comparison; {defaults.SEEDS_OF_FOLDS} with --folds"
        ),
        kind=int,
        metavar="N",
        least=1,
    )
    seconds: float | None = option(
        None,
        "How long the climb may take in all",
        hint=", such as 30m or 2h: it gets as many seeds as fit (in the place of --seeds)",
        unset="as long as it takes",
        flag="--time",
        metavar="TIME",
    )
    folds: int | None = option(
        None,
        "Cross-validation: test every image once, in K folds",
        kind=int,
        metavar="K",
        least=2,
    )
    margin: float | None = option(
        None,
        "Call two rungs equal if their difference is shown to be less than so many points, such "
        "as 1 (auroc, log-loss and brier have no points: such as 0.01)",
        unset="no rungs are called equal",
        kind=float,
        metavar="POINTS",
    )

    @property
    def given(self) -> dict[str, Any]:
        """All settings that are given, folds among them."""
        return super().given | ({} if self.folds is None else {"data.folds": self.folds})


@dataclass(frozen=True, kw_only=True)
class ReproduceRequest:
    """A run that is trained again, and where what it was made of is now."""

    run: str | Path | SavedRun = option(MISSING, "The folder of a run", kind=Path, metavar="RUN")
    data: str | Path | SplitDataset | None = option(
        None, "Where the images of the run are now, if they have moved", metavar="DATA"
    )
    pretrained: str | Path | None = option(
        None,
        "Where the run is now that it started from (--pretrained), if it has moved",
        kind=Path,
        metavar="RUN",
    )
    weights: str | Path | None = option(
        None,
        "Where the weights file is now that it started from (--weights), if it has moved",
        kind=Path,
        metavar="FILE",
    )
