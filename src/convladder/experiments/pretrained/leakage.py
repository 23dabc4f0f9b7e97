"""What a network has learned from: the images of its run, and of the runs that this began with.

Images are told by the bytes of their files, and by their decoded pixels, which depend on the size
that was wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import DataError
from convladder.core.settings.model import Model
from convladder.data.bank.cache import find_bank
from convladder.data.dataset import SplitDataset
from convladder.data.decoding.image_stats import Facts
from convladder.experiments.pretrained import source
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.models.variants import PUBLISHED
from convladder.results import folders, saved_run


def check_unseen(model: Model, dataset: SplitDataset, say: Say = silent) -> SplitDataset:
    """Return the dataset with what was found. Raises DataError if the backbone saw test images.

    Of the backbone's run and of those that it began with. Also where its weights are not
    taken, since what is said of a climb's images is said of its start.
    """
    asked = dataset.bank.facts[dataset.splits.test]
    remarks = []
    for place, run in _ancestors(model):
        seen = _seen_by(run, asked) if run else None
        if run is None:
            why = (
                "a bundle does not record it" if source.is_bundle(place) else "it no longer exists"
            )
            remarks.append(f"cannot tell what the backbone {place} was trained on: {why}")
        elif seen is None:
            remarks.append(
                f"cannot tell what {run.folder} was trained on: its images are no longer in the "
                "cache"
            )
        elif seen.any():
            some = f"{seen.sum():,} of the {len(asked):,} test images"
            found = f"the backbone {run.folder} was trained or validated on {some}"
            if dataset.settings.on_leak != "keep":
                raise DataError(
                    f"{found}, so its test accuracy would be too high. Use other images, train "
                    "the backbone without them, or train anyway with --on-leak keep"
                )
            remarks.append(f"kept a leak: {found}")
    for remark in remarks:
        say(remark)
    return replace(dataset, notes=(*dataset.notes, *remarks))


def count_seen(run: saved_run.SavedRun, asked: Facts) -> int | None:
    """Return how many images with these facts a run has seen, or one that it began with.

    These are those that it was trained or validated on. None where the images that it was made of
    are not in the cache any more; of those that it began with, what is known counts.
    """
    own = _seen_by(run, asked)
    if own is None:
        return None
    model = run.experiment.model
    begun = [each for _, each in _ancestors(model) if each] if model.pretrained else []
    others = [seen for each in begun if (seen := _seen_by(each, asked)) is not None]
    return int(np.any([own, *others], axis=0).sum())


def _seen_by(run: saved_run.SavedRun, asked: Facts) -> NDArray[np.bool_] | None:
    """Return which of these images a run has learned from; None where its own are gone."""
    own = find_bank(run.about["data"]["bank"])
    if own is None or not (run.folder / saved_run.SPLITS).exists():
        return None
    trained = set(run.splits.loc[run.splits["split"] != "test", "path"])
    known = own.facts[
        [position for position, record in enumerate(own.records) if record.path in trained]
    ]
    return np.isin(asked["read"], known["read"]) | np.isin(asked["digest"], known["digest"])


def _ancestors(model: Model) -> Iterator[tuple[str, saved_run.SavedRun | None]]:
    """Yield the run of the backbone, that of its backbone, and so on, each with its place.

    In the place of one that is gone, or that is another by now, stands None, and that is the end.
    """
    place, wanted = model.backbone, model.backbone_sha256
    while place is not None and place not in PUBLISHED:
        run = saved_run.SavedRun(place) if folders.is_finished(Path(place)) else None
        if run is not None and wanted is not None and source.of_run(run).sum() != wanted:
            run = None
        yield place, run
        if run is None:
            return
        begun = run.experiment.model
        place, wanted = (
            (begun.backbone, begun.backbone_sha256) if begun.pretrained else (None, None)
        )
