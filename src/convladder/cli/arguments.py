"""What several commands are given, each defined once, and what they make of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from convladder.core.errors import ExperimentError

errors = Console(stderr=True, highlight=False, soft_wrap=True)

DATA_HELP = "A folder of class folders (or of train/val/test folders of them), a .zip or .tar of it, a table of paths \
and labels (.csv, .jsonl, ...), .npz, .parquet, hf:NAME, or: digits, mnist, fashion_mnist, cifar10, cifar100."

Settings = dict[str, Any]

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Where to write: a new or empty folder, or one to resume; default: a dated one.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, metavar="N", help="The seed; of several, the first.")
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", min=1, metavar="N", help="Epochs of each trial; default: the ladder's, 20."
    ),
]
LadderName = Annotated[
    str | None,
    typer.Option(
        "--ladder",
        metavar="NAME|FILE",
        help="A built-in ladder or a .toml file. Default: classic, or transfer with --pretrained.",
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        "--pretrained",
        metavar="NAME|RUN",
        help=(
            "Start from a network of keras.applications (docs/transfer.md), or from that of a run "
            "or a bundle."
        ),
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="Of --pretrained NAME: a .h5 file instead of the download.",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help=(
            "Set any setting (docs/settings.md), such as train.learning_rate=3e-4; may be repeated."
        ),
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Trials at a time; default: one a core, or as many as there is memory for.",
    ),
]
Threads = Annotated[
    int | None, typer.Option("--jobs", min=1, metavar="N", help="Threads; default: one a core.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help=(
            "Train on a Ray cluster (an extra): auto, HOST:PORT or ray://HOST:PORT. Default: on "
            "this machine."
        ),
    ),
]
ClassWeight = Annotated[
    str | None, typer.Option("--class-weight", metavar="balanced", help="Weigh rare classes up.")
]
AllowRejects = Annotated[
    bool,
    typer.Option("--allow-rejects", help="Go on though more than 1 % of the files are unreadable."),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help="Start over where an unfinished run would go on; finished ones stay."
    ),
]
AllowChanged = Annotated[
    bool,
    typer.Option(
        "--allow-changed",
        help="Go on with an unfinished run though versions, threads or epochs changed (recorded).",
    ),
]
TensorBoardOption = Annotated[
    bool,
    typer.Option("--tensorboard", help="Write each epoch's figures for TensorBoard (an extra)."),
]
MLflowOption = Annotated[
    str | None,
    typer.Option(
        "--mlflow",
        metavar="URI",
        help="Tell MLflow (an extra): http://HOST:PORT, sqlite:///FILE or a folder.",
    ),
]
Devices = Annotated[
    int,
    typer.Option(
        "--devices", min=1, metavar="N", help="Devices that share every batch (docs/scaling.md)."
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        min=1,
        metavar="N",
        envvar="CONVLADDER_PROCESSES",
        help="Of several hosts that share it: how many.",
    ),
]
ProcessId = Annotated[
    int,
    typer.Option(
        "--process-id",
        min=0,
        metavar="N",
        envvar="CONVLADDER_PROCESS_ID",
        help="Which of them this is, from 0.",
    ),
]
Coordinator = Annotated[
    str | None,
    typer.Option(
        "--coordinator",
        metavar="HOST:PORT",
        envvar="CONVLADDER_COORDINATOR",
        help="Where process 0 is found.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def given_settings(
    settings: Settings, epochs: int | None, class_weight: str | None, assignments: list[str] | None
) -> Settings:
    """Return all settings that are given, by options and by --set. Raises ExperimentError where one
    is twice.
    """
    from convladder.core.experiment import parse_assignments

    changes = settings | {"train.epochs": epochs, "train.class_weight": class_weight}
    given = {key: value for key, value in changes.items() if value is not None}
    assigned = parse_assignments(assignments or [])
    for key, option in (("seed", "--seed"), ("data.source", "the argument DATA")):
        if key in assigned:
            raise ExperimentError(f"--set does not take {key}: give {option}")
    for key in given.keys() & assigned.keys():
        raise ExperimentError(
            f"{key} is given twice: by --set, and by --{key.rsplit('.')[-1].replace('_', '-')}"
        )
    return given | assigned


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """End with the status of Ctrl-C; what is left has been said."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (
        BrokenPipeError
    ):  # who reads has enough, as `head` has: the status of SIGPIPE, and nothing is said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
