"""The command line: a command parses, calls, and hands what came out to `show`; the rest is on standard error."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console

from convladder import show
from convladder.errors import ConvladderError, ExperimentError, RunError

if TYPE_CHECKING:
    from convladder.config import Data
    from convladder.data.dataset import Dataset
    from convladder.data.sources import Progress
    from convladder.runs import Run

T = TypeVar("T")

app = typer.Typer(
    help="Train an image classifier on your own images, and know which technique earned its place.",
    epilog="Example:  convladder climb digits     then open the report that it names",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

errors = Console(stderr=True, highlight=False, soft_wrap=True)

DATA_HELP = "A folder of class folders (or of train/val/test folders of them), an .npz file, or: digits, mnist, \
fashion_mnist, cifar10, cifar100."

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to write; default: a dated folder.")]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The seed; of several, the first.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, metavar="N", help="Epochs of each trial; default: the ladder's, 20."),
]
LadderName = Annotated[
    str, typer.Option("--ladder", metavar="NAME|FILE", help="A built-in ladder or a .toml file.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set any setting (docs/settings.md), such as train.learning_rate=3e-4; may be repeated.",
    ),
]
ImageSize = Annotated[
    str | None,
    typer.Option("--image-size", metavar="N|HxW", help="Size in pixels; default: from the images."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Use a stratified subset of so many images.")
]
ClassWeight = Annotated[
    str | None, typer.Option("--class-weight", metavar="balanced", help="Weigh rare classes up.")
]
AllowRejects = Annotated[
    bool, typer.Option("--allow-rejects", help="Go on though more than 1 % of the files are unreadable.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@app.command(epilog="Example:  convladder climb path/to/images --rungs lenet5,max-pooling --seeds 4 --epochs 10")
def climb(
    data: DataArgument,
    ladder: LadderName = "classic",
    rungs: Annotated[
        str | None, typer.Option("--rungs", metavar="A,B,C", help="Climb these rungs only; default: all.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds for each rung.")] = 5,
    seed: Seed = 0,
    epochs: Epochs = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, metavar="N", help="Trials at a time; default: one a core.")
    ] = None,
    image_size: ImageSize = None,
    limit: Limit = None,
    class_weight: ClassWeight = None,
    changes: Changes = None,
    allow_rejects: AllowRejects = False,
    out: Out = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
) -> None:
    """Train every rung of a ladder with several seeds, and report what each technique brought.

    The same command after a stop goes on with the trials that are missing.
    """
    from convladder import climbing, progress, runs
    from convladder.ladder import load_ladder
    from convladder.processes import cores
    from convladder.report import html
    from convladder.results import Results

    chosen = load_ladder(ladder)
    if rungs is not None:
        chosen = chosen.part([name.strip() for name in rungs.split(",") if name.strip()])
    settings = _changes(data, epochs, image_size, limit, class_weight, changes)
    plan = climbing.make_plan(
        chosen, range(seed, seed + seeds), settings, lambda wanted: _load(wanted, allow_rejects, quiet)
    )
    folder = out or climbing.find_climb(Path("climbs"), plan) or runs.new_folder("climbs", data)
    runs.check_outside(folder, data)
    _tell_resumed(len(plan.trials), len(climbing.missing_trials(plan, folder)), folder, quiet)
    going_on = f"what is finished is in {folder}, and the same command goes on"
    with _interruptible(going_on), progress.display(errors, quiet=quiet) as display:
        climbing.climb(plan, folder, jobs=jobs or cores(), on_weights=display.expect, on_event=display.follow)
    results = Results(folder)
    show.climb(results, html.write_climb(results), json_wanted=as_json)
    if results.failures:
        raise typer.Exit(1)


@app.command(epilog="Example:  convladder train path/to/images --rung batch-norm --epochs 20")
def train(
    data: DataArgument,
    rung: Annotated[str | None, typer.Option("--rung", help="Which rung; default: the ladder's last.")] = None,
    ladder: LadderName = "classic",
    seed: Seed = 0,
    epochs: Epochs = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, metavar="N", help="Threads; default: one a core.")
    ] = None,
    image_size: ImageSize = None,
    limit: Limit = None,
    class_weight: ClassWeight = None,
    changes: Changes = None,
    allow_rejects: AllowRejects = False,
    out: Out = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
) -> None:
    """Train one rung with one seed."""
    from convladder import climbing, progress, runs
    from convladder.ladder import load_ladder
    from convladder.processes import cores
    from convladder.report import html
    from convladder.trial import Trial

    chosen = load_ladder(ladder)
    name = rung or chosen.rungs[-1].name
    settings = _changes(data, epochs, image_size, limit, class_weight, changes)
    experiment = chosen.experiment(name).replace(settings | {"seed": seed})
    folder = out or runs.new_folder("runs", data)
    runs.check_free(folder)
    runs.check_outside(folder, data)
    dataset = _load(experiment.data, allow_rejects, quiet)
    trial = Trial(name, experiment.replace(dataset.settled()), dataset)
    with (
        _interruptible("nothing is kept of a run that is not finished"),
        progress.display(errors, quiet=quiet) as display,
    ):
        run = climbing.train_one(trial, folder, threads=jobs or cores(), on_event=display.follow)
    show.run(run, html.write_run(run), json_wanted=as_json)


@app.command(epilog="Example:  convladder evaluate runs/2026-01-31-120000-cats --data path/to/other/images")
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
) -> None:
    """Show a run's figures, or evaluate its network on other labelled images.

    Without --data these are the figures of its own validation and test images, from its predictions. Of
    other data, the test split is taken where the source names one, else every image.
    """
    from convladder import runs

    if runs.is_climb(run):
        raise RunError(f"{run} is a climb: give one of its runs, such as {run / 'trials' / '<rung>' / 'seed-0'}")
    if out and data is None:
        raise ExperimentError("--out goes with --data: a run's own predictions are in its folder already")
    trained = runs.Run(run)
    figures = trained.metrics if data is None else _evaluate_elsewhere(trained, data, out, allow_rejects, quiet)
    show.figures(figures, json_wanted=as_json)


@app.command(epilog="Example:  convladder ladder classic     or     convladder ladder classic --toml > mine.toml")
def ladder(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="Which ladder; default: list them.")
    ] = None,
    image_size: Annotated[str, typer.Option("--image-size", metavar="N|HxW", help="For the costs.")] = "32",
    channels: Annotated[int, typer.Option("--channels", help="For the costs: 1 grey, 3 RGB.")] = 3,
    classes: Annotated[int, typer.Option("--classes", min=2, help="For the costs.")] = 10,
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
        from convladder.processes import call
        from convladder.trial import measure_ladder

        chosen = ladders.load_ladder(name)
        costs = call(
            measure_ladder, chosen, (*_size(image_size), channels), classes
        )  # a worker keeps TensorFlow quiet
        show.ladder(chosen, costs, json_wanted=as_json)


@app.command(epilog="Example:  convladder report climbs/2026-01-31-120000-cats")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run or of a climb.")],
    as_json: AsJson = False,
) -> None:
    """Rebuild the report of a run or a climb from its folder."""
    from convladder import results, runs
    from convladder.report import html

    if runs.is_climb(folder):
        climbed = results.Results(folder)
        show.climb(climbed, html.write_climb(climbed), json_wanted=as_json)
    elif not runs.is_finished(folder):
        raise RunError(f"{folder} is neither a run nor a climb: it has no metrics.json and no climb.json")
    else:
        run = runs.Run(folder)
        show.run(run, html.write_run(run), json_wanted=as_json)


@app.command(epilog="Example:  convladder cache --clear")
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all decoded images.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the decoded images that are kept, or delete them. They are made again when needed."""
    from convladder.data import bank

    if clear:
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
    sys.exit(0)


