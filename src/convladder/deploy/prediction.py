"""Predict pictures, wherever they lie, batch by batch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from convladder.core.container_limits import cores
from convladder.core.errors import UnreadableImage
from convladder.deploy import inputs
from convladder.deploy.inputs import Picture
from convladder.evaluation import wording
from convladder.results.bundle.bundle import SUFFIX
from convladder.results.bundle.predictor import BATCH, Outcome, Predictor

MANY = 4 * BATCH  # pictures for which there is a bar


def open_place(
    place: Path, threads: int | None = None, console: Console | None = None
) -> Predictor:
    """Make a bundle ready, or a run's; tell `console` if it must be made first.

    `console` is also told where the bundle's threshold is not guaranteed.

    Raises ConvladderError.
    """
    if place.is_dir():
        from convladder.deploy import bundle_writer

        said = f"making a bundle of {place}, which is saved there"
        place = bundle_writer.bundle_of(
            place, lambda: console.print(said, markup=False, style="dim") if console else None
        )
    predictor = Predictor.open(place, threads)
    if console and (said := wording.of_doubt(predictor.contents.selection)):
        console.print(said, markup=False, style="dim")
    return predictor


def find(
    places: Sequence[str],
    predictor: Predictor,
    stdin: BinaryIO,
    *,
    follow: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> list[Picture]:
    """Return the pictures at these places (see `inputs.find`) without bundles among them."""
    found = inputs.find(places, predictor.contents.limits, stdin, follow=follow, say=say)
    return [picture for picture in found if not picture.name.endswith(SUFFIX)]


def predict(
    predictor: Predictor,
    found: Sequence[Picture],
    top: int = 1,
    threads: int | None = None,
    console: Console | None = None,
) -> Iterator[tuple[Picture, Outcome]]:
    """Yield pictures with what is predicted, or why not read; a `console` shows how far it is."""
    with _bar(console, len(found)) as bar:
        task = bar.add_task("predicting", total=len(found))
        for batch in inputs.decode_all(found, predictor.try_to_decode, BATCH, threads or cores()):
            decoded = [each for _, each in batch if not isinstance(each, UnreadableImage)]
            probabilities = predictor.probabilities([each.pixels for each in decoded])
            read = iter(predictor.read(probabilities, top, [each.warning for each in decoded]))
            for picture, each in batch:
                yield picture, each if isinstance(each, UnreadableImage) else next(read)
            bar.advance(task, len(batch))


def _bar(console: Console | None, count: int) -> Progress:
    between_lines = sys.stdout.isatty()  # which show by themselves how far it is
    shown = console is not None and console.is_terminal and count >= MANY and not between_lines
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not shown, transient=True)
