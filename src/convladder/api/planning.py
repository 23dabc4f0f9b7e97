"""`plan`: what a climb would find, by its seeds and test images, before it is trained or after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from convladder.api.data import load
from convladder.api.dataset import Dataset
from convladder.core import defaults
from convladder.core.errors import ExperimentError, RunError
from convladder.core.ladder import Ladder, load_ladder
from convladder.core.metrics import ACCURACY
from convladder.evaluation import planning, statistics
from convladder.evaluation.differences import Finding
from convladder.evaluation.prospects import Variance
from convladder.results import folders, questions
from convladder.results.saved_climb import SavedClimb

MORE_IMAGES = (1, 2, 4, 10)  # times the test images that there are
LIKELY, SPREAD = 0.8, 0.01  # accuracy and spread that are guessed where nothing was trained


@dataclass(frozen=True)
class Planning:
    """What a climb would find, for numbers of seeds and of test images; `plan` makes it.

    Attributes
    ----------
    source
        What it is for: a climb or images.
    rungs
        How many there are.
    comparisons
        How many there are, of one rung with another.
    images
        The number of test images that there are.
    assumed
        Where the figures come from, in words.
    variance
        How a difference of two rungs varies, by seeds and test images.
    """

    source: str
    rungs: int
    comparisons: int
    images: int
    assumed: str
    variance: Variance

    def table(
        self, seeds: Sequence[int] = defaults.LOOKS_IN_TIME, images: Sequence[int] = ()
    ) -> pd.DataFrame:
        """Return the smallest true difference that would be found in four climbs of five.

        Parameters
        ----------
        seeds
            Numbers of seeds for each rung, two or more.
        images
            Numbers of test images; none takes those that there are, and 2, 4 and 10 times as many.

        Returns
        -------
        DataFrame
            In points; one row per number of seeds, one column per number of test images.

        Raises
        ------
        ExperimentError
            A number of seeds is below 2, or one of images below 1.
        """
        images = images or [times * self.images for times in MORE_IMAGES]
        if min(seeds) < statistics.LEAST_SEEDS or min(images) < 1:
            raise ExperimentError("a plan needs 2 seeds or more, and 1 test image or more")
        found = {
            number: [100 * self._detectable(each, number) for each in seeds] for number in images
        }
        return pd.DataFrame(found, index=pd.Index(seeds, name="seeds")).rename_axis(
            "test images", axis=1
        )

    def _detectable(self, seeds: int, images: int) -> float:
        return planning.detectable(self.variance, seeds, images, self.rungs, self.comparisons)


def plan(
    data: str | Path | Dataset,
    ladder: str | Ladder | None = None,
    *,
    accuracy: float | None = None,
    spread: float | None = None,
    changes: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Planning:
    """Say which differences a climb would find, by its numbers of seeds and of test images.

    Parameters
    ----------
    data
        A climb, whose results say how much seeds and images differ; or images, as `load` takes
        them, for a climb that is not trained yet.
    ladder
        The ladder to be climbed; None takes the usual one. A climb has its own.
    accuracy
        The accuracy that is expected, from 0 to 1; None takes 0.8. A climb has its own.
    spread
        The expected standard deviation of the accuracies of a rung's seeds, from 0 to 1; None takes
        0.01. A climb has its own.
    changes
        Change any setting (docs/settings.md) of the data, as `load` takes them.
    quiet
        Show no progress.

    Returns
    -------
    Planning
        The plan, with its table.

    Raises
    ------
    ConvladderError
        Something that a person can put right.
    """
    if isinstance(data, str | Path) and folders.is_climb(Path(data)):
        if any(each is not None for each in (ladder, accuracy, spread)) or changes:
            raise ExperimentError(
                f"{data} is a climb, which has its own ladder, images, accuracy and spread: leave "
                "them out"
            )
        return _of_climb(SavedClimb(data))
    accuracy = LIKELY if accuracy is None else accuracy
    spread = SPREAD if spread is None else spread
    if not (0 < accuracy < 1 and 0 <= spread < 1):
        raise ExperimentError(
            f"accuracy and spread must be between 0 and 1; got {accuracy:g} and {spread:g}"
        )
    if changes and (isinstance(data, Dataset) or changes.get("data.folds")):
        raise ExperimentError("a plan takes changes of images that it loads, and no folds")
    usual = defaults.ladder(pretrained=False) if ladder is None else ladder
    climbed = usual if isinstance(usual, Ladder) else load_ladder(str(usual))
    if not questions.family(climbed):
        raise ExperimentError("a plan needs a ladder of two rungs or more: there is no comparison")
    dataset = data if isinstance(data, Dataset) else load(str(data), changes=changes, quiet=quiet)
    images = len(dataset.splits.test)
    return Planning(
        dataset.bank.source,
        len(climbed.rungs),
        len(questions.family(climbed)),
        images,
        f"guessed: an accuracy of {100 * accuracy:g} %, and a standard deviation of "
        f"{ACCURACY.write_size(spread)} between seeds",
        planning.guess(accuracy, spread, images),
    )


def _of_climb(climb: SavedClimb) -> Planning:
    """Return the plan of a climb by its own results."""
    if climb.folds:
        raise RunError(f"{climb.folder} is a cross-validation: a plan is for climbs with seeds")
    asked = climb.steps or climb.questions
    pairs = [pair for pair in asked if {*pair} <= {*climb.standings}]
    found = statistics.find_each(climb.lineup.correct, pairs)
    variances = [
        each.variance for each in found if isinstance(each, Finding) and each.variance is not None
    ]
    if not variances:
        raise RunError(f"{climb.folder} has no two rungs with two seeds each: a plan needs them")
    variance = planning.typical(variances)
    return Planning(
        str(climb.folder),
        len(climb.ladder.rungs),
        len(climb.questions),
        variance.images,
        "measured in this climb, for the step in the middle",
        variance,
    )