@contextlib.contextmanager
def _interruptible(what_is_left: str) -> Iterator[None]:
    """On Ctrl-C say what is left."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print(f"stopped; {what_is_left}", markup=False, soft_wrap=True)
        raise typer.Exit(130) from None


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    sys.exit(128 + number)


def _say_error(message: str) -> None:
    one_line = " ".join(message.split())
    errors.print(f"Error: {one_line}", style="red", markup=False)


def _changes(
    data: str,
    epochs: int | None,
    image_size: str | None,
    limit: int | None,
    class_weight: str | None,
    assignments: list[str] | None,
) -> dict[str, Any]:
    from convladder.config import parse_assignments

    changes: dict[str, Any] = {
        "data.source": data,
        "train.epochs": epochs,
        "data.image_size": _size(image_size) if image_size else None,
        "data.limit": limit,
        "train.class_weight": class_weight,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    assigned = parse_assignments(assignments or [])
    for key, option in (("seed", "--seed"), ("data.source", "the argument DATA")):
        if key in assigned:
            raise ExperimentError(f"--set does not take {key}: give {option}")
    for key in given.keys() & assigned.keys():
        raise ExperimentError(f"{key} is given twice: by --set, and by --{key.rsplit('.')[-1].replace('_', '-')}")
    return given | assigned


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ExperimentError(f"--image-size takes N or HEIGHTxWIDTH in pixels, such as 64 or 48x64; got {text!r}")
    return int(parts[0]), int(parts[-1])


def _load(settings: Data, allow_rejects: bool, quiet: bool) -> Dataset:
    from convladder.data.dataset import load

    dataset = _with_counter(quiet, lambda progress: load(settings, allow_rejects=allow_rejects, progress=progress))
    if not quiet:
        sizes = ", ".join(f"{len(indices):,} {part}" for part, indices in vars(dataset.splits).items())
        errors.print(f"{dataset.bank.source}: {len(dataset.class_names)} classes; {sizes}", markup=False)
    _show_notes(dataset.notes, quiet)
    return dataset


def _with_counter(quiet: bool, work: Callable[[Progress], T]) -> T:
    from convladder import progress

    with progress.counting(errors, "reading images", quiet=quiet) as on_progress:
        return work(on_progress)


def _show_notes(notes: tuple[str, ...], quiet: bool) -> None:
    for note in () if quiet else notes:
        errors.print(note, markup=False, style="dim")


def _tell_resumed(total: int, missing: int, folder: Path, quiet: bool) -> None:
    if missing < total and not quiet:
        errors.print(f"{total - missing} of {total} trials are finished already in {folder}", markup=False)


def _evaluate_elsewhere(run: Run, data: str, out: Path | None, allow_rejects: bool, quiet: bool) -> dict[str, Any]:
    from convladder import runs, trial
    from convladder.data.dataset import load_bank
    from convladder.processes import cores

    if out:
        runs.check_outside(out, data)
        if out.exists() and (out.is_file() or any(out.iterdir())):
            raise RunError(f"{out} is there already: choose another --out")
        runs.check_writable(out)
    settings = run.experiment.replace({"data.source": data, "data.limit": None}).data
    bank, notes = _with_counter(
        quiet, lambda progress: load_bank(settings, allow_rejects=allow_rejects, progress=progress)
    )
    _show_notes(notes, quiet)
    with tempfile.TemporaryDirectory() as spare:
        return trial.evaluate_elsewhere(run, bank, out or Path(spare), threads=cores())
