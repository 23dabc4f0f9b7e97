"""Export a bundle: made, compared with the network on real images, then given its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convladder.core import extras, files
from convladder.core.errors import DataError, ExperimentError, ExportError
from convladder.core.formatting import unknown_name
from convladder.core.worker_pool import call
from convladder.data.dataset import SplitDataset
from convladder.data.decoding.image_form import Pixels
from convladder.deploy import (
    examples,
    file_parity,
    parity,
    parity_images,
    runtimes,
    standalone_decoder,
)
from convladder.deploy.file_parity import FromFiles
from convladder.deploy.formats import FORMATS, IN_INT8
from convladder.deploy.parity import Parity
from convladder.deploy.parity_images import Named
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.container import WEIGHTS
from convladder.results.bundle.predictor import Predictor

PARITY, CLASSES, EXAMPLE, SETTINGS = "parity.json", "classes.json", "example.py", "export.json"
CALIBRATION = 200  # validation images that tell int8 which values occur
HARD = 2  # classes of whose images hard files are made


@dataclass(frozen=True)
class Sample:
    """Real images `(N, height, width, channels)`; the first are labelled, and test the export.

    labels : of the first images, `(n,)`. calibration : other images, to calibrate on.
    files : some of them as they lie on the disk, where they do.
    """

    images: Pixels
    labels: NDArray[np.int64]
    calibration: Pixels
    files: tuple[Named, ...] = ()


@dataclass(frozen=True)
class Exported:
    """What an export is, and its folder: model, settings, example and parity."""

    folder: Path
    kind: str
    parity: Parity

    @property
    def model(self) -> Path:
        """The file or folder that the other runtime reads."""
        return self.folder / FORMATS[self.kind].file


def check(kind: str, int8: bool) -> None:
    """Raise ExperimentError where a format, its int8 or its runtime is missing."""
    if kind not in FORMATS:
        raise ExperimentError(unknown_name(kind, FORMATS, "--format"))
    if int8 and not FORMATS[kind].int8:
        raise ExperimentError(f"--int8 is for {', '.join(IN_INT8)}; {kind} stays in float32")
    needed = FORMATS[kind].extra
    if needed:
        extras.require(*needed)


def check_classes(bundle: Bundle, source: str, class_names: tuple[str, ...]) -> None:
    """Raise DataError where a source has other classes than a bundle."""
    own = bundle.contents.class_names
    if class_names != own:
        raise DataError(
            f"{source} has the classes {', '.join(class_names)}, and the bundle {', '.join(own)}: "
            "give the images it was trained on"
        )


def draw(bundle: Bundle, dataset: SplitDataset) -> Sample:
    """Take real images of a dataset: of test, then of validation and train up to `parity.IMAGES`.

    Raises DataError where its classes or its images' form are not the bundle's.
    """
    contents, bank = bundle.contents, dataset.bank
    check_classes(bundle, bank.source, dataset.class_names)
    if bank.images.shape[1:] != contents.image_form.shape:
        raise DataError(
            f"the images are {bank.images.shape[1:]}, but the bundle needs "
            f"{contents.image_form.shape}: give their folder, or load them at that size"
        )
    splits = dataset.splits
    test = splits.test[: parity.IMAGES]
    chosen = np.concatenate([test, splits.validation, splits.train])[: parity.IMAGES]
    calibration = splits.validation[:: max(1, len(splits.validation) // CALIBRATION)][:CALIBRATION]
    pixels = [np.asarray(bank.images[bank.rows[each]]) for each in (chosen, calibration)]
    return Sample(pixels[0], bank.labels[test].astype(np.int64), pixels[1])


def export(
    bundle: Bundle,
    kind: str,
    folder: Path,
    sample: Sample,
    *,
    int8: bool = False,
    bound: float | None = None,
) -> Exported:
    """Export a bundle in a format of FORMATS into a folder, which is written whole or not at all.

    Raises ExportError where the export does not predict what the network predicts, with what
    differs.
    """
    check(kind, int8)
    with files.whole_folder(folder, PARITY) as made:
        model = made / FORMATS[kind].file
        calibration = sample.calibration if int8 else None
        original = call(
            runtimes.make, kind, bundle.path.absolute(), model, calibration, sample.images
        )
        exported = call(runtimes.predict_exported, kind, model, sample.images)
        sizes = runtimes.size_of(model), bundle.parts[WEIGHTS].bytes
        found = parity.measure(
            original, exported, sample.labels, sizes=sizes, bound=bound, int8=int8
        )
        if found.network_holds:
            write_beside(made, bundle, kind)
            tried = file_parity.compare(Predictor(bundle), made, _files_to_try(sample))
            found = replace(found, files=tried)
        if not found.holds:
            raise ExportError(_complaint(kind, found))
        files.write_json(made / PARITY, found.as_json())
    return Exported(folder, kind, found)


def write_beside(folder: Path, bundle: Bundle, kind: str) -> None:
    """Write what makes a model predict image files as the product does."""
    files.write_json(folder / CLASSES, bundle.contents.class_names)
    files.write_json(folder / SETTINGS, examples.settings(bundle.contents))
    standalone_decoder.write(folder)
    files.write_text(folder / EXAMPLE, examples.example(kind))


def _files_to_try(sample: Sample) -> Sequence[Named]:
    """Return real files, and hard ones that are made of an image each of some classes."""
    _, places = np.unique(sample.labels, return_index=True)
    chosen = sample.images[places[:HARD]] if len(places) else sample.images[:HARD]
    return [*sample.files, *parity_images.make(list(chosen))]


def _complaint(kind: str, found: Parity) -> str:
    if found.network_holds and found.files:
        return _complaint_of_files(kind, found.files, found.bound)
    what, value = ("mean", found.mean) if found.int8 else ("largest", found.largest)
    return (
        f"the export as {kind} does not predict what the network predicts. The {what} difference "
        f"of a probability is {value:.2g} on {found.images:,} images, over {found.bound:g} "
        "(--bound). The export was not kept"
    )


def _complaint_of_files(kind: str, found: FromFiles, bound: float) -> str:
    named = ", ".join(found.differing[:3]) or "none in particular"
    return (
        f"the example of the export as {kind} does not read {found.files:,} files as convladder "
        f"does ({named}): pixels differ by {found.pixels} of 255 at most, probabilities by "
        f"{found.largest:.2g} (--bound: {bound:g}); {found.refused} read by only one of the two, "
        f"{found.unlike_rule} marked unsure differently or given another prediction set. The "
        "export was not kept"
    )
