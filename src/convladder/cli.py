"""The command line: a command parses, calls, and hands what came out to `show`; the rest is on standard error."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from convladder import show
from convladder.errors import ConvladderError, ExperimentError, RunError, is_full_disk
from convladder.options import READING, SPLITTING, TABLES, data_options, parse_size, parse_time

app = typer.Typer(
    help="Train an image classifier on your own images, and know which technique earned its place.",
    epilog="Example:  convladder climb digits     then open the report that it names",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

errors = Console(stderr=True, highlight=False, soft_wrap=True)

DATA_HELP = (
    "A folder of class folders (or of train/val/test folders of them), a .zip or .tar of it, a .csv of paths \
and labels, .npz, .parquet, hf:NAME, or: digits, mnist, fashion_mnist, cifar10, cifar100."
)

Settings = dict[str, Any]

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to write; default: a dated folder.")]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The seed; of several, the first.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, metavar="N", help="Epochs of each trial; default: the ladder's, 20."),
]
LadderName = Annotated[
    str | None,
    typer.Option(
        "--ladder",
        metavar="NAME|FILE",
        help="A built-in ladder or a .toml file; default: classic, or transfer with --pretrained.",
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        "--pretrained",
        metavar="NAME|RUN",
        help="Start from a network of keras.applications (docs/transfer.md), or from a run's.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Of --pretrained NAME: a .h5 file instead of the download."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set any setting (docs/settings.md), such as train.learning_rate=3e-4; may be repeated.",
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, metavar="N", help="Trials at a time; default: one a core.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Train on a Ray cluster (an extra): auto, HOST:PORT or ray://HOST:PORT. Default: on this machine.",
    ),
]
ClassWeight = Annotated[
    str | None, typer.Option("--class-weight", metavar="balanced", help="Weigh rare classes up.")
]
AllowRejects = Annotated[
    bool, typer.Option("--allow-rejects", help="Go on though more than 1 % of the files are unreadable.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Start over where an unfinished run would go on; finished ones stay.")
]
AllowChanged = Annotated[
    bool,
    typer.Option("--allow-changed", help="Go on though versions, threads or epochs changed; it is recorded."),
]
TensorBoardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Write each epoch's figures for TensorBoard (an extra).")
]
MLflowOption = Annotated[
    str | None, typer.Option("--mlflow", metavar="URI", help="Tell an MLflow server or database (an extra).")
]
Devices = Annotated[
    int, typer.Option("--devices", min=1, metavar="N", help="Devices that share every batch (docs/scaling.md).")
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
        "--process-id", min=0, metavar="N", envvar="CONVLADDER_PROCESS_ID", help="Which of them this is, from 0."
    ),
]
Coordinator = Annotated[
    str | None,
    typer.Option(
        "--coordinator", metavar="HOST:PORT", envvar="CONVLADDER_COORDINATOR", help="Where process 0 is found."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@app.command(epilog="Example:  convladder check path/to/images --html check.html")
@data_options(READING)
def check(
    data: DataArgument,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures there.")
    ] = None,
    changes: Changes = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Read every file, and say what would spoil the figures: broken files, copies, leaks, odd images.

    The exit status is 0 where all is well, 1 where something was found, 2 where the data cannot be read.
    """
    from convladder import api, folders

    if page:
        folders.check_file(page)
    with _interruptible():
        checked = api.check(data, changes=_changes(settings, None, None, changes), quiet=quiet)
    show.check(checked, checked.report(page) if page else None, json_wanted=as_json)
    if checked.findings:
        raise typer.Exit(1)


