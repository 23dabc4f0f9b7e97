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
from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation import planning, statistics
from convladder.evaluation.fold_prospects import Folded
from convladder.evaluation.prospects import MOST_SEEDS, Variance
from convladder.results import advice, folders, questions
from convladder.results.saved_climb import SavedClimb

MORE_IMAGES = (1, 2, 4, 10)  # times the test images that there are
FOLD_SEEDS = (1, 2, 3, 5)  # in each fold
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
        The number of test images that there are; with folds that of all images.
    assumed
        Where the figures come from, in words.
    variance
        How a difference of two rungs varies, by seeds and test images.
    folds
        Into how many folds the images are split; None for one test split.
    margin
        How many points two rungs may differ by and still be called equal; None for no equality.
    images_in_folds
        How many images folds would test; None where the images have a test split of their own.
    metric
        What networks are judged by: `name` as `--metric` takes it, `title` for people.
    is_measured
        Whether its figures are those of a climb; else they are guessed.
    """

    source: str
    rungs: int
    comparisons: int
    images: int
    assumed: str
    variance: Variance
    folds: int | None = None
    margin: float | None = None
    images_in_folds: int | None = None
    metric: Metric = ACCURACY
    is_measured: bool = False

    def table(self, seeds: Sequence[int] = (), images: Sequence[int] = ()) -> pd.DataFrame:
        """Return the smallest true difference that would be found in four climbs of five.

        Parameters
        ----------
        seeds
            Numbers of seeds for each rung, two or more; with folds in each fold, one or more. None
            takes 3, 5, 8, 12 and 20, with folds 1, 2, 3 and 5.
        images
            Numbers of test images; none takes those that there are, and 2, 4 and 10 times as many.

        Returns
        -------
        DataFrame
            In points, or in the metric's own unit if it has none; one row per number of seeds, one
            column per number of test images.

        Raises
        ------
        ExperimentError
            A number of seeds is below 2, or below 1 with folds, or one of images below 1.
        """
        seeds = seeds or (FOLD_SEEDS if self.folds else defaults.LOOKS_IN_TIME)
        images = self._or_more_images(images)
        least = 1 if self.folds else statistics.LEAST_SEEDS
        if min(seeds) < least:
            raise ExperimentError(f"a plan needs {least} seeds or more; got {min(seeds)}")
        found = {
            number: [self.metric.per_unit * self._detectable(each, number) for each in seeds]
            for number in images
        }
        return pd.DataFrame(found, index=pd.Index(seeds, name="seeds")).rename_axis(
            "test images", axis=1
        )

    def seeds_for_margin(self, images: Sequence[int] = ()) -> dict[int, int | None]:
        """Return how many seeds it takes to call two equal rungs equal within the margin.

        Parameters
        ----------
        images
            Numbers of test images, as `table` takes them.

        Returns
        -------
        dict
            By number of test images the smallest number of seeds with which four climbs of five
            call a true difference of zero equal; None if 50 trainings are not enough.

        Raises
        ------
        ExperimentError
            The plan has no margin, or a number of images is below 1.
        """
        if self.margin is None:
            raise ExperimentError("this plan has no margin: give plan one, such as margin=1")
        size = self.margin / self.metric.per_unit
        first = 1 if self.folds else statistics.LEAST_SEEDS
        numbers = range(first, MOST_SEEDS // (self.folds or 1) + 1)
        return {
            number: next((each for each in numbers if self._equal(each, number) <= size), None)
            for number in self._or_more_images(images)
        }

    def folds_at(self, seeds: int) -> float | None:
        """Return what five folds would find with no more trainings than so many seeds.

        Parameters
        ----------
        seeds
            Of each rung, on the test images that there are.

        Returns
        -------
        float or None
            The smallest true difference in points, as in `table`; None if it is not smaller than
            with these seeds, for a plan of folds, and if the images have a test split of their own.
        """
        if self.folds or self.images_in_folds is None or seeds < defaults.FOLDS:
            return None
        folded = Folded(defaults.FOLDS, seeds // defaults.FOLDS, self.images_in_folds)
        found = planning.detectable_in_folds(self.variance, folded, self.comparisons)
        if found >= self._detectable(seeds, self.images):
            return None
        return self.metric.per_unit * found

    def _or_more_images(self, images: Sequence[int]) -> Sequence[int]:
        images = images or [times * self.images for times in MORE_IMAGES]
        if min(images) < 1:
            raise ExperimentError(f"a plan needs 1 test image or more; got {min(images)}")
        return images

    def _detectable(self, seeds: int, images: int) -> float:
        if self.folds:
            folded = Folded(self.folds, seeds, images)
            return planning.detectable_in_folds(self.variance, folded, self.comparisons)
        return planning.detectable(self.variance, seeds, images, self.rungs, self.comparisons)

    def _equal(self, seeds: int, images: int) -> float:
        if self.folds:
            folded = Folded(self.folds, seeds, images)
            return planning.equal_within_in_folds(self.variance, folded, self.comparisons)
        return planning.equal_within(self.variance, seeds, images, self.rungs, self.comparisons)


def plan(
    data: str | Path | Dataset,
    ladder: str | Ladder | None = None,
    *,
    rungs: Sequence[str] | None = None,
    folds: int | None = None,
    margin: float | None = None,
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
    rungs
        Plan for these rungs only; None takes all.
    folds
        Plan for cross-validation with this number of folds, 2 or more; None plans for one test
        split.
    margin
        Also say how many seeds it takes to call two equal rungs equal within so many points; None
        says nothing of it.
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
    asked = _Asked(rungs, folds, margin)
    if isinstance(data, str | Path) and folders.is_climb(Path(data)):
        if any(each is not None for each in (ladder, accuracy, spread)) or changes:
            raise ExperimentError(
                f"{data} is a climb, which has its own ladder, images, accuracy and spread: leave "
                "them out"
            )
        return _of_climb(SavedClimb(data), asked)
    accuracy = LIKELY if accuracy is None else accuracy
    spread = SPREAD if spread is None else spread
    if not (0 < accuracy < 1 and 0 <= spread < 1):
        raise ExperimentError(
            f"accuracy and spread must be between 0 and 1; got {accuracy:g} and {spread:g}"
        )
    if changes and (isinstance(data, Dataset) or changes.get("data.folds")):
        raise ExperimentError(
            "a plan takes changes of images that it loads, and folds by `folds=` alone"
        )
    usual = defaults.ladder(pretrained=False) if ladder is None else ladder
    climbed = asked.part_of(usual if isinstance(usual, Ladder) else load_ladder(str(usual)))
    dataset = data if isinstance(data, Dataset) else load(str(data), changes=changes, quiet=quiet)
    tested = len(dataset.splits.test)
    every = sum(map(len, vars(dataset.splits).values()))
    return Planning(
        dataset.bank.source,
        len(climbed.rungs),
        len(questions.family(climbed)),
        every if folds else tested,
        f"guessed: an accuracy of {100 * accuracy:g} %, and a standard deviation of "
        f"{ACCURACY.write_size(spread)} between seeds",
        planning.guess(accuracy, spread, tested),
        folds,
        margin,
        advice.images_in_folds(dataset.provenance()),
    )


@dataclass(frozen=True)
class _Asked:
    """What a plan is for, whatever its figures come from."""

    rungs: Sequence[str] | None
    folds: int | None
    margin: float | None

    def __post_init__(self) -> None:
        if self.folds is not None and self.folds < 2:
            raise ExperimentError(f"folds must be 2 or more; got {self.folds}")
        if self.margin is not None and not 0 < self.margin < 100:
            raise ExperimentError(f"margin is in points, between 0 and 100; got {self.margin:g}")

    def part_of(self, ladder: Ladder) -> Ladder:
        """Return the rungs of the ladder that are asked for. Raises ExperimentError for one."""
        part = ladder.part(self.rungs) if self.rungs else ladder
        if not questions.family(part):
            raise ExperimentError(
                "a plan needs a ladder of two rungs or more: there is no comparison"
            )
        return part


def _of_climb(climb: SavedClimb, asked: _Asked) -> Planning:
    """Return the plan of a climb by its own results."""
    if climb.folds:
        raise RunError(f"{climb.folder} is a cross-validation: a plan is for climbs with seeds")
    variance = advice.typical_variance(climb)
    if variance is None:
        raise RunError(f"{climb.folder} has no two rungs with two seeds each: a plan needs them")
    ladder = asked.part_of(climb.ladder)
    counts = climb.about["data"]["counts"].values()
    every = sum(sum(of_split.values()) for of_split in counts)
    return Planning(
        str(climb.folder),
        len(ladder.rungs),
        len(questions.family(ladder)),
        every if asked.folds else variance.images,
        "measured in this climb, for the step in the middle",
        variance,
        asked.folds,
        asked.margin,
        climb.images_in_folds,
        climb.lineup.metric,
        is_measured=True,
    )
