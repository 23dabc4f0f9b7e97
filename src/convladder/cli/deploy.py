"""What ships: bundles, and what is done with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from convladder.cli.arguments import (
    AsJson,
    Coverage,
    QuietOption,
    Threads,
    errors,
    interruptible,
)
from convladder.core.errors import ExperimentError, UnreadableImage
from convladder.core.formatting import either
from convladder.deploy.formats import FORMATS, IN_INT8

BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A .convladder file, or the folder of a run.")
]


Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="The address to listen on; 0.0.0.0 lets other machines connect.",
    ),
]
Port = Annotated[
    int,
    typer.Option(
        "--port", "-p", metavar="PORT", min=0, max=65535, help="The port; 0 picks a free one."
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help=(
            "Host name, besides localhost, under which clients may reach the server (may be "
            "repeated)."
        ),
    ),
]


def bundle(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where to write the bundle. Default: the run's name, .convladder.",
        ),
    ] = None,
    accuracy: Annotated[
        float,
        typer.Option(
            "--accuracy",
            metavar="SHARE",
            help='Accuracy that answers not marked "unsure" should have (sets the threshold).',
        ),
    ] = 0.95,
    as_seen: Annotated[
        bool,
        typer.Option(
            "--as-seen",
            help=(
                "Take the threshold as seen on validation, without a guarantee. Default: one "
                "that gives the accuracy in 95 of 100 networks."
            ),
        ),
    ] = False,
    coverage: Coverage = 0.95,
    as_json: AsJson = False,
) -> None:
    """Turn a run into one file that predicts anywhere.

    It holds the network, its preprocessing, its classes, its figures and the model card.
    """
    from convladder.cli import predict_output
    from convladder.deploy import bundle_writer
    from convladder.evaluation import conformal
    from convladder.results import saved_run

    if not 0 < accuracy <= 1:
        raise ExperimentError(f"--accuracy must be between 0 and 1, such as 0.95; got {accuracy:g}")
    conformal.check_coverage(coverage)
    if run.is_file():
        raise ExperimentError(
            f"{run} is a file, possibly already a bundle: give the folder of a run"
        )
    with interruptible():
        made = bundle_writer.write(
            saved_run.SavedRun(run), out, accuracy, as_seen=as_seen, coverage=coverage
        )
    predict_output.bundle(made, run, json_wanted=as_json)


def export(
    bundle: BundleArgument,
    kind: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help=f"The target format: {either(FORMATS)}."),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help="The images it was trained on (a run records where they are; a bundle does not).",
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help=f"Quantise to 8-bit integers ({', '.join(IN_INT8)}): a smaller file."
        ),
    ] = False,
    bound: Annotated[
        float | None,
        typer.Option(
            "--bound",
            metavar="SHARE",
            help=(
                "Largest allowed difference of a probability; default: 1e-4 (with --int8: 0.05 "
                "on average)."
            ),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Where to write the export; default: a new folder here.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: QuietOption = False,
) -> None:
    """Export for another runtime, and check that predictions agree.

    It compares them on a thousand real images. Writes a folder with the model, an example program
    that predicts image files, and a parity report. If predictions differ by more than the bound,
    nothing is written and the exit status is 2.
    """
    from convladder.api import exports
    from convladder.cli import predict_output

    with interruptible():
        exported = exports.export(bundle, kind, data, out=out, int8=int8, bound=bound, quiet=quiet)
    predict_output.export(exported, json_wanted=as_json)


def predict(
    bundle: BundleArgument,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATHS...",
            help="Image files, folders, patterns, .zip or .tar archives; - reads standard input.",
        ),
    ],
    top: Annotated[
        int, typer.Option("--top", min=1, metavar="K", help="Show the K most probable classes.")
    ] = 1,
    follow_links: Annotated[
        bool,
        typer.Option(
            "--follow-links",
            help="Follow links inside folders. (Links that you name are always followed.)",
        ),
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for other programs.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per image.")
    ] = False,
    jobs: Threads = None,
    quiet: QuietOption = False,
) -> None:
    """Predict images with a bundle. This does not need TensorFlow.

    The exit status is 0 if all images were predicted. It is 1 if some files could not be read (each
    is named, with the reason), and 2 if nothing could be predicted.
    """
    from convladder.cli import predict_output
    from convladder.deploy import prediction
    from convladder.evaluation import sets_in_words

    if as_csv and as_json:
        raise ExperimentError("--csv and --json exclude each other: give one")
    kind: predict_output.Format = "csv" if as_csv else "json" if as_json else "lines"
    with interruptible():
        predictor = prediction.open_place(bundle, jobs, None if quiet else errors)
        pictures = prediction.find(
            paths,
            predictor,
            sys.stdin.buffer,
            follow=follow_links,
            say=lambda text: errors.print(text, markup=False),
        )
        write = predict_output.writer(kind, sys.stdout, [picture.name for picture in pictures], top)
        failed = ambiguous = 0
        for picture, outcome in prediction.predict(
            predictor, pictures, top, jobs, None if quiet else errors
        ):
            write(picture.name, outcome)
            failed += isinstance(outcome, UnreadableImage)
            ambiguous += predict_output.is_ambiguous(outcome)
    sets = predictor.contents.prediction_sets
    if sets and ambiguous and kind == "lines" and not quiet:
        said = sets_in_words.of_brackets(sets.wanted)
        errors.print(said, style="dim", markup=False)
    if failed:
        errors.print(
            f"{failed:,} of {len(pictures):,} could not be read", style="red", markup=False
        )
        raise typer.Exit(1)


def serve(
    bundle: BundleArgument,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_host: AllowHost = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            metavar="URL",
            help=(
                "Let pages of this site send requests (CORS), such as https://app.example.org; * "
                "allows all."
            ),
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Require the token in this file."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections",
            metavar="FOLDER",
            help="Save corrected images to this folder, for the next training.",
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples",
            metavar="FOLDER",
            help=(
                "Show pictures of this folder on the page, to click. Default: test images of the "
                "run, if a run is served to this machine only."
            ),
        ),
    ] = None,
    no_samples: Annotated[
        bool, typer.Option("--no-samples", help="Show no pictures to click.")
    ] = False,
    jobs: Threads = None,
    log: Annotated[bool, typer.Option("--log", help="Print one line per request.")] = False,
) -> None:
    """Serve predictions over HTTP, with a web page for pictures.

    It needs the extra `serve`: pip install 'convladder[serve]'
    """
    from convladder.deploy import prediction
    from convladder.deploy.serve import launch

    if samples and no_samples:
        raise ExperimentError("--samples and --no-samples exclude each other: give one")
    how = launch.ServeOptions(
        host=host,
        port=port,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        token_file=token_file,
        corrections=corrections,
        log=log,
        run=bundle if bundle.is_dir() else None,
        samples=samples,
        show_samples=not no_samples,
    )
    predictor = prediction.open_place(bundle, jobs, errors)
    launch.serve(predictor, how, lambda text: errors.print(text, markup=False))