@app.command(
    epilog="Example:  convladder climb path/to/images --rungs lenet5,max-pooling --seeds 4 --epochs 10"
    "     or on many machines:  convladder climb path/to/images --cluster auto"
)
@data_options(READING, SPLITTING)
def climb(
    data: DataArgument,
    ladder: LadderName = None,
    rungs: Annotated[
        str | None, typer.Option("--rungs", metavar="A,B,C", help="Climb these rungs only; default: all.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, metavar="N", help="Seeds for each rung; default: 5, or 1 with --folds."),
    ] = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    pretrained: Pretrained = None,
    weights: Weights = None,
    jobs: Jobs = None,
    cluster: ClusterOption = None,
    class_weight: ClassWeight = None,
    changes: Changes = None,
    allow_rejects: AllowRejects = False,
    out: Out = None,
    fresh: Fresh = False,
    allow_changed: AllowChanged = False,
    tensorboard: TensorBoardOption = False,
    mlflow: MLflowOption = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Train every rung of a ladder with several seeds, and report what each technique brought.

    After a stop, whatever stopped it, the same command goes on where it was.
    """
    names = None if rungs is None else [name.strip() for name in rungs.split(",") if name.strip()]
    settings = _changes(settings, epochs, class_weight, changes)
    _climb(
        data,
        ladder=ladder,
        rungs=names,
        seeds=seeds,
        seed=seed,
        pretrained=pretrained,
        weights=weights,
        changes=settings,
        jobs=jobs,
        cluster=cluster,
        out=out,
        fresh=fresh,
        allow_changed=allow_changed,
        allow_rejects=allow_rejects,
        tensorboard=tensorboard,
        mlflow=mlflow,
        quiet=quiet,
        as_json=as_json,
    )


@app.command(epilog="Example:  convladder train path/to/images --rung batch-norm --epochs 20")
@data_options(READING, SPLITTING)
def train(
    data: DataArgument,
    rung: Annotated[str | None, typer.Option("--rung", help="Which rung; default: the ladder's last.")] = None,
    ladder: LadderName = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    pretrained: Pretrained = None,
    weights: Weights = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, metavar="N", help="Threads; default: one a core.")
    ] = None,
    class_weight: ClassWeight = None,
    changes: Changes = None,
    allow_rejects: AllowRejects = False,
    out: Out = None,
    fresh: Fresh = False,
    allow_changed: AllowChanged = False,
    tensorboard: TensorBoardOption = False,
    mlflow: MLflowOption = None,
    devices: Devices = 1,
    processes: Processes = 1,
    process_id: ProcessId = 0,
    coordinator: Coordinator = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Train one rung with one seed; with --folds, once for each fold, as a climb of this rung alone.

    After a stop, whatever stopped it, the same command goes on where it was.
    """
    from convladder import api
    from convladder.ladder import load_ladder
    from convladder.parallel import Parallel

    settings = _changes(settings, epochs, class_weight, changes)
    same: dict[str, Any] = {
        "ladder": ladder,
        "seed": seed,
        "pretrained": pretrained,
        "weights": weights,
        "changes": settings,
        "allow_rejects": allow_rejects,
    }
    how = same | {
        "out": out,
        "fresh": fresh,
        "allow_changed": allow_changed,
        "tensorboard": tensorboard,
        "mlflow": mlflow,
    }
    parallel = Parallel(devices, processes, process_id, coordinator)
    if settings.get("data.folds"):
        if parallel.total > 1:
            raise ExperimentError("--folds trains one network on one device: leave out --devices and --processes")
        named = ladder or ("transfer" if pretrained else "classic")
        names = [rung or load_ladder(named).rungs[-1].name]
        _climb(data, rungs=names, seeds=1, jobs=jobs, quiet=quiet, as_json=as_json, **how)
        return
    if process_id:
        with _interruptible():
            api.assist(data, rung, parallel=parallel, threads=jobs, quiet=quiet, **same)
        return
    with _interruptible():
        trained = api.train(data, rung, threads=jobs, parallel=parallel, quiet=quiet, **how)
    show.run(trained, trained.report(), json_wanted=as_json)


def _print_space(wanted: bool) -> None:
    if wanted:
        from convladder.space import built_in_text

        sys.stdout.buffer.write(built_in_text().encode())  # UTF-8, also where a console is not
        raise typer.Exit


@app.command(
    epilog="Example:  convladder tune path/to/images --time 30m     or, where you choose what is searched:  "
    "convladder tune --print-space > mine.toml     then  convladder tune path/to/images --space mine.toml"
)
@data_options(READING, SPLITTING)
def tune(
    data: DataArgument,
    space: Annotated[
        str | None, typer.Option("--space", metavar="FILE", help="Where to search, a .toml; default: built in.")
    ] = None,
    print_space: Annotated[
        bool,
        typer.Option(
            "--print-space",
            help="Print the built-in space, to start your own.",
            callback=_print_space,
            is_eager=True,
        ),
    ] = False,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, metavar="N", help="Candidates to try; default: 30.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="TIME", help="How long to search, such as 30m or 2h; the test comes after it."
        ),
    ] = None,
    rung: Annotated[
        str | None, typer.Option("--rung", help="Where the search begins; default: the ladder's last.")
    ] = None,
    ladder: LadderName = "classic",
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, metavar="N", help="Seeds of the winner and the default at the end.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The seed of the search.")] = 0,
    epochs: Epochs = None,
    jobs: Jobs = None,
    cluster: ClusterOption = None,
    class_weight: ClassWeight = None,
    changes: Changes = None,
    allow_rejects: AllowRejects = False,
    out: Out = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in a new folder.")] = False,
    allow_changed: AllowChanged = False,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Search for better settings, then test once whether what was found is better.

    Validation alone steers it; candidates that fall behind are ended early. The best is then trained afresh with
    several seeds beside the default, which takes its time too, and compared on test as a rung with its parent.
    After a stop, whatever stopped it, the same command goes on where it was.
    """
    from convladder.tuning import tune as search

    del print_space
    with _interruptible():
        tuned = search(
            data,
            rung,
            ladder=ladder,
            space=space,
            trials=trials,
            seconds=None if time is None else parse_time(time),
            seeds=seeds,
            seed=seed,
            changes=_changes(settings, epochs, class_weight, changes),
            jobs=jobs,
            cluster=cluster,
            out=out,
            fresh=fresh,
            allow_changed=allow_changed,
            allow_rejects=allow_rejects,
            quiet=quiet,
        )
    show.tuning(tuned, tuned.report(), json_wanted=as_json)
    if tuned.winner is None or tuned.test_failure:
        raise typer.Exit(1)


@app.command(epilog="Example:  convladder evaluate runs/2026-01-31-120000-cats --data path/to/other/images")
@data_options(TABLES)
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[str | None, typer.Option("--data", metavar="DATA", help="Other labelled images.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write predictions.csv and evaluation.json there."),
    ] = None,
    allow_rejects: AllowRejects = False,
    as_json: AsJson = False,
    quiet: QuietOption = False,
    *,
    settings: Settings,
) -> None:
    """Show a run's figures, or evaluate its network on other labelled images.

    Without --data these are the figures of its own validation and test images, from its predictions. Of
    other data, the test split is taken where the source names one, else every image.
    """
    from convladder.views.run import Run

    if out and data is None:
        raise ExperimentError("--out goes with --data: a run's own predictions are in its folder already")
    trained = Run(run)
    if data is None:
        show.figures(trained.metrics, json_wanted=as_json)
        return
    with _interruptible():
        figures = trained.evaluate(data, changes=settings, out=out, allow_rejects=allow_rejects, quiet=quiet)
    show.figures(figures, json_wanted=as_json)


@app.command(epilog="Example:  convladder reproduce runs/2026-01-31-120000-cats")
def reproduce(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Where its images are now."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Keep the new run there.")] = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
) -> None:
    """Train a run again from its experiment.json, and say whether its predictions come out the same.

    The exit status is 0 where predictions.csv is the same, byte for byte, and 1 where it is not.
    """
    from convladder import api

    with _interruptible():
        reproduced = api.reproduce(run, data, out=out, quiet=quiet)
    show.reproduction(reproduced, json_wanted=as_json)
    if not reproduced.equal:
        raise typer.Exit(1)


@app.command(epilog="Example:  convladder ladder classic     or     convladder ladder classic --toml > mine.toml")
def ladder(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="Which ladder; default: list them.")
    ] = None,
    image_size: Annotated[str, typer.Option("--image-size", metavar="N|HxW", help="For the costs.")] = "32",
    channels: Annotated[int, typer.Option("--channels", help="For the costs: 1 grey, 3 RGB.")] = 3,
    classes: Annotated[int, typer.Option("--classes", min=2, help="For the costs.")] = 10,
    pretrained: Pretrained = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print a built-in ladder's file, to start your own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the ladders, or print the rungs of one: changes, parameters and FLOPs."""
    from convladder import ladder as ladders

    if channels not in (1, 3):
        raise ExperimentError(f"--channels is 1 (grey) or 3 (RGB); got {channels}")
    if toml and name is None:
        raise ExperimentError(f"--toml needs the name of a ladder: {', '.join(ladders.BUILT_IN)}")
    if name is None:
        show.ladders([ladders.load_ladder(each) for each in ladders.BUILT_IN], json_wanted=as_json)
    elif toml:
        if name not in ladders.BUILT_IN:
            raise ExperimentError(f"--toml prints a built-in ladder ({', '.join(ladders.BUILT_IN)}); got {name!r}")
        sys.stdout.buffer.write(ladders.built_in_text(name).encode())  # UTF-8, also where a console is not
    else:
        from convladder import backbones
        from convladder.processes import call
        from convladder.trial import measure_ladder

        chosen = ladders.load_ladder(name)
        shape = (*parse_size(image_size), channels)
        start = backbones.changes(pretrained, None, {})
        costs = call(measure_ladder, chosen, shape, classes, start)  # a worker keeps TensorFlow quiet
        show.ladder(chosen, costs, json_wanted=as_json)


