"""A run beside the same experiment trained again: are predictions equal, and if not, why?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convladder.core.errors import DataError
from convladder.data.dataset import SplitDataset
from convladder.data.splits import Splits
from convladder.evaluation import predictions
from convladder.results import provenance
from convladder.results.saved_run import SavedRun


@dataclass(frozen=True)
class Reproduction:
    """What came of training a run again.

    Attributes
    ----------
    equal
        Whether `predictions.csv` is the same, byte for byte.
    images
        Number of validation and test images.
    otherwise
        How many of them are predicted as another class now.
    apart
        The largest difference of a probability.
    circumstances
        What may explain a difference: versions, machine or threads that differ from those of the
        run, or differed when it was resumed; or operations that were not deterministic.
    """

    equal: bool
    images: int
    otherwise: int
    apart: float
    circumstances: tuple[str, ...]


def compare(run: SavedRun, again: SavedRun) -> Reproduction:
    """Compare a run with another of the same experiment."""
    first, second = (
        np.asarray(predictions.probabilities(each.predictions)) for each in (run, again)
    )
    return Reproduction(
        equal=_content(run) == _content(again),
        images=len(first),
        otherwise=int((run.predictions["predicted"] != again.predictions["predicted"]).sum()),
        apart=float(np.abs(first - second).max()),
        circumstances=(
            *_differences(run.about["environment"], again.about["environment"]),
            *_of_its_making(run),
        ),
    )


def with_splits_of(run: SavedRun, dataset: SplitDataset) -> SplitDataset:
    """Return the dataset split as the run's. Raises DataError for other images."""
    if dataset.bank.fingerprint != run.about["data"]["fingerprint"]:
        raise DataError(
            f"{dataset.bank.source} does not hold the images that {run.folder} was trained on"
        )
    named = dict(zip(run.splits["path"], run.splits["split"], strict=True))
    splits = np.array([named[record.path] for record in dataset.bank.records], dtype=object)
    return replace(
        dataset,
        splits=Splits(
            *(np.flatnonzero(splits == part) for part in ("train", "validation", "test"))
        ),
    )


def _of_its_making(run: SavedRun) -> list[str]:
    """Say what a run was made of that cannot be made again."""
    changes = [
        f"it was resumed although {each}" for each in provenance.changes_on_the_way(run.about)
    ]
    free = (
        []
        if run.experiment.train.deterministic
        else ["it was trained with train.deterministic=false"]
    )
    return changes + free


def _content(run: SavedRun) -> bytes:
    return (run.folder / "predictions.csv").read_bytes()


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    before, after = (
        each["versions"]
        | {key: each[key] for key in ("python", "machine", "threads", "backend")}
        | {count: each.get(count, 1) for count in ("devices", "processes")}
        for each in (then, now)
    )
    return [
        f"{name} was {before.get(name)} and is now {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
