"""What trains: one network, a ladder, a search, a run once more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from convladder.cli import output
from convladder.cli.arguments import (
    AllowChanged,
    AllowRejects,
    AsJson,
    Changes,
    ClassWeight,
    ClusterOption,
    Coordinator,
    DataArgument,
    Devices,
    Epochs,
    Fresh,
    Jobs,
    LadderName,
    MLflowOption,
    Out,
    Pretrained,
    Processes,
    ProcessId,
    QuietOption,
    Seed,
    Settings,
    TensorBoardOption,
    Threads,
    Weights,
    given_settings,
    interruptible,
)
from convladder.cli.data_options import READING, SPLITTING, data_options, parse_time
from convladder.core.errors import ExperimentError


@data_options(READING, SPLITTING)
def climb(
    data: DataArgument,
    ladder: LadderName = None,
    rungs: Annotated[
        str | None,
        typer.Option("--rungs", metavar="A,B,C", help="Climb these rungs only; default: all."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            metavar="N",
            help="Seeds for each rung; default: 5, or 1 with --folds.",
        ),
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
    settings = given_settings(settings, epochs, class_weight, changes)
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


@data_options(READING, SPLITTING)
def train(
    data: DataArgument,
    rung: Annotated[
        str | None, typer.Option("--rung", help="Which rung; default: the ladder's last.")
    ] = None,
    ladder: LadderName = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    pretrained: Pretrained = None,
    weights: Weights = None,
    jobs: Threads = None,
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
    """Train one rung with one seed; with --folds, once for each fold, as a climb of this rung
    alone.

    After a stop, whatever stopped it, the same command goes on where it was.
    """
    from convladder.api import verbs
    from convladder.core.devices import Parallel
    from convladder.core.ladder import load_ladder

    settings = given_settings(settings, epochs, class_weight, changes)
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
            raise ExperimentError(
                "--folds trains one network on one device: leave out --devices and --processes"
            )
        named = ladder or ("transfer" if pretrained else "classic")
        names = [rung or load_ladder(named).rungs[-1].name]
        _climb(data, rungs=names, seeds=1, jobs=jobs, quiet=quiet, as_json=as_json, **how)
        return
    if process_id:
        with interruptible():
            verbs.join(data, rung, parallel=parallel, threads=jobs, quiet=quiet, **same)
        return
    with interruptible():
        trained = verbs.train(data, rung, threads=jobs, parallel=parallel, quiet=quiet, **how)
    output.run(trained, trained.report(), json_wanted=as_json)


def _print_space(wanted: bool) -> None:
    if wanted:
        from convladder.tuning.space import built_in_text

        sys.stdout.buffer.write(built_in_text().encode())  # UTF-8, also where a console is not
        raise typer.Exit


@data_options(READING, SPLITTING)
def tune(
    data: DataArgument,
    space: Annotated[
        str | None,
        typer.Option(
            "--space", metavar="FILE", help="Where to search, a .toml; default: built in."
        ),
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
        int | None,
        typer.Option("--trials", min=1, metavar="N", help="Candidates to try; default: 30."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            metavar="TIME",
            help="How long to search, such as 30m or 2h; the test comes after it.",
        ),
    ] = None,
    rung: Annotated[
        str | None,
        typer.Option("--rung", help="Where the search begins; default: the ladder's last."),
    ] = None,
    ladder: LadderName = None,
    pretrained: Pretrained = None,
    weights: Weights = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=1, metavar="N", help="Seeds of the winner and the default at the end."
        ),
    ] = 5,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="The seed of the search.")
    ] = 0,
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

    Validation alone steers it; candidates that fall behind are ended early. The best is then
    trained afresh with several seeds beside the default, which takes its time too, and compared on
    test as a rung with its parent. After a stop, whatever stopped it, the same command goes on
    where it was.
    """
    from convladder.api.tune import tune as search

    del print_space
    with interruptible():
        tuned = search(
            data,
            rung,
            ladder=ladder,
            space=space,
            pretrained=pretrained,
            weights=weights,
            trials=trials,
            seconds=None if time is None else parse_time(time),
            seeds=seeds,
            seed=seed,
            changes=given_settings(settings, epochs, class_weight, changes),
            jobs=jobs,
            cluster=cluster,
            out=out,
            fresh=fresh,
            allow_changed=allow_changed,
            allow_rejects=allow_rejects,
            quiet=quiet,
        )
    output.tuning(tuned, tuned.report(), json_wanted=as_json)
    if tuned.winner is None or tuned.test_failure:
        raise typer.Exit(1)


def reproduce(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Where its images are now."),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(
            "--pretrained", metavar="RUN", help="Where the run is now that it began with."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="Where the file of weights is now that it began with."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep the new run there.")
    ] = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
) -> None:
    """Train a run again from its experiment.json, and say whether its predictions come out the
    same.

    The exit status is 0 where predictions.csv is the same, byte for byte, and 1 where it is not.
    """
    from convladder.api import verbs

    with interruptible():
        reproduced = verbs.reproduce(
            run, data, pretrained=pretrained, weights=weights, out=out, quiet=quiet
        )
    output.reproduction(reproduced, json_wanted=as_json)
    if not reproduced.equal:
        raise typer.Exit(1)


def _climb(data: str, *, as_json: bool, **how: Any) -> None:
    """Climb as `api.climb` takes it, and show what came out."""
    from convladder.api import verbs

    with interruptible():
        climbed = verbs.climb(data, **how)
    output.climb(climbed, climbed.report(), json_wanted=as_json)
    if climbed.failures:
        raise typer.Exit(1)