@app.command(epilog="Example:  convladder report climbs/2026-01-31-120000-cats")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, a climb or a search.")],
    as_json: AsJson = False,
) -> None:
    """Rebuild the report of a run, a climb or a search from its folder."""
    from convladder import folders
    from convladder.views.climb import Climb
    from convladder.views.run import Run
    from convladder.views.tuning import Tuning

    if folders.is_search(folder):
        tuned = Tuning(folder)
        show.tuning(tuned, tuned.report(), json_wanted=as_json)
    elif folders.is_climb(folder):
        climbed = Climb(folder)
        show.climb(climbed, climbed.report(), json_wanted=as_json)
    elif not folders.is_finished(folder):
        raise RunError(folders.why_no_run(folder))
    else:
        run = Run(folder)
        show.run(run, run.report(), json_wanted=as_json)


@app.command(epilog="Example:  convladder explain runs/2026-01-31-120000-cats --accuracy 0.95")
def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    accuracy: Annotated[
        float, typer.Option("--accuracy", metavar="SHARE", help="Accuracy wanted of what is still predicted.")
    ] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Say where a run's network errs, whether its probabilities can be believed, and which labels look wrong."""
    from convladder.views.run import Run

    if not 0 < accuracy <= 1:
        raise ExperimentError(f"--accuracy is a share from 0 to 1, such as 0.95; got {accuracy:g}")
    explained = Run(run)
    show.explanation(explained, explained.report(), accuracy, json_wanted=as_json)


