"""The run folder: what a finished trial leaves on disk, and how it is read.

    experiment.json   the experiment; the data's provenance; versions, machine and time
    history.csv       one row per epoch
    splits.csv.gz     one row per image: its path, and in which split it was
    predictions.csv   one row per image of validation and test
    metrics.json      every figure, derived from predictions.csv, and the cost
    model.json        what the network is built from, beside its weights
    weights.npz       the weights
    samples.npz       some test images as the network saw them, right and wrong, and where it looked
    features.npz      the first filters, and what each layer makes of an image
    corrupted.npz     which degraded test images it predicts correctly, and how they were made
    card.md           the model card; a person's own words in it stay
    report.html, plots/
    bundle.convladder what ships of it, once that was wanted

It becomes visible whole: a folder that has `metrics.json` is a finished trial.
"""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.experiment import Experiment
from convladder.core.metrics import Metric
from convladder.evaluation import corruptions, predictions, scores
from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.robustness import Corrupted
from convladder.results import folders, migrations

T = TypeVar("T")

WEIGHTS, SAMPLES, FEATURES, CORRUPTED = (
    "weights.npz",
    "samples.npz",
    "features.npz",
    "corrupted.npz",
)
SPLITS = "splits.csv.gz"


@dataclass(frozen=True)
class Samples:
    """Test images as the network saw them.

    pixels : `(N, H, W, C)`. rows : of them in the test predictions, `(N,)`.
    drawn : which of them were drawn at random; the others are there to show mistakes.
    heat : where the network found evidence for what it predicted, `(N, H, W)` from 0 to 255.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    drawn: NDArray[np.bool_]
    heat: NDArray[np.uint8]


@dataclass(frozen=True)
class Features:
    """The first convolution's filters, and what each layer makes of a test image.

    filters : `(h, w, C, filters)`.
    pixels : the image, `(H, W, C)`.
    maps : for each layer `(height, width, maps)` from 0 to 255, 255 being the layer's strongest
        response.
    """

    pixels: NDArray[np.uint8]
    filters: NDArray[np.float32]
    maps: dict[str, NDArray[np.uint8]]


class SavedRun:
    """A finished trial on disk. Nothing is read before it is asked for."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not folders.is_finished(self.folder):
            raise RunError(folders.why_no_run(self.folder))

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `experiment.json` holds: rung, data, environment.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return migrations.read_about(self.folder / folders.ABOUT)

    @cached_property
    def experiment(self) -> Experiment:
        """All settings, as trained.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        ExperimentError
            The run has a setting that this version of convladder does not know.
        """
        return Experiment.parse(self.about["experiment"])

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The figures by split, and the cost: what `metrics.json` holds.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self._read_json("metrics.json")

    @property
    def network(self) -> dict[str, Any]:
        """What its network is for: `shape` of the images, `class_names`, and pixel `statistics`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self._read_json("model.json")

    @property
    def weights(self) -> dict[str, NDArray[Any]]:
        """The weights of its network, by their paths.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self._read(WEIGHTS, dict)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch: loss and accuracy on train and validation, learning rate, seconds."""
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per image of validation and test: path, split, label, prediction, probabilities.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return predictions.read(self.folder / "predictions.csv")

    def measure(self, metric: Metric, split: str) -> float:
        """Measure a metric.

        Parameters
        ----------
        metric
            Of `core.metrics`.
        split
            `validation` or `test`.

        Returns
        -------
        float
            Its value.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        key = (metric.name, split)
        if key not in self._measured:
            self._measured[key] = self._measure(metric, split)
        return self._measured[key]

    @cached_property
    def _measured(self) -> dict[tuple[str, str], float]:
        return {}

    def _measure(self, metric: Metric, split: str) -> float:
        if metric.column in self.metrics[split]:
            return float(self.metrics[split][metric.column])
        answers = predictions.answers(predictions.part(self.predictions, split))
        if said := scores.why_not(metric, answers.counts, split):
            raise RunError(f"{self.folder}: {said}")
        return scores.value(metric, answers)

    @cached_property
    def splits(self) -> pd.DataFrame:
        """The path and the split of every image that the run was made of.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        path = self.folder / SPLITS
        try:
            return pd.read_csv(
                path,
                dtype=object,
                keep_default_na=False,
                encoding_errors="surrogateescape",
                compression="gzip",
            )
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise RunError(
                f"cannot read {path} ({error}): the run is damaged, or was written by another "
                "version"
            ) from None

    @property
    def tested(self) -> pd.DataFrame:
        """The predictions of the test images."""
        return predictions.part(self.predictions, "test")

    @cached_property
    def samples(self) -> Samples:
        """Some test images as the network saw them, and where it looked.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self._read(SAMPLES, lambda arrays: Samples(**arrays))

    @cached_property
    def features(self) -> Features:
        """The first filters, and what each layer makes of an image.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self._read(
            FEATURES, lambda arrays: Features(arrays.pop("pixels"), arrays.pop("filters"), arrays)
        )

    @cached_property
    def corrupted(self) -> Corrupted:
        """Which degraded test images it predicts correctly.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self._read(CORRUPTED, self._corrupted_of)

    def _corrupted_of(self, arrays: dict[str, Any]) -> Corrupted:
        names = tuple(arrays["names"].tolist())
        if "version" in arrays:
            severities = tuple(tuple(each) for each in arrays["severities"].tolist())
            recipe = Recipe(names, severities, int(arrays["version"]))
        else:  # of a version that kept no record, since there was one way
            height, width, _ = self.about["data"]["image_shape"]
            recipe = corruptions.first_recipe(names, height, width)
        return Corrupted(arrays["rows"], arrays["correct"], recipe)

    @property
    def rung(self) -> str:
        """The name of the rung that was trained.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return str(self.about["rung"])

    @property
    def seed(self) -> int:
        """The seed that it was trained with.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self.experiment.seed

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = files.read_json(self.folder / name)
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {self.folder / name} ({error}): it is damaged") from None
        return content

    def _read(self, name: str, make: Callable[[dict[str, Any]], T]) -> T:
        try:
            with np.load(self.folder / name, allow_pickle=False) as file:
                return make({key: file[key] for key in file.files})
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise RunError(
                f"cannot read {self.folder / name} ({error}): it is damaged or was written by "
                "another version; train the run again"
            ) from None


def write_splits(folder: Path, rows: list[tuple[str, str]]) -> None:
    """Write what `SavedRun` reads back as `splits`: the path and the split of each image."""
    table = pd.DataFrame(rows, columns=["path", "split"])
    text = table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    data = text.encode("utf-8", errors="surrogateescape")
    files.write_bytes(folder / SPLITS, gzip.compress(data, mtime=0))


def write_arrays(folder: Path, samples: Samples, features: Features, corrupted: Corrupted) -> None:
    """Write what `SavedRun` reads back as `samples`, `features` and `corrupted`."""
    np.savez_compressed(folder / SAMPLES, **vars(samples))
    arrays: dict[str, Any] = {
        "pixels": features.pixels,
        "filters": features.filters,
        **features.maps,
    }
    np.savez_compressed(folder / FEATURES, **arrays)
    made = {"rows": corrupted.rows, "correct": corrupted.correct} | vars(corrupted.recipe)
    np.savez_compressed(folder / CORRUPTED, **made)
