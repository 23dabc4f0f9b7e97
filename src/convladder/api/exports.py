"""Export a network for other runtimes, and measure on real images that it predicts the same."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from pathlib import Path

from convladder.api import inputs
from convladder.api.dataset import Dataset
from convladder.api.run import Run
from convladder.core.errors import DataError, ExperimentError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.image_size import as_of_network, range_setting
from convladder.data.source import Source
from convladder.data.sources import registry
from convladder.deploy import bundle_writer, exporter
from convladder.deploy.exporter import Exported, Sample
from convladder.deploy.parity_images import Named
from convladder.evaluation import wording
from convladder.experiments import reproduction
from convladder.report import progress
from convladder.results import folders, outputs
from convladder.results.bundle.bundle import SUFFIX, Bundle

_logger = logging.getLogger(__name__)

FILES = 24  # of the user's, that the example is tried on


def export(
    place: str | Path | Run | Bundle,
    kind: str,
    data: str | Path | Dataset | None = None,
    *,
    out: str | Path | None = None,
    int8: bool = False,
    bound: float | None = None,
    quiet: bool = False,
) -> Exported:
    """Export a network for another runtime, with a parity report.

    Parameters
    ----------
    place
        A run, its folder, or a bundle.
    kind
        `onnx`, `litert`, `savedmodel` or `keras`.
    data
        The images that it was trained with: a thousand of them, those for testing first, go through
        the network and through the export. None takes them from where the run found them; a bundle
        does not know that.
    out
        The folder to write; None gives it a name of its own.
    int8
        Quantise to 8-bit integers, calibrated on validation images (`onnx` and `litert`).
    bound
        The difference of probabilities from which on the export fails: the largest (1e-4), in int8
        the mean of the predicted class (0.05).
    quiet
        As `load` takes it.

    Returns
    -------
    Exported
        Where the export is, and how it compares with the network.

    Raises
    ------
    ExportError
        The export does not predict what the network predicts; nothing is kept then.
    ConvladderError
        The bundle or the images cannot be read, are of others, or an extra is missing.
    """
    exporter.check(kind, int8)
    reporter = progress.reporter(quiet=quiet)
    run = place if isinstance(place, Run) else None
    if isinstance(place, str | Path) and Path(place).is_dir():
        run = Run(place)
    if run is None and data is None:
        raise ExperimentError(
            "a bundle does not record where its images are: give the images it was trained on "
            "with --data"
        )
    place_of_out = _place(out, run, data) if out else None
    bundle = (
        place
        if isinstance(place, Bundle)
        else Bundle(bundle_writer.bundle_of(run.folder if run else Path(str(place))))
    )
    if said := wording.of_doubt(bundle.contents.selection):
        reporter.say(said, dim=True)
    folder = place_of_out or _place(_name(bundle, run, kind, int8), run, data)
    was_there = folder.is_dir()
    folders.check_writable(folder)
    try:
        sample = _sample(bundle, run, data, reporter)
        return exporter.export(bundle, kind, folder, sample, int8=int8, bound=bound)
    finally:
        if not was_there:
            with contextlib.suppress(OSError):
                folder.rmdir()  # where nothing came of it


def _place(out: str | Path, run: Run | None, data: str | Path | Dataset | None) -> Path:
    """Return where to put the export. Raises RunError where that is not empty or among images."""
    source = run.experiment.data.source if run and data is None else inputs.name_of(data or "")
    folder = outputs.place_of(out, None, source)
    outputs.check_replaceable(folder)
    return folder


def _sample(
    bundle: Bundle, run: Run | None, data: str | Path | Dataset | None, reporter: progress.Reporter
) -> Sample:
    """Take images of a run or a bundle, in its form and split, and some of their files."""
    if isinstance(data, Dataset):
        return exporter.draw(bundle, data)
    dataset, source = _images(bundle, run, data, reporter)
    return replace(
        exporter.draw(bundle, _as_they_were(dataset, bundle, run, reporter)),
        files=_files_of(source),
    )


def _images(
    bundle: Bundle, run: Run | None, data: str | Path | None, reporter: progress.Reporter
) -> tuple[Dataset, Source]:
    """Return the images of a run or a bundle, in its form, and where they come from."""
    form = bundle.contents.image_form
    told = (
        run is None or "intensity" in run.network
    )  # else it is of an earlier version, which took all as full
    chosen = {} if told and not data else {"data.range": range_setting(form)}
    settings = (run.experiment if run else bundle.contents.experiment).replace(
        ({"data.source": str(data)} if data else {})
        | chosen
        | {
            "data.image_size": (form.height, form.width),
            "data.channels": form.channels,
            "data.on_leak": "keep",
        }
    )
    try:
        source = registry.open_source(settings.data)
        if chosen:
            source = as_of_network(source, form, registry.limits_of(settings.data))
        if source.at_hand:  # else it is found out once all is decoded
            exporter.check_classes(bundle, source.name, _class_names(source, settings.data))
        return inputs.load_dataset(settings.data, True, reporter, source=source), source
    except DataError as error:
        if data is None:
            raise DataError(
                f"the images of the run have moved ({error}): say with --data where they are"
            ) from None
        raise


def _as_they_were(
    dataset: Dataset, bundle: Bundle, run: Run | None, reporter: progress.Reporter
) -> Dataset:
    """Return the images split as in the run; warn if they are not those of the bundle."""
    if not run and dataset.bank.fingerprint != bundle.contents.images:
        reporter.say(
            "warning: these images differ from those the network was trained on. Some test "
            "images may have been used for training"
        )
    if run and dataset.bank.fingerprint == run.about["data"]["fingerprint"]:
        return Dataset(**vars(reproduction.with_splits_of(run, dataset)))
    return dataset


def _files_of(source: Source) -> tuple[Named, ...]:
    """Return some image files of a source as they are; none of a source of pixels."""
    records = source.listing().records
    chosen = records[:: max(1, len(records) // FILES)][:FILES]
    found = []
    for record in sorted(chosen, key=lambda each: each.place if source.in_place_order else ()):
        try:
            content = source.fetch(record)
        except UnreadableImage as error:
            _logger.debug("%s is not compared (%s)", record.path, error)
            continue
        if isinstance(content, bytes):
            found.append((record.path, content))
    return tuple(found)


def _class_names(source: Source, settings: Data) -> tuple[str, ...]:
    listing = source.listing()
    return (listing.of_classes(settings.classes) if settings.classes else listing).class_names


def _name(bundle: Bundle, run: Run | None, kind: str, int8: bool) -> str:
    stem = run.folder.resolve().name if run else bundle.path.name.removesuffix(SUFFIX)
    return f"{stem}-{kind}{'-int8' if int8 else ''}"