@app.command(
    epilog="Example:  convladder compare climbs/NAME/trials/lenet5 climbs/NAME/trials/batch-norm"
    "     or two runs:  convladder compare runs/FIRST runs/SECOND"
)
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs, or of rungs; the first is the reference."),
    ],
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs that were tested on the same images with the first of them.

    Runs that differ in nothing but their seed are one group, compared over seeds and test images as in a
    climb. Single runs are compared as networks, by McNemar's test.
    """
    from convladder import api

    compared = api.compare(*runs)
    show.comparison(compared, compared.report(out), json_wanted=as_json)


@app.command(epilog="Example:  convladder cache --clear")
def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete all decoded images, and weights of backbones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the decoded images that are kept, or delete them. They are made again when needed."""
    from convladder import published_weights
    from convladder.data import bank

    if clear:
        published_weights.clear()
        count, size = bank.clear_banks()
        errors.print(f"deleted {count} decoded data sets, {size / 1e6:,.1f} MB", markup=False)
    show.banks(list(bank.list_banks()), bank.cache_folder(), json_wanted=as_json)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        sys.stdout.write(f"convladder {version_of('convladder')}\n")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; a fault that a person can put right is one line and exit status 2."""
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # file names that are not UTF-8
    try:
        app()
    except ConvladderError as error:
        _say_error(str(error))
        sys.exit(2)
    except OSError as error:
        if not is_full_disk(error):
            raise
        _say_error(f"{error}: make room, and the same command goes on")
        sys.exit(2)
    sys.exit(0)


def _climb(data: str, *, as_json: bool, **how: Any) -> None:
    """Climb as `api.climb` takes it, and show what came out."""
    from convladder import api

    with _interruptible():
        climbed = api.climb(data, **how)
    show.climb(climbed, climbed.report(), json_wanted=as_json)
    if climbed.failures:
        raise typer.Exit(1)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """End with the status of Ctrl-C; what is left has been said."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    sys.exit(128 + number)


def _say_error(message: str) -> None:
    one_line = " ".join(message.split())
    errors.print(f"Error: {one_line}", style="red", markup=False)


def _changes(
    settings: Settings, epochs: int | None, class_weight: str | None, assignments: list[str] | None
) -> Settings:
    from convladder.config import parse_assignments

    changes = settings | {"train.epochs": epochs, "train.class_weight": class_weight}
    given = {key: value for key, value in changes.items() if value is not None}
    assigned = parse_assignments(assignments or [])
    for key, option in (("seed", "--seed"), ("data.source", "the argument DATA")):
        if key in assigned:
            raise ExperimentError(f"--set does not take {key}: give {option}")
    for key in given.keys() & assigned.keys():
        raise ExperimentError(f"{key} is given twice: by --set, and by --{key.rsplit('.')[-1].replace('_', '-')}")
    return given | assigned
