"""What a backbone may come from, beside keras.applications: a run of ours, or a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from convladder.core.settings.model import Model
from convladder.experiments.pretrained import weight_cache
from convladder.results import saved_run
from convladder.results.bundle.bundle import SUFFIX, Bundle

# by their paths; and the statistics of the pixels
Weights = tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class PretrainedSource:
    """A trained network: its settings, the channels of its images, and what reads its weights.

    Of a run and of its bundle all of it is the same.
    """

    model: Model
    channels: int
    read: Callable[[], Weights]

    def sum(self) -> str:
        """Return the SHA-256 of what may be taken. Raises RunError or BundleError."""
        return weight_cache.sum_of(*self.read())


def is_bundle(place: str | Path) -> bool:
    """Whether a place names a bundle, by its suffix."""
    return Path(place).name.endswith(SUFFIX)


def open_donor(place: Path) -> PretrainedSource:
    """Open the folder of a run, or a bundle. Raises RunError or BundleError."""
    if is_bundle(place):
        bundle = Bundle(place)
        contents = bundle.contents
        return PretrainedSource(
            contents.experiment.model,
            contents.form.channels,
            lambda: (bundle.weights, {"statistics": contents.pixel_statistics}),
        )
    return of_run(saved_run.SavedRun(place))


def of_run(run: saved_run.SavedRun) -> PretrainedSource:
    """Return what a run gives."""
    network = run.network
    return PretrainedSource(
        run.experiment.model,
        int(network["shape"][2]),
        lambda: (run.weights, {"statistics": network["statistics"]}),
    )
